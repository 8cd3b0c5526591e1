#include "devices/pci/pci_bus.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>
#include <vector>

#include "devices/pci/payloads.h"
#include "sim/assert.h"

namespace ringside {

namespace {

constexpr uint64_t kConfigAddress = 0xcf8;
constexpr unsigned kResetControl = 1, kConfigData = 4;  // offsets from 0xcf8

// 3.2.2.3.2, figure 3-2: enable, bus, device, function, register. The rest is reserved and reads 0.
constexpr uint32_t kEnable = 1u << 31, kAddressBits = 0x80ff'fffc;
constexpr unsigned bus_of(uint32_t address) { return address >> 16 & 0xff; }
constexpr unsigned device_of(uint32_t address) { return address >> 11 & 31; }
constexpr unsigned function_of(uint32_t address) { return address >> 8 & 7; }
constexpr unsigned register_of(uint32_t address) { return address & 0xfc; }

constexpr uint32_t ones(unsigned size) { return size >= 4 ? ~0u : (1u << (8 * size)) - 1; }

}  // namespace

PciBus::PciBus(const DeviceSite& site, Bus& ports)
    : site_(site), ports_(ports), wire_(site.wire("pci/config", WireKind::call, kPciConfigPayload)) {
  // Eight bytes wide accesses do not exist on ports; four is what CONFIG_ADDRESS wants.
  mapping_ = ports_.map(site_.name, kConfigAddress, 8, *this, 4);
}

PciBus::~PciBus() { ports_.unmap(mapping_); }

void PciBus::add(unsigned device, unsigned function, PciFunction& pci) {
  SIM_ASSERT(device < kDevices && function < kFunctions && functions_[device][function] == nullptr);
  functions_[device][function] = &pci;
  const unsigned pin = pci.identity().interrupt_pin;
  if (pin == 0) return;
  const unsigned request = request_of(device, pin);
  pci.intx.connect([this, request](bool level) { pin_changed(request, level); });
  if (pci.intx.level()) pin_changed(request, true);
}

PciFunction* PciBus::at(unsigned device, unsigned function) const {
  return device < kDevices && function < kFunctions ? functions_[device][function] : nullptr;
}

void PciBus::pin_changed(unsigned request, bool level) {
  const bool was = pins_high_[request] != 0;
  pins_high_[request] += level ? 1u : ~0u;
  const bool now = pins_high_[request] != 0;
  if (now != was && listener_) listener_(request, now);
}

PciFunction* PciBus::addressed() const {
  return bus_of(address_) == 0 ? functions_[device_of(address_)][function_of(address_)] : nullptr;
}

// False: a tap lets the access fail.
bool PciBus::pass(uint8_t offset, unsigned size, bool write, uint32_t& value) {
  if (!wire_.tapped()) return true;
  PciConfigRecord record{};
  record.value = value;
  record.size = static_cast<uint8_t>(size);
  record.write = write;
  record.bus = static_cast<uint8_t>(bus_of(address_));
  record.device = static_cast<uint8_t>(device_of(address_));
  record.function = static_cast<uint8_t>(function_of(address_));
  record.offset = offset;
  std::vector<uint8_t> payload(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
  const Verdict verdict = wire_.pass(write ? Direction::out : Direction::in, payload);
  if (payload.size() == sizeof record) std::memcpy(&record, payload.data(), sizeof record);
  value = record.value & ones(size);
  ports_.wait(verdict.delay);
  return verdict.fail == 0 && verdict.copies != 0;
}

// An access across the end of the four bytes has been cut by the port bus: `lane` + `size` is 4 at most.
uint32_t PciBus::data_read(unsigned lane, unsigned size) {
  if ((address_ & kEnable) == 0) return ones(size);
  const auto offset = static_cast<uint8_t>(register_of(address_) + lane);
  const PciFunction* function = addressed();
  uint32_t value = function != nullptr ? function->config_read(offset, size) : ones(size);
  return pass(offset, size, false, value) ? value : ones(size);
}

void PciBus::data_write(unsigned lane, unsigned size, uint32_t value) {
  if ((address_ & kEnable) == 0) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format(
            "a write of {:#x} to CONFIG_DATA is lost: CONFIG_ADDRESS {:#010x} has its enable bit clear",
            value, address_));
    return;
  }
  const auto offset = static_cast<uint8_t>(register_of(address_) + lane);
  if (!pass(offset, size, true, value)) return;
  if (PciFunction* function = addressed()) {
    function->config_write(offset, size, value);
    return;
  }
  site_.notice(
      NoticeKind::unusual,
      fmt::format(
          "a write of {:#x} to register {:#04x} of PCI {:02x}:{:02x}.{}, where no device is: it is lost",
          value, offset, bus_of(address_), device_of(address_), function_of(address_)));
}

uint64_t PciBus::read(uint64_t offset, unsigned size) {
  const auto at = static_cast<unsigned>(offset);
  if (at < kConfigData) {
    if (at == 0 && size == 4) return address_;
    if (at == kResetControl && size == 1 && reset_control_ != nullptr) return reset_control_->read(0, 1);
    return ones(size);
  }
  const unsigned lane = at - kConfigData;
  return lane + size <= 4 ? data_read(lane, size) : ones(size);
}

void PciBus::write(uint64_t offset, unsigned size, uint64_t value) {
  const auto at = static_cast<unsigned>(offset);
  const auto data = static_cast<uint32_t>(value);
  if (at < kConfigData) {
    if (at == 0 && size == 4) {
      address_ = data & kAddressBits;
    } else if (at == kResetControl && size == 1 && reset_control_ != nullptr) {
      reset_control_->write(0, 1, data);
    }
    return;
  }
  const unsigned lane = at - kConfigData;
  if (lane + size <= 4) data_write(lane, size, data);
}

void PciBus::visit_state(StateVisitor& visitor) const { visitor.number("CONFIG_ADDRESS", address_); }

}  // namespace ringside
