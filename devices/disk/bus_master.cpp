#include "devices/disk/bus_master.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "devices/disk/bus_master_registers.h"

namespace ringside {

namespace {

constexpr uint32_t kRegionMax = 0x1'0000;
constexpr uint16_t kReceivedMasterAbort = 0x2000;  // PCI status register

uint32_t load_dword(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

}  // namespace

BusMaster::BusMaster(const DeviceSite& site, unsigned channel, PciFunction& pci, DmaPort& dma,
                     const BusMasterTiming& timing)
    : site_(site),
      channel_(channel),
      pci_(pci),
      dma_(dma),
      timing_(timing),
      registers_(kBusMasterRegisters) {}

BusMaster::~BusMaster() { site_.events.cancel(step_); }

// --- Registers ---

// Any width: the PIIX3 has byte enables for each register.
uint64_t BusMaster::read(uint64_t offset, unsigned size) {
  uint64_t value = 0;
  for (unsigned at = 0; at < size; ++at) value |= read_byte(offset + at) << (8 * at);
  return value;
}

uint64_t BusMaster::read_byte(uint64_t offset) {
  const uint64_t start_of = offset >= 4 ? 4 : offset;
  const size_t index = registers_.find(start_of);
  if (index == registers_.kNone || offset >= 8) return 0;  // reserved
  return registers_.read(*this, index) >> (8 * (offset - start_of)) & 0xff;
}

void BusMaster::write(uint64_t offset, unsigned size, uint64_t value) {
  for (unsigned at = 0; at < size; ++at) write_byte(offset + at, static_cast<uint8_t>(value >> (8 * at)));
}

void BusMaster::write_byte(uint64_t offset, uint8_t value) {
  const uint64_t start_of = offset >= 4 ? 4 : offset;
  const size_t index = registers_.find(start_of);
  if (index == registers_.kNone || offset >= 8) return;
  const unsigned shift = static_cast<unsigned>(8 * (offset - start_of));
  const uint64_t kept = registers_.value(index) & ~(uint64_t{0xff} << shift);
  registers_.write(*this, index, kept | uint64_t{value} << shift);
}

void BusMaster::write_command(uint64_t value) {
  const bool wanted = (value & kStart) != 0;
  if (wanted && !active()) start();
  if (!wanted && active()) stop();
}

void BusMaster::write_status(uint64_t value) { status() &= ~(value & (kError | kInterrupt)); }

void BusMaster::reset() {
  stop();
  registers_.reset();
  drive_ = nullptr;
}

// --- The engine ---

void BusMaster::start() {
  status() |= kActive;
  next_descriptor_ = table();
  left_ = 0;
  last_ = false;
  wrap_noticed_ = bus_noticed_ = false;
  go_on();
}

// Whatever is between drive and memory is lost; the drive goes on waiting.
void BusMaster::stop() {
  site_.events.cancel(step_);
  step_ = {};
  piece_ = 0;
  fetching_ = false;
  left_ = 0;
  status() &= ~uint64_t{kActive};
}

void BusMaster::fail(const char* what) {
  site_.notice(
      NoticeKind::unusual,
      fmt::format("bus master of channel {} stops with an error: {} (table {:#x}, next descriptor {:#x}, "
                  "address {:#x})",
                  channel_, what, table(), next_descriptor_, address_));
  stop();
  status() |= kError;
}

void BusMaster::abort() {
  fail("no memory there, a master abort");
  pci_.raise_status(kReceivedMasterAbort);
}

void BusMaster::go_on() {
  if (!active() || step_) return;
  if (!pci_.may_master()) {
    if (!bus_noticed_) {
      site_.notice(NoticeKind::unusual,
                   fmt::format("bus master of channel {} was started, but the PCI command register does not "
                               "enable bus mastering: it waits",
                               channel_));
    }
    bus_noticed_ = true;
    return;
  }
  if (left_ == 0) {
    fetching_ = true;
    step_ = site_.events.schedule(saturating_add(site_.clock.now, timing_.descriptor_fetch), "ide/descriptor",
                                  [this] {
                                    step_ = {};
                                    fetching_ = false;
                                    fetch();
                                  });
    return;
  }
  if (drive_ == nullptr || drive_->dma_available() == 0) return;
  const uint32_t to_boundary = kRegionMax - (address_ & (kRegionMax - 1));
  piece_ = std::min<size_t>({left_, to_boundary, drive_->dma_available()});
  step_ = site_.events.schedule(saturating_add(site_.clock.now, drive_->dma_time(piece_)), "ide/dma", [this] {
    step_ = {};
    move();
  });
}

void BusMaster::fetch() {
  std::array<uint8_t, 8> descriptor;
  if (!dma_.read(GuestPhys{next_descriptor_}, descriptor)) return abort();
  next_descriptor_ += descriptor.size();
  const uint32_t base = load_dword(&descriptor[0]), control = load_dword(&descriptor[4]);
  address_ = base & ~1u;
  left_ = control & 0xfffe;
  if (left_ == 0) left_ = kRegionMax;
  last_ = (control & 0x8000'0000) != 0;
  if (((base | control) & 1) != 0) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("descriptor at {:#x} has an odd address or count ({:#x}, {:#x}): bit 0 is taken as 0",
                    next_descriptor_ - 8, base, control));
  }
  if ((address_ & 0xffff) + left_ > kRegionMax && !wrap_noticed_) {
    wrap_noticed_ = true;
    site_.notice(
        NoticeKind::unusual,
        fmt::format("descriptor at {:#x}: {:#x} bytes at {:#x} cross 64 KiB, where the address wraps",
                    next_descriptor_ - 8, left_, address_));
  }
  go_on();
}

void BusMaster::move() {
  const size_t bytes = piece_;
  piece_ = 0;
  if (drive_ == nullptr || bytes > drive_->dma_available()) return go_on();
  AtaDrive& drive = *drive_;
  if (!pass(bytes)) return;
  const Tick late = dma_.take_delay();
  if (late.ps == 0) return moved(drive, bytes);
  step_ = site_.events.schedule(saturating_add(site_.clock.now, late), "ide/late", [this, bytes] {
    step_ = {};
    if (drive_ == nullptr || bytes > drive_->dma_available()) return go_on();
    moved(*drive_, bytes);
  });
}

void BusMaster::moved(AtaDrive& drive, size_t bytes) {
  address_ = (address_ & 0xffff'0000) | ((address_ + static_cast<uint32_t>(bytes)) & 0xffff);
  left_ -= static_cast<uint32_t>(bytes);
  if (left_ == 0 && last_) status() &= ~uint64_t{kActive};
  drive.dma_moved(bytes);
  go_on();
}

bool BusMaster::pass(size_t bytes) {
  const bool to_memory = (command() & kToMemory) != 0;
  if (to_memory != (drive_->dma() == AtaDrive::Dma::to_host)) {
    fail(to_memory ? "BMICOM says to memory, but the drive wants data"
                   : "BMICOM says from memory, but the drive has data");
    return false;
  }
  const GuestPhys at{address_};
  const bool done =
      to_memory ? dma_.write(at, drive_->dma_peek(bytes)) : dma_.read(at, drive_->dma_place(bytes));
  if (!done) abort();
  return done;
}

// --- The cable ---

void BusMaster::dma_requested(AtaDrive& drive) {
  drive_ = &drive;
  if (drive.settings().modes.ultra && !ultra_noticed_) {
    // DEVIATES: 82371SB - a PIIX3 cannot do Ultra DMA, and the transfer would fail; here it passes in that
    // mode.
    site_.notice(NoticeKind::unusual,
                 fmt::format("disk \"{}\" is set to Ultra DMA mode {}, which a PIIX3 does not have",
                             drive.name(), drive.settings().modes.dma));
    ultra_noticed_ = true;
  }
  go_on();
}

void BusMaster::dma_released(AtaDrive& drive) {
  if (drive_ != &drive) return;
  drive_ = nullptr;
  if (piece_ != 0) {
    site_.events.cancel(step_);
    step_ = {};
    piece_ = 0;
  }
}

void BusMaster::interrupt_raised() { status() |= kInterrupt; }

void BusMaster::visit_state(StateVisitor& visitor) const {
  visitor.number("bmicom", command());
  visitor.number("bmista", status());
  visitor.number("bmidtp", table());
  visitor.number("dmarq", drive_ != nullptr);
  visitor.number("next_descriptor", next_descriptor_);
  visitor.number("address", address_);
  visitor.number("left", left_);
  visitor.number("last", last_);
  visitor.number("fetching", fetching_);
  visitor.number("piece", piece_);
  visitor.number("wrap_noticed", wrap_noticed_);
  visitor.number("bus_noticed", bus_noticed_);
  visitor.number("ultra_noticed", ultra_noticed_);
}

}  // namespace ringside
