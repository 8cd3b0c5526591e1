#include "devices/pci/smbus.h"

namespace ringside {

namespace {

// 11.5.1.1 SMBHSTSTS: a written one clears bits 4:1. 11.5.1.3 SMBHSTCNT: START reads 0.
constexpr unsigned kHostStatus = 0, kSlaveStatus = 1, kHostControl = 2;
constexpr uint8_t kDeviceError = 1 << 2, kHostStatusClears = 0x1e;
constexpr uint8_t kSlaveStatusClears = 0x3c;
constexpr uint8_t kStart = 1 << 6, kKill = 1 << 1, kHostControlKept = 0x1d;

}  // namespace

void Smbus::map(uint16_t base) {
  if (base == base_) return;
  if (mapping_ != 0) ports_.unmap(mapping_);
  base_ = base;
  mapping_ = base != 0 ? ports_.map("smbus", base, kPorts, *this, 1) : 0;
}

void Smbus::reset() { registers_.fill(0); }

uint64_t Smbus::read(uint64_t offset, unsigned) { return registers_[offset % kPorts]; }

void Smbus::write(uint64_t offset, unsigned, uint64_t value) {
  const auto data = static_cast<uint8_t>(value);
  uint8_t& kept = registers_[offset % kPorts];
  switch (offset) {
    case kHostStatus: kept &= static_cast<uint8_t>(~(data & kHostStatusClears)); break;
    case kSlaveStatus: kept &= static_cast<uint8_t>(~(data & kSlaveStatusClears)); break;
    case kHostControl:
      kept = data & kHostControlKept;
      if ((data & kStart) != 0 && (data & kKill) == 0) registers_[kHostStatus] |= kDeviceError;
      break;
    default: kept = data; break;
  }
}

void Smbus::visit_state(StateVisitor& visitor) const {
  visitor.number("smbus_base", base_);
  visitor.bytes("smbus", registers_);
}

}  // namespace ringside
