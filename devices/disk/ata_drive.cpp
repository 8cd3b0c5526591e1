#include "devices/disk/ata_drive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "devices/disk/ata_commands.h"
#include "devices/disk/payloads.h"
#include "sim/hash.h"

namespace ringside {

namespace {

// A whole number of the largest DRQ blocks, so that no block is split between two requests to the medium; at
// most what one 48-bit command moves.
uint32_t whole_blocks(uint32_t sectors) {
  return (std::clamp<uint32_t>(sectors, kMultipleMax, 65536) / kMultipleMax) * kMultipleMax;
}

AtaDriveConfig checked(AtaDriveConfig config) {
  config.buffer_sectors = whole_blocks(config.buffer_sectors);
  return config;
}

// What a fault's fail(code) puts into the Error register: ABRT where the code has no bits for it.
uint8_t fault_code(int64_t fail) {
  return (fail & 0xff) != 0 ? static_cast<uint8_t>(fail & 0xff) : ata::kAbrt;
}

}  // namespace

AtaDrive::AtaDrive(const DeviceSite& site, unsigned unit, DiskImage& image, const AtaDriveConfig& config,
                   AtaCable& cable)
    : site_(site.named(config.name)),
      unit_(unit),
      image_(image),
      config_(checked(config)),
      cable_(cable),
      command_wire_(site.wire("ata/" + config.name + "/command", WireKind::message, kAtaCommandPayload)),
      completion_wire_(
          site.wire("ata/" + config.name + "/completion", WireKind::message, kAtaCompletionPayload)),
      cache_(image, static_cast<size_t>(config_.buffer_sectors) * ata::kSectorBytes) {
  revert_settings();
  put_signature();
}

AtaDrive::~AtaDrive() { site_.events.cancel(step_); }

// --- Registers ---

void AtaDrive::set_interrupt(bool pending) {
  if (interrupt_ == pending) return;
  interrupt_ = pending;
  cable_.interrupt_changed();
}

void AtaDrive::acknowledge_interrupt() { set_interrupt(false); }

uint8_t AtaDrive::read_parameter(ata::Parameter parameter, bool previous) const {
  const size_t depth = previous ? 1 : 0;
  switch (parameter) {
    case ata::Parameter::features: return error_;
    case ata::Parameter::sector_count: return file_.sector_count[depth];
    case ata::Parameter::lba_low: return file_.lba_low[depth];
    case ata::Parameter::lba_mid: return file_.lba_mid[depth];
    case ata::Parameter::lba_high: return file_.lba_high[depth];
    case ata::Parameter::device: return file_.device;
  }
  return 0;
}

void AtaDrive::write_parameter(ata::Parameter parameter, uint8_t value) {
  if ((status_ & (ata::kBsy | ata::kDrq)) != 0 || power_ == Power::sleep) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("a write of {:#04x} to command block register {} is lost: Status is {:#04x}{}",
                             value, static_cast<unsigned>(parameter), status_, shown()));
    return;
  }
  const auto push = [value](std::array<uint8_t, 2>& deep) { deep = {value, deep[0]}; };
  switch (parameter) {
    case ata::Parameter::features: return push(file_.features);
    case ata::Parameter::sector_count: return push(file_.sector_count);
    case ata::Parameter::lba_low: return push(file_.lba_low);
    case ata::Parameter::lba_mid: return push(file_.lba_mid);
    case ata::Parameter::lba_high: return push(file_.lba_high);
    case ata::Parameter::device: file_.device = value;
  }
}

std::string AtaDrive::shown() const {
  if (power_ == Power::sleep) return ", the drive sleeps and hears resets only";
  if (command_.row == nullptr) return {};
  return fmt::format(", {} ({:#04x}) is under way", command_.row->name, command_.opcode);
}

// --- A command's beginning ---

AtaDrive::Command AtaDrive::decode(uint8_t opcode) const {
  Command command;
  command.row = AtaCommands::find(opcode);
  command.opcode = opcode;
  command.device = file_.device;
  command.taken_at = site_.clock.now;
  const bool ext = command.row != nullptr && command.row->ext;
  const auto number = [ext](const std::array<uint8_t, 2>& deep) -> uint32_t {
    return ext ? static_cast<uint32_t>(deep[1] << 8 | deep[0]) : deep[0];
  };
  command.features = static_cast<uint16_t>(number(file_.features));
  command.count = number(file_.sector_count);
  if (command.row != nullptr && command.row->addressed && command.count == 0)
    command.count = ext ? 65536 : 256;
  command.media_count = command.count;
  const uint64_t low = file_.lba_high[0] << 16 | file_.lba_mid[0] << 8 | file_.lba_low[0];
  if (ext) {
    command.lba = static_cast<uint64_t>(file_.lba_high[1]) << 40 |
                  static_cast<uint64_t>(file_.lba_mid[1]) << 32 |
                  static_cast<uint64_t>(file_.lba_low[1]) << 24 | low;
  } else if ((file_.device & ata::kLba) != 0) {
    command.lba = static_cast<uint64_t>(file_.device & ata::kHeadMask) << 24 | low;
  } else {
    const auto lba = settings_.translation.to_lba(static_cast<uint32_t>(low >> 8),
                                                  file_.device & ata::kHeadMask, file_.lba_low[0]);
    command.addressable = lba.has_value();
    command.lba = lba.value_or(0);
  }
  return command;
}

// Shows the command to the taps, which may change it; false when it is lost.
bool AtaDrive::show_command(Tick& delay) {
  if (!command_wire_.tapped()) return true;
  AtaCommandRecord record{};
  record.lba = command_.lba;
  record.count = command_.count;
  record.features = command_.features;
  record.opcode = command_.opcode;
  record.device = command_.device;
  record.dma = command_.row != nullptr && command_.row->dma;
  std::vector<uint8_t> payload(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
  const Verdict verdict = command_wire_.pass(Direction::out, payload);
  AtaCommandRecord changed = record;
  std::memcpy(&changed, payload.data(), std::min(payload.size(), sizeof changed));
  if (changed.lba != record.lba) {
    command_.lba = changed.lba;
    command_.addressable = true;
  }
  command_.media_count = std::min(command_.media_count, changed.count);
  command_.features = changed.features;
  command_.opcode = changed.opcode;
  command_.row = AtaCommands::find(changed.opcode);
  // A drive has one command at a time: none follows that this one could fall behind.
  delay = verdict.behind != 0 ? std::max(verdict.delay, Wire::kReorderLimit) : verdict.delay;
  if (verdict.fail != 0) command_.fail = fault_code(verdict.fail);
  return verdict.copies != 0;
}

void AtaDrive::write_command(uint8_t opcode) {
  if ((status_ & (ata::kBsy | ata::kDrq)) != 0 || power_ == Power::sleep) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("command {:#04x} is lost: Status is {:#04x}{}", opcode, status_, shown()));
    return;
  }
  set_interrupt(false);
  ++run_;
  command_ = decode(opcode);
  transfer_ = {};
  error_ = 0;
  busy();
  Tick delay;
  if (!show_command(delay)) return;  // lost in the drive: busy until a reset
  after(saturating_add(saturating_add(delay, config_.timing.command_overhead), wake_up()), "ata/command",
        &AtaDrive::begin);
}

void AtaDrive::begin() {
  if (command_.fail != 0) return fail_at(command_.lba, command_.fail);
  const AtaCommandRow* row = command_.row;
  if (row == nullptr) {
    site_.notice(NoticeKind::unhandled,
                 fmt::format("command {:#04x} (Features {:#04x}) is not one of this disk's: aborted",
                             command_.opcode, command_.features));
    return finish(ata::kAbrt);
  }
  if (row->addressed) {
    if (const auto bad = first_bad_sector()) {
      site_.notice(NoticeKind::unusual,
                   fmt::format("{} of {} sectors at {} leaves the disk of {} sectors", row->name,
                               command_.count, command_.lba, image_.sectors()));
      return command_.addressable ? fail_at(*bad, ata::kIdnf) : finish(ata::kIdnf);
    }
  }
  (this->*row->start)();
}

std::optional<uint64_t> AtaDrive::first_bad_sector() const {
  const uint64_t capacity = image_.sectors();
  if (!command_.addressable) return command_.lba;
  if (command_.lba >= capacity) return command_.lba;
  if (command_.count > capacity - command_.lba) return capacity;
  return {};
}

// --- A command's end ---

void AtaDrive::fail_at(uint64_t lba, uint8_t error) {
  command_.failing_lba = lba;
  put_address(lba);
  finish(error);
}

void AtaDrive::put_address(uint64_t lba) {
  const auto byte = [](uint64_t value, unsigned at) { return static_cast<uint8_t>(value >> (8 * at)); };
  if (command_.row != nullptr && command_.row->ext) {
    file_.lba_low = {byte(lba, 0), byte(lba, 3)};
    file_.lba_mid = {byte(lba, 1), byte(lba, 4)};
    file_.lba_high = {byte(lba, 2), byte(lba, 5)};
    return;
  }
  uint64_t low = lba & 0xff'ffff;
  uint8_t head = static_cast<uint8_t>(lba >> 24 & ata::kHeadMask);
  if ((command_.device & ata::kLba) == 0) {
    const AtaGeometry::Address address = settings_.translation.from_lba(lba);
    low = (address.cylinder & 0xffff) << 8 | (address.sector & 0xff);
    head = static_cast<uint8_t>(address.head & ata::kHeadMask);
  }
  file_.lba_low[0] = byte(low, 0);
  file_.lba_mid[0] = byte(low, 1);
  file_.lba_high[0] = byte(low, 2);
  file_.device = static_cast<uint8_t>((file_.device & ~ata::kHeadMask) | head);
}

void AtaDrive::finish(uint8_t error, bool interrupt) {
  drq_ = false;
  busy();
  const auto ready = static_cast<uint8_t>(ata::kReady | (error != 0 ? ata::kErr : 0));
  if (!completion_wire_.tapped()) return settle(ready, error, interrupt);
  AtaCompletionRecord record{};
  record.lba = command_.failing_lba.value_or(command_.lba);
  record.latency = (site_.clock.now - command_.taken_at).ps;
  record.count = command_.count;
  record.opcode = command_.opcode;
  record.status = ready;
  record.error = error;
  std::vector<uint8_t> payload(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
  const Verdict verdict = completion_wire_.pass(Direction::in, payload);
  if (verdict.copies == 0) return;  // the drive hangs: busy until a reset
  std::memcpy(&record, payload.data(), std::min(payload.size(), sizeof record));
  if (verdict.fail != 0) {
    record.error = fault_code(verdict.fail);
    record.status = static_cast<uint8_t>(record.status | ata::kErr);
  }
  const bool ask = (interrupt || verdict.fail != 0) && record.interrupt_lost == 0;
  if (verdict.copies > 1 && ask) repeat_interrupt(verdict.delay);
  if (verdict.punctual()) return settle(record.status, record.error, ask);
  const Tick delay = verdict.behind != 0 ? std::max(verdict.delay, Wire::kReorderLimit) : verdict.delay;
  step_ = site_.events.schedule(saturating_add(site_.clock.now, delay), "ata/delayed",
                                [this, status = record.status, error = record.error, ask] {
                                  step_ = {};
                                  settle(status, error, ask);
                                });
}

// A fault lets INTRQ come once more, when the driver has begun to deal with the first one.
void AtaDrive::repeat_interrupt(Tick delay) {
  constexpr Tick kRepeatSpacing = microseconds(20);
  Verdict again;
  again.delay = saturating_add(delay, kRepeatSpacing);
  completion_wire_.release(again, "ata/repeated", [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired() && !in_reset_) set_interrupt(true);
  });
}

void AtaDrive::settle(uint8_t status, uint8_t error, bool interrupt) {
  // EXECUTE DEVICE DIAGNOSTIC has put its code there by itself.
  if (error != 0) error_ = error;
  status_ = static_cast<uint8_t>(status & ~(ata::kBsy | ata::kDrq));
  transfer_ = {};
  command_.row = nullptr;
  last_command_at_ = site_.clock.now;
  if (interrupt) set_interrupt(true);
}

// --- Resets ---

void AtaDrive::put_signature() {
  file_ = {};
  file_.sector_count[0] = 1;
  file_.lba_low[0] = 1;
  error_ = ata::kDiagnosticPassed;
}

// Whatever is under way is over.
void AtaDrive::abandon() {
  ++run_;
  site_.events.cancel(step_);
  step_ = {};
  drq_ = false;
  if (dma_ != Dma::none) {
    dma_ = Dma::none;
    cable_.dma_released(*this);
  }
  cache_.forget_waiting();
  transfer_ = {};
  command_ = {};
  set_interrupt(false);
}

void AtaDrive::begin_reset() {
  abandon();
  in_reset_ = true;
  busy();
}

void AtaDrive::end_reset() {
  if (in_reset_) after(config_.timing.reset, "ata/reset", &AtaDrive::reset_done);
}

void AtaDrive::reset_done() {
  in_reset_ = false;
  // 66h or CCh of SET FEATURES say whether SRST keeps what other commands have set.
  if (settings_.revert_on_reset) revert_settings();
  if (power_ == Power::sleep) power_ = Power::standby;
  put_signature();
  status_ = ata::kReady;
  last_command_at_ = site_.clock.now;
}

void AtaDrive::power_on() {
  abandon();
  in_reset_ = false;
  revert_settings();
  power_ = Power::active;
  standby_after_ = Tick::never();
  sector_buffer_.fill(0);
  put_signature();
  status_ = ata::kReady;
  last_command_at_ = site_.clock.now;
}

// --- Time ---

void AtaDrive::after(Tick delay, const char* name, void (AtaDrive::*step)()) {
  site_.events.cancel(step_);
  step_ = site_.events.schedule(saturating_add(site_.clock.now, delay), name, [this, step] {
    step_ = {};
    (this->*step)();
  });
}

DiskImage::Done AtaDrive::answer(std::function<void(DiskImage::Status)> then) {
  return [this, alive = std::weak_ptr<int>(alive_), run = run_, buffer = transfer_.buffer,
          then = std::move(then)](DiskImage::Status status) {
    if (!alive.expired() && run == run_) then(status);
  };
}

std::function<void()> AtaDrive::when_current(std::function<void()> then) {
  return [this, run = run_, then = std::move(then)] {
    if (run == run_) then();
  };
}

void AtaDrive::visit_state(StateVisitor& visitor) const {
  visitor.number("status", status_);
  visitor.number("error", error_);
  visitor.number("interrupt", interrupt_);
  visitor.number("in_reset", in_reset_);
  visitor.bytes("features", file_.features);
  visitor.bytes("sector_count", file_.sector_count);
  visitor.bytes("lba_low", file_.lba_low);
  visitor.bytes("lba_mid", file_.lba_mid);
  visitor.bytes("lba_high", file_.lba_high);
  visitor.number("device", file_.device);
  visitor.number("write_cache", settings_.write_cache);
  visitor.number("look_ahead", settings_.look_ahead);
  visitor.number("revert_on_reset", settings_.revert_on_reset);
  visitor.number("multiple", settings_.multiple);
  visitor.number("pio_mode", settings_.modes.pio);
  visitor.number("ultra", settings_.modes.ultra);
  visitor.number("dma_mode", settings_.modes.dma);
  visitor.number("cylinders", settings_.translation.cylinders);
  visitor.number("heads", settings_.translation.heads);
  visitor.number("sectors", settings_.translation.sectors);
  visitor.number("power", static_cast<uint64_t>(power_));
  visitor.number("standby_after", standby_after_.ps);
  visitor.number("last_command_at", last_command_at_.ps);
  visitor.number("run", run_);
  visitor.number("command", command_.opcode);
  visitor.number("command_known", command_.row != nullptr);
  visitor.number("command_features", command_.features);
  visitor.number("command_device", command_.device);
  visitor.number("command_lba", command_.addressable ? command_.lba + 1 : 0);
  visitor.number("command_count", command_.count);
  visitor.number("command_media_count", command_.media_count);
  visitor.number("command_fail", command_.fail);
  visitor.number("command_taken_at", command_.taken_at.ps);
  visitor.number("transfer_kind", transfer_.write | transfer_.medium << 1 | transfer_.through << 2);
  visitor.number("transfer_lba", transfer_.lba);
  visitor.number("transfer_sectors", transfer_.sectors);
  visitor.number("transfer_media_left", transfer_.media_left);
  visitor.number("transfer_buffer", transfer_.buffer ? hash64(*transfer_.buffer) : 0);
  visitor.number("transfer_cached", WriteCache::digest(transfer_.cached));
  visitor.number("transfer_filled", transfer_.filled);
  visitor.number("transfer_position", transfer_.position);
  visitor.number("block_start", transfer_.block_start);
  visitor.number("block_end", transfer_.block_end);
  visitor.number("block_bytes", transfer_.block_bytes);
  visitor.number("block_began", transfer_.block_began.ps);
  visitor.number("dma", static_cast<uint64_t>(dma_));
  visitor.number("drq", drq_);
  visitor.bytes("sector_buffer", sector_buffer_);
  cache_.visit_state(visitor);
}

}  // namespace ringside
