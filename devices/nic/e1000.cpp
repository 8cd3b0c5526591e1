// The bus faces of the controller: which register an access reaches, what a reset leaves, the way to memory,
// and the list of its state.
#include "devices/nic/e1000.h"

#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/e1000_bits.h"
#include "devices/nic/payloads.h"
#include "sim/hash.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr uint64_t kPacketMemory = 0x10000;  // SDM 13.8.11: PBM, the packet buffer, to the end of BAR0
constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;
constexpr uint16_t kReceivedMasterAbort = 0x2000;

constexpr PciIdentity kIdentity{.vendor = 0x8086,
                                .device = 0x100e,
                                .class_code = 0x020000,
                                .revision = 0x02,
                                .subsystem_vendor = 0x8086,
                                .subsystem = 0x001e,
                                .interrupt_pin = 1,
                                .message_signalled = true};

constexpr uint32_t part(uint32_t word, uint64_t offset, unsigned size) {
  const uint32_t shifted = word >> (8 * (offset & 3));
  return size >= 4 ? shifted : shifted & ((1u << (8 * size)) - 1);
}

}  // namespace

E1000::E1000(const DeviceSite& site, const E1000Config& config, Bus& ports, Bus& memory, DmaPort& dma,
             SwitchPort& port)
    : site_(site),
      config_(config),
      dma_(dma),
      port_(port),
      port_window_(*this),
      pci_(site, kIdentity, ports, memory, &dma),
      tx_wire_(site.wire("eth/" + site.name + "/tx", WireKind::message, kEthernetPayload)),
      rx_wire_(site.wire("eth/" + site.name + "/rx", WireKind::message, kEthernetPayload)),
      ring_wire_(site.wire("nic/" + site.name + "/ring", WireKind::sampled, kNicRingPayload)),
      registers_(E1000RegisterTable::rows()),
      packet_memory_(kMemoryBytes - kPacketMemory),
      eeprom_(config.mac, config.timing.eeprom_write),
      phy_(
          site, config.phy, [this] { update_link(); }, [this] { raise(kPhyint); }),
      tx_{kTdbal, kTxdctl, {}, {}, false},
      rx_{kRdbal, kRxdctl, {}, {}, false},
      link_wire_(site.wire("eth/" + site.name + "/link", WireKind::signal, kNicLinkPayload)),
      error_wire_(site.wire("nic/" + site.name + "/error", WireKind::signal, kNicErrorPayload)) {
  for (const E1000Array& array : e1000_arrays()) arrays_.emplace_back(array.words);
  pci_.add_bar(0, BarKind::memory, kMemoryBytes, *this);
  pci_.add_bar(2, BarKind::ports, kPortBytes, port_window_);
  pci_.on_change([this] { hear_pci_change(); });
  load_from_eeprom();
  phy_.set_cable(port_.link_up());
  port_.on_link_change([this](bool) { set_cable(); });
  port_.set_receiver([this](std::span<const uint8_t> frame) { frame_from_port(frame); });
  accept_faults();
}

E1000::~E1000() {
  forget_faults();
  port_.set_receiver({});
  port_.on_link_change({});
  cancel(transmit_delay_);
  cancel(receive_delay_);
  for (EventQueue::Handle* event : {&mdic_done_, &eerd_done_, &throttle_, &transmit_event_, &receive_event_,
                                    &line_event_, &cable_event_}) {
    site_.events.cancel(*event);
  }
}

uint32_t* E1000::array_word(uint32_t offset, uint32_t* writable) {
  const auto arrays = e1000_arrays();
  for (size_t i = 0; i < arrays.size(); ++i) {
    const E1000Array& array = arrays[i];
    if (offset < array.offset || offset >= array.offset + array.words * array.stride) continue;
    const uint32_t index = (offset - array.offset) / array.stride;
    if ((offset - array.offset) % array.stride != 0) return nullptr;
    if (writable != nullptr) *writable = (index & 1) != 0 ? array.writable_odd : array.writable;
    return &arrays_[i][index];
  }
  return nullptr;
}

// A word of a table, by its offset.
uint32_t E1000::table(uint32_t offset) const {
  const uint32_t* word = const_cast<E1000*>(this)->array_word(offset, nullptr);
  return word != nullptr ? *word : 0;
}

uint32_t E1000::read_word(uint32_t offset) {
  if (offset >= kPacketMemory) {
    const uint8_t* bytes = &packet_memory_[offset - kPacketMemory];
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
  }
  if (const size_t index = registers_.find(offset); index != decltype(registers_)::kNone) {
    return static_cast<uint32_t>(registers_.read(*this, index));
  }
  if (const uint32_t* word = array_word(offset, nullptr)) return *word;
  site_.notice(NoticeKind::unhandled, fmt::format("register {:#07x}: read, but there is none", offset));
  return 0;
}

void E1000::write_word(uint32_t offset, uint32_t value) {
  if (offset >= kPacketMemory) {
    for (unsigned i = 0; i < 4; ++i)
      packet_memory_[offset - kPacketMemory + i] = static_cast<uint8_t>(value >> 8 * i);
    return;
  }
  if (const size_t index = registers_.find(offset); index != decltype(registers_)::kNone) {
    registers_.write(*this, index, value);
    return;
  }
  uint32_t writable = 0;
  if (uint32_t* word = array_word(offset, &writable)) {
    *word = (*word & ~writable) | (value & writable);
    return;
  }
  site_.notice(NoticeKind::unhandled,
               fmt::format("register {:#07x}: write of {:#x}, but there is none", offset, value));
}

// SDM 13.2.1: registers are 32 bits wide. A narrower read gives its part of the whole.
// DEVIATES: SDM 13.2.1 - a narrower write, which is not allowed, does nothing here.
uint64_t E1000::read(uint64_t offset, unsigned size) {
  if (offset >= kMemoryBytes) return ~0ull;
  const auto aligned = static_cast<uint32_t>(offset & ~3ull);
  uint64_t value = part(read_word(aligned), offset, size);
  const unsigned first = 4 - static_cast<unsigned>(offset & 3);
  if (size > first && aligned + 4 < kMemoryBytes)
    value |= static_cast<uint64_t>(read_word(aligned + 4)) << (8 * first);
  return value;
}

void E1000::write(uint64_t offset, unsigned size, uint64_t value) {
  if (offset >= kMemoryBytes) return;
  if (size < 4 || (offset & 3) != 0) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("register {:#07x}: write of {} bytes ({:#x}) is ignored: only 32 bits, aligned, reach it",
                    offset, size, value));
    return;
  }
  write_word(static_cast<uint32_t>(offset), static_cast<uint32_t>(value));
  if (size == 8 && offset + 4 < kMemoryBytes) {
    write_word(static_cast<uint32_t>(offset + 4), static_cast<uint32_t>(value >> 32));
  }
}

uint64_t E1000::PortWindow::read(uint64_t offset, unsigned size) {
  const uint64_t aligned = offset & ~3ull;
  uint32_t word = 0;
  if (aligned == 0) word = address;
  if (aligned == 4 && address < kMemoryBytes) word = controller_.read_word(address & ~3u);
  return part(word, offset, size);
}

void E1000::PortWindow::write(uint64_t offset, unsigned size, uint64_t value) {
  if (size != 4 || (offset != 0 && offset != 4)) {
    controller_.site_.notice(
        NoticeKind::unusual,
        fmt::format("{}: write of {} bytes at offset {} ({:#x}) is ignored: only 32 bits reach it",
                    offset < 4 ? "IOADDR" : "IODATA", size, offset, value));
    return;
  }
  if (offset == 0) {
    address = static_cast<uint32_t>(value) & 0xfffff;  // 13.2.2.1
  } else if (address < kMemoryBytes) {
    controller_.write_word(address & ~3u, static_cast<uint32_t>(value));
  }
}

void E1000::reset() {
  reset_mac(true);
  port_window_.address = 0;
  phy_.hold_reset(true);
  phy_.hold_reset(false);
  pci_.reset();
}

// CTRL.RST (SDM 14.7) leaves the PCI configuration, the PHY, PBA and the filter tables as they are.
void E1000::reset_mac(bool power_on) {
  const uint32_t packet_buffer = get(kPba), wakeup = get(kWus);
  cancel(transmit_delay_);
  cancel(receive_delay_);
  for (EventQueue::Handle* event :
       {&mdic_done_, &eerd_done_, &throttle_, &transmit_event_, &receive_event_, &line_event_}) {
    site_.events.cancel(*event);
  }
  registers_.reset();
  if (!power_on) {
    set(kPba, packet_buffer);
    set(kWus, wakeup);
  } else {
    for (auto& array : arrays_) std::fill(array.begin(), array.end(), 0);
    std::fill(packet_memory_.begin(), packet_memory_.end(), 0);
  }
  receive_kilobytes_ = get(kPba) & 0x7f;
  forget(tx_);
  forget(rx_);
  normal_context_ = segment_context_ = {};
  transmit_fifo_.clear();
  receive_fifo_.clear();
  transmit_fifo_bytes_ = receive_fifo_bytes_ = 0;
  line_free_at_ = line_starts_at_ = paused_until_ = bus_free_at_ = {};
  sent_xoff_ = interrupted_once_ = link_seen_up_ = false;
  eeprom_.set_pins(false, false, false, site_.clock.now);
  load_from_eeprom();
  update_interrupt();
}

// SDM 5.6: what the controller takes from the EEPROM by itself. The first receive address becomes valid.
void E1000::load_from_eeprom() {
  if (eeprom_.word(0x0a) >> 14 != 1) return;  // 5.6.7: no valid signature
  *array_word(kRal, nullptr) = eeprom_.word(0) | static_cast<uint32_t>(eeprom_.word(1)) << 16;
  *array_word(kRal + 4, nullptr) = eeprom_.word(2) | kRahAv;
}

// A transfer takes its setup and four bytes a clock, one after another with all others.
Tick E1000::occupy_bus(size_t bytes) {
  const uint64_t hz = std::max<uint64_t>(config_.timing.pci_hz, 1'000'000);
  const uint64_t clocks = std::min(config_.timing.pci_transaction_clocks, 1'000'000u) + (bytes + 3) / 4;
  const Tick busy{clocks * (kPicosecondsPerSecond / hz)};
  bus_free_at_ = saturating_add(std::max(site_.clock.now, bus_free_at_), busy);
  return bus_free_at_;
}

bool E1000::dma_read(uint64_t address, std::span<uint8_t> into, const char* what) {
  occupy_bus(into.size());
  const bool done = dma_.read(GuestPhys{address}, into);
  bus_free_at_ = saturating_add(bus_free_at_, dma_.take_delay());
  if (done) return true;
  pci_.raise_status(kReceivedMasterAbort);
  site_.notice(NoticeKind::unusual,
               fmt::format("{}: reading {} bytes at {:#x} met no memory: the ring stands still "
                           "until its next doorbell",
                           what, into.size(), address));
  return false;
}

bool E1000::dma_write(uint64_t address, std::span<const uint8_t> from, const char* what) {
  occupy_bus(from.size());
  const bool done = dma_.write(GuestPhys{address}, from);
  bus_free_at_ = saturating_add(bus_free_at_, dma_.take_delay());
  if (done) return true;
  pci_.raise_status(kReceivedMasterAbort);
  site_.notice(NoticeKind::unusual,
               fmt::format("{}: storing {} bytes at {:#x} met no memory: the ring stands still "
                           "until its next doorbell",
                           what, from.size(), address));
  return false;
}

// The command register may have given or taken the right to master the bus.
void E1000::hear_pci_change() {
  kick_transmit();
  kick_receive();
}

void E1000::visit_state(StateVisitor& visitor) const {
  const auto at = [](const EventQueue::Handle& event) { return event ? event.at.ps : 0; };
  const auto frames = [](const std::deque<Frame>& fifo) {
    uint64_t digest = fifo.size();
    for (const Frame& frame : fifo) {
      digest = hash_mix(digest, hash64(frame.bytes));
      digest = hash_mix(digest, frame.ready_at.ps);
      digest = hash_mix(digest, frame.status | frame.errors << 8 | (frame.bad_fcs ? 1 << 16 : 0));
      digest = hash_mix(digest, frame.checksum | static_cast<uint32_t>(frame.tag) << 16);
      digest = hash_mix(digest, frame.stored);
    }
    return digest;
  };
  const auto ring = [](const Ring& of) {
    uint64_t digest = of.fetched.size() << 1 | (of.halted ? 1 : 0);
    for (const Descriptor& descriptor : of.fetched) digest = hash_mix(digest, hash64(descriptor));
    for (const WriteBack& done : of.pending)
      digest = hash_mix(hash_mix(digest, done.index), hash64(done.descriptor));
    return digest;
  };
  const auto context = [](const Context& of) {
    uint64_t digest = hash_mix(
        of.payload_length, of.mss << 16 | of.header_length << 8 | (of.is_tcp ? 2 : 0) | (of.is_ipv4 ? 1 : 0));
    for (const ChecksumRange& range : {of.ip, of.tcp}) {
      digest = hash_mix(digest, range.start << 24 | range.offset << 16 | range.end);
    }
    return digest;
  };
  for (size_t i = 0; i < registers_.rows().size(); ++i)
    visitor.number(registers_.row(i).name, registers_.value(i));
  for (size_t i = 0; i < arrays_.size(); ++i) {
    visitor.bytes(e1000_arrays()[i].name,
                  {reinterpret_cast<const uint8_t*>(arrays_[i].data()), arrays_[i].size() * 4});
  }
  visitor.bytes("PBM", packet_memory_);
  visitor.number("IOADDR", port_window_.address);
  pci_.visit_state(visitor);
  eeprom_.visit_state(visitor);
  phy_.visit_state(visitor);
  visitor.number("link_seen_up", link_seen_up_);
  visitor.number("interrupted_at", interrupted_at_.ps);
  visitor.number("interrupt_flags",
                 (interrupted_once_ ? 1 : 0) | (pci_level_ ? 2 : 0) | (sent_xoff_ ? 4 : 0));
  visitor.number("tx_ring", ring(tx_));
  visitor.number("rx_ring", ring(rx_));
  visitor.number("bus_free_at", bus_free_at_.ps);
  visitor.number("normal_context", context(normal_context_));
  visitor.number("segment_context", context(segment_context_));
  visitor.number("packet_flags", (packet_.open ? 1 : 0) | (packet_.segmented ? 2 : 0) |
                                     (packet_.discarded ? 4 : 0) | (packet_.vlan ? 8 : 0) |
                                     (packet_.insert_fcs ? 16 : 0));
  visitor.number("packet_options",
                 packet_.options << 16 | packet_.checksum_offset << 8 | packet_.checksum_start);
  visitor.number("packet_tag", packet_.tag);
  visitor.number("packet_payload_left", packet_.payload_left);
  visitor.number("packet_frames", packet_.frames);
  visitor.bytes("packet_header", packet_.header);
  visitor.bytes("packet_bytes", packet_.bytes);
  visitor.number("buffer_offset", buffer_offset_);
  visitor.number("receive_kilobytes", receive_kilobytes_);
  visitor.number("transmit_fifo", frames(transmit_fifo_));
  visitor.number("receive_fifo", frames(receive_fifo_));
  visitor.number("cable", frames(cable_));
  visitor.number("line_starts_at", line_starts_at_.ps);
  visitor.number("line_free_at", line_free_at_.ps);
  visitor.number("cable_free_at", cable_free_at_.ps);
  visitor.number("paused_until", paused_until_.ps);
  uint64_t events = 0;
  for (const EventQueue::Handle* event :
       {&mdic_done_, &eerd_done_, &throttle_, &transmit_delay_.packet, &transmit_delay_.absolute,
        &receive_delay_.packet, &receive_delay_.absolute, &transmit_event_, &receive_event_, &line_event_,
        &cable_event_}) {
    events = hash_mix(events, at(*event));
  }
  visitor.number("events", events);
  const uint64_t spoiled = next_receive_errors_ | uint64_t{next_transmit_status_} << 8 |
                           uint64_t{packet_status_} << 16 | uint64_t{cable_pulled_} << 24;
  if (spoiled != 0) visitor.number("faults", spoiled);
}

}  // namespace ringside
