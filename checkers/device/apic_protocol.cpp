#include "checkers/device/apic_protocol.h"

#include <fmt/format.h>

#include "devices/platform/apic/payloads.h"

namespace ringside {

namespace {

constexpr uint32_t kEndOfInterrupt = 0x0b0;

// Table 10-1: where a register is, by its number of sixteen bytes. 0xa0 and 0xc0 are there to read.
constexpr bool is_writable(uint32_t offset) {
  switch (offset) {
    case 0x020:
    case 0x080:
    case 0x0b0:
    case 0x0d0:
    case 0x0e0:
    case 0x0f0:
    case 0x280:
    case 0x2f0:
    case 0x300:
    case 0x310:
    case 0x320:
    case 0x330:
    case 0x340:
    case 0x350:
    case 0x360:
    case 0x370:
    case 0x380:
    case 0x3e0: return true;
    default: return false;
  }
}

}  // namespace

void ApicProtocol::on_crossing(const Seen& seen) {
  if (seen.part == DevicePart::apic_accept) return accepted(seen);
  BusAccessRecord access;
  if (!read_record(seen.crossing, access) || access.write == 0) return;
  const auto offset = static_cast<uint32_t>(access.address & 0xfff);
  if (offset == kEndOfInterrupt && access.size == 4) {
    if (!seen.arrives()) return;
    ++ends_;
    if (outstanding_ > 0) {
      --outstanding_;
      return;
    }
    return violate("apic_eoi_without_service", seen, "an EOI while no interrupt can be in service");
  }
  // 10.4.1.
  if (access.size != 4 || (offset & 15) != 0)
    return violate(
        "apic_register_width", seen,
        fmt::format("offset {:#05x}: a write of {} bytes; registers take 32 bits at multiples of 16", offset,
                    access.size));
  if (!is_writable(offset))
    violate("apic_register_reserved", seen,
            fmt::format("offset {:#05x} = {:#x}: no register to write is there", offset, access.value));
}

void ApicProtocol::accepted(const Seen& seen) {
  ApicAcceptRecord record;
  if (!read_record(seen.crossing, record)) return;
  const auto delivery = static_cast<ApicDelivery>(record.delivery);
  const bool maskable = delivery == ApicDelivery::fixed || delivery == ApicDelivery::lowest_priority;
  if (seen.genuine() && !maskable) return;  // 10.8.1: the others bypass IRR and ISR
  // What a fault has made of it may be of another vector, and come twice.
  if (!seen.genuine()) {
    outstanding_ += 2;
    return;
  }
  Accepted& vector = vectors_[record.vector];
  if (vector.end != ends_) vector = {0, ends_};
  if (vector.since_end < 2) {
    ++vector.since_end;
    ++outstanding_;
  }
}

}  // namespace ringside
