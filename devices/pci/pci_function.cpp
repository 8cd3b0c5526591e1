// The configuration header is an array of bytes with a mask for each: what a write may change, and what
// writing a one clears (PCI Local Bus Specification 3.0, 6.2). Whatever follows from the registers (where
// the BARs answer, the INTx# pin) is worked out again after each write that touches them.
#include "devices/pci/pci_function.h"

#include <fmt/format.h>

#include <utility>

#include "sim/assert.h"

namespace ringside {

namespace {

// PCI 3.0, figure 6-1: the header's registers.
constexpr uint8_t kVendorId = 0x00, kDeviceId = 0x02, kCommand = 0x04, kStatus = 0x06, kRevisionId = 0x08;
constexpr uint8_t kClassCode = 0x09, kCacheLineSize = 0x0c, kLatencyTimer = 0x0d, kHeaderType = 0x0e;
constexpr uint8_t kBaseAddress = 0x10, kSubsystemVendorId = 0x2c, kSubsystemId = 0x2e, kCapabilities = 0x34;
constexpr uint8_t kInterruptLine = 0x3c, kInterruptPin = 0x3d;

// 6.2.2, command.
constexpr uint16_t kIoSpace = 1 << 0, kMemorySpace = 1 << 1, kBusMaster = 1 << 2;
constexpr uint16_t kParityResponse = 1 << 6, kSerrEnable = 1 << 8, kInterruptDisable = 1 << 10;
// 6.2.3, status. Bits 8 and 11 to 15 record errors, and a written one clears them.
constexpr uint16_t kInterruptStatus = 1 << 3, kCapabilitiesList = 1 << 4, kDevselMedium = 1 << 9;
constexpr uint16_t kReceivedMasterAbort = 1 << 13, kStatusErrors = 0xf900;

// 6.8.1, the MSI capability for 64-bit addresses without masks.
constexpr uint8_t kMsi = 0x50, kMsiControl = 0x52, kMsiAddress = 0x54, kMsiAddressHigh = 0x58,
                  kMsiData = 0x5c;
constexpr uint8_t kMsiId = 0x05;
constexpr uint16_t kMsiEnable = 1 << 0, kMsiMultipleEnable = 7 << 4, kMsi64Bit = 1 << 7;

constexpr uint32_t kPortsIndicator = 1;  // 6.2.5.1: bit 0 of a BAR

constexpr bool touches(uint8_t offset, unsigned size, unsigned first, unsigned length) {
  return offset < first + length && first < offset + size;
}

}  // namespace

PciFunction::PciFunction(const DeviceSite& site, const PciIdentity& identity, Bus& ports, Bus& memory,
                         DmaPort* dma)
    : site_(site), identity_(identity), ports_(ports), memory_(memory), dma_(dma) {
  set_writable(kCommand, 2, kBusMaster | kParityResponse | kSerrEnable | kInterruptDisable);
  set_writable(kCacheLineSize, 1, 0xff);
  set_writable(kLatencyTimer, 1, 0xff);
  if (identity_.interrupt_pin != 0) set_writable(kInterruptLine, 1, 0xff);
  write_clears_[kStatus + 1] = kStatusErrors >> 8;
  if (identity_.message_signalled) {
    set_writable(kMsiControl, 2, kMsiEnable | kMsiMultipleEnable);
    set_writable(kMsiAddress, 4, ~3u);
    set_writable(kMsiAddressHigh, 4, ~0u);
    set_writable(kMsiData, 2, 0xffff);
  }
  lay_out();
}

PciFunction::~PciFunction() {
  for (auto& bar : bars_) {
    if (bar && bar->mapping != 0) (bar->kind == BarKind::ports ? ports_ : memory_).unmap(bar->mapping);
  }
}

// Every register as RST# leaves it.
void PciFunction::lay_out() {
  space_.fill(0);
  put(kVendorId, 2, identity_.vendor);
  put(kDeviceId, 2, identity_.device);
  put(kStatus, 2, kDevselMedium | (identity_.message_signalled ? kCapabilitiesList : 0));
  put(kRevisionId, 1, identity_.revision);
  put(kClassCode, 1, identity_.class_code);
  put(kClassCode + 1, 2, identity_.class_code >> 8);
  put(kHeaderType, 1, identity_.header_type);
  put(kSubsystemVendorId, 2, identity_.subsystem_vendor);
  put(kSubsystemId, 2, identity_.subsystem);
  put(kInterruptPin, 1, identity_.interrupt_pin);
  if (identity_.message_signalled) {
    put(kCapabilities, 1, kMsi);
    put(kMsi, 1, kMsiId);
    put(kMsiControl, 2, kMsi64Bit);
  }
  for (unsigned i = 0; i < bars_.size(); ++i) {
    if (bars_[i] && bars_[i]->kind == BarKind::ports) put(kBaseAddress + 4 * i, 4, kPortsIndicator);
  }
  for (const OwnRegister& own : own_) put(own.offset, own.size, own.reset);
}

void PciFunction::add_bar(unsigned index, BarKind kind, uint32_t length, BusTarget& target,
                          std::string name) {
  SIM_ASSERT(index < bars_.size() && !bars_[index]);
  SIM_ASSERT((length & (length - 1)) == 0 && length >= (kind == BarKind::ports ? 4u : 16u));  // 6.2.5.1
  bars_[index] = Bar{kind, length, &target, name.empty() ? site_.name : std::move(name), 0, 0};
  const auto offset = static_cast<uint8_t>(kBaseAddress + 4 * index);
  set_writable(offset, 4, ~(length - 1));
  put(offset, 4, kind == BarKind::ports ? kPortsIndicator : 0);
  writable_[kCommand] |= static_cast<uint8_t>(kind == BarKind::ports ? kIoSpace : kMemorySpace);
}

void PciFunction::add_register(std::string name, uint8_t offset, unsigned size, uint32_t reset,
                               uint32_t writable, std::function<void(uint32_t value)> on_write) {
  SIM_ASSERT((size == 1 || size == 2 || size == 4) && offset % size == 0);
  set_writable(offset, size, writable);
  put(offset, size, reset);
  own_.push_back({std::move(name), offset, size, reset, std::move(on_write)});
}

void PciFunction::on_change(std::function<void()> listener) { listeners_.push_back(std::move(listener)); }

uint32_t PciFunction::stored(uint8_t offset, unsigned size) const {
  uint32_t value = 0;
  for (unsigned i = 0; i < size && i < 4; ++i) {
    value |= static_cast<uint32_t>(space_[(offset + i) & 0xff]) << (8 * i);
  }
  return value;
}

void PciFunction::put(uint8_t offset, unsigned size, uint32_t value) {
  for (unsigned i = 0; i < size && i < 4; ++i) {
    space_[(offset + i) & 0xff] = static_cast<uint8_t>(value >> (8 * i));
  }
}

void PciFunction::set_writable(uint8_t offset, unsigned size, uint32_t mask) {
  for (unsigned i = 0; i < size; ++i) {
    writable_[(offset + i) & 0xff] = static_cast<uint8_t>(mask >> (8 * i));
  }
}

uint32_t PciFunction::config_read(uint8_t offset, unsigned size) const { return stored(offset, size); }

void PciFunction::config_write(uint8_t offset, unsigned size, uint32_t value) {
  size = size > 4 ? 4 : size;
  for (unsigned i = 0; i < size; ++i) {
    const unsigned at = (offset + i) & 0xff;
    const auto byte = static_cast<uint8_t>(value >> (8 * i));
    space_[at] = static_cast<uint8_t>((space_[at] & ~writable_[at]) | (byte & writable_[at]));
    space_[at] &= static_cast<uint8_t>(~(byte & write_clears_[at]));
  }
  const bool command = touches(offset, size, kCommand, 2);
  const bool base_address = touches(offset, size, kBaseAddress, 24);
  if (command || base_address) remap();
  if (command || (identity_.message_signalled && touches(offset, size, kMsiControl, 2))) update_pin();
  for (size_t i = 0; i < own_.size(); ++i) {
    if (!own_[i].on_write || !touches(offset, size, own_[i].offset, own_[i].size)) continue;
    own_[i].on_write(stored(own_[i].offset, own_[i].size));
  }
  if (command || base_address) {
    for (const auto& listener : listeners_) listener();
  }
}

// Where each BAR answers now.
// DEVIATES: PCI 3.0, 6.2.5.1 - a BAR that holds 0 is not decoded. Firmware enables a space before it has
// placed every BAR in it, and 0 to 0x1f are ports that the ISA bus answers by subtraction.
void PciFunction::remap() {
  for (unsigned i = 0; i < bars_.size(); ++i) {
    if (!bars_[i]) continue;
    Bar& bar = *bars_[i];
    const bool ports = bar.kind == BarKind::ports;
    const uint32_t base = stored(static_cast<uint8_t>(kBaseAddress + 4 * i), 4) & ~(bar.length - 1);
    const uint32_t wanted = (ports ? ports_enabled() : memory_enabled()) ? base : 0;
    if (wanted == bar.mapped_at) continue;
    Bus& bus = ports ? ports_ : memory_;
    if (bar.mapping != 0) bus.unmap(bar.mapping);
    bar.mapping = wanted != 0 ? bus.map(bar.name, wanted, bar.length, *bar.target) : 0;
    bar.mapped_at = wanted;
  }
}

bool PciFunction::message_enabled() const {
  return identity_.message_signalled && (stored(kMsiControl, 2) & kMsiEnable) != 0;
}

void PciFunction::set_interrupt(bool level) {
  const bool rises = level && !level_;
  level_ = level;
  if (level) {
    space_[kStatus] |= kInterruptStatus;
  } else {
    space_[kStatus] &= static_cast<uint8_t>(~kInterruptStatus);
  }
  if (rises && message_enabled()) send_message();
  update_pin();
}

// 6.8.3.3: a function uses either INTx# or messages.
void PciFunction::update_pin() {
  const bool disabled = (stored(kCommand, 2) & kInterruptDisable) != 0;
  intx.set(identity_.interrupt_pin != 0 && level_ && !disabled && !message_enabled());
}

// A message is a memory write like any other: it needs the bus, and can miss (6.8.3.4).
void PciFunction::send_message() {
  const uint64_t address = stored(kMsiAddress, 4) | static_cast<uint64_t>(stored(kMsiAddressHigh, 4)) << 32;
  const uint32_t data = stored(kMsiData, 2);
  if (!may_master() || dma_ == nullptr) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("MSI of {:#x} to {:#x} is lost: command register {:#06x} does not enable bus mastering",
                    data, address, stored(kCommand, 2)));
    return;
  }
  const uint8_t bytes[4] = {static_cast<uint8_t>(data), static_cast<uint8_t>(data >> 8), 0, 0};
  if (!dma_->write(GuestPhys{address}, bytes)) raise_status(kReceivedMasterAbort);
}

bool PciFunction::may_master() const { return (stored(kCommand, 2) & kBusMaster) != 0; }
bool PciFunction::ports_enabled() const { return (stored(kCommand, 2) & kIoSpace) != 0; }
bool PciFunction::memory_enabled() const { return (stored(kCommand, 2) & kMemorySpace) != 0; }

void PciFunction::raise_status(uint16_t bits) {
  put(kStatus, 2, stored(kStatus, 2) | (bits & kStatusErrors));
}

void PciFunction::reset() {
  level_ = false;
  lay_out();
  remap();
  update_pin();
  for (const auto& listener : listeners_) listener();
}

void PciFunction::visit_state(StateVisitor& visitor) const {
  visitor.bytes("configuration_space", space_);
  visitor.number("interrupt", level_);
}

}  // namespace ringside
