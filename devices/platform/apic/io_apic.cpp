#include "devices/platform/apic/io_apic.h"

#include <fmt/format.h>

namespace ringside {

namespace {

constexpr uint64_t kSpace = 0x1000;
// 3.1: the two registers that the core sees.
constexpr uint64_t kSelect = 0x00, kWindow = 0x10;
// 3.2: those behind them, by index.
constexpr uint8_t kId = 0x00, kVersion = 0x01, kArbitration = 0x02, kRedirection = 0x10;
constexpr unsigned kIdShift = 24;
constexpr uint32_t kVersionValue = 0x00170011;  // 3.2.2: highest entry 23, version 0x11

// 3.2.4: a redirection entry.
constexpr uint64_t kLogical = 1 << 11, kActiveLow = 1 << 13, kRemoteIrr = 1 << 14, kLevel = 1 << 15,
                   kMasked = 1 << 16;
// Delivery status (bit 12, always idle: a message arrives at once) and remote IRR are read-only.
constexpr uint64_t kWritable = 0xff00'0000'0001'afff;

constexpr ApicDelivery delivery_of(uint64_t entry) { return static_cast<ApicDelivery>(entry >> 8 & 7); }

// 3.2.4, delivery mode: these three are edges whatever the trigger mode says. ExtINT, too, needs an edge.
constexpr bool is_level(uint64_t entry) {
  const ApicDelivery delivery = delivery_of(entry);
  return (entry & kLevel) != 0 &&
         (delivery == ApicDelivery::fixed || delivery == ApicDelivery::lowest_priority);
}

constexpr uint64_t ones(unsigned size) { return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1; }

}  // namespace

IoApic::IoApic(const DeviceSite& site, Bus& memory, LocalApic& local_apic, uint8_t id)
    : site_(site), memory_(memory), local_apic_(local_apic), power_on_id_(id & 15) {
  mapping_ = memory_.map(site_.name, kDefaultBase, kSpace, *this);
  reset();
}

IoApic::~IoApic() { memory_.unmap(mapping_); }

void IoApic::reset() {
  entries_.fill(kMasked);
  select_ = 0;
  id_ = power_on_id_;
}

bool IoApic::active(unsigned pin) const {
  return (pins_ >> pin & 1) != ((entries_[pin] & kActiveLow) != 0 ? 1u : 0u);
}

void IoApic::set_pin(unsigned pin, bool level) {
  if (pin >= kPins || (pins_ >> pin & 1) == (level ? 1u : 0u)) return;
  pins_ ^= 1u << pin;
  if (is_level(entries_[pin])) {
    evaluate_level(pin);
  } else if (active(pin) && (entries_[pin] & kMasked) == 0) {
    // 3.2.4, interrupt mask: an edge at a masked input is ignored, not held.
    send(pin);
  }
}

// A level-triggered input asks again and again while it is active, but not while the local APIC has its
// interrupt (remote IRR).
void IoApic::evaluate_level(unsigned pin) {
  uint64_t& entry = entries_[pin];
  if (!is_level(entry) || (entry & (kMasked | kRemoteIrr)) != 0 || !active(pin)) return;
  if (send(pin)) entry |= kRemoteIrr;
}

bool IoApic::send(unsigned pin) {
  const uint64_t entry = entries_[pin];
  const ApicDelivery delivery = delivery_of(entry);
  if (delivery == ApicDelivery::smi || delivery == ApicDelivery::reserved ||
      delivery == ApicDelivery::start_up) {
    site_.notice(NoticeKind::unimplemented,
                 fmt::format("input {} has delivery mode {} in IOREDTBL{}: its interrupt is lost", pin,
                             entry >> 8 & 7, pin));
    return false;
  }
  const ApicInterrupt interrupt{.vector = static_cast<uint8_t>(entry),
                                .delivery = delivery,
                                .level = is_level(entry),
                                .source = ApicSource::io_apic};
  if (local_apic_.accept(interrupt, static_cast<uint8_t>(entry >> 56), (entry & kLogical) != 0)) return true;
  site_.notice(NoticeKind::unusual,
               fmt::format("no local APIC takes input {}: IOREDTBL{} = {:#018x}", pin, pin, entry));
  return false;
}

void IoApic::end_of_interrupt(uint8_t vector) {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    if (static_cast<uint8_t>(entries_[pin]) != vector || (entries_[pin] & kRemoteIrr) == 0) continue;
    entries_[pin] &= ~kRemoteIrr;
    evaluate_level(pin);
  }
}

uint32_t IoApic::window_read() const {
  if (select_ == kId) return static_cast<uint32_t>(id_) << kIdShift;
  if (select_ == kVersion) return kVersionValue;
  // 3.2.3: loaded whenever the ID is written.
  if (select_ == kArbitration) return static_cast<uint32_t>(id_) << kIdShift;
  const unsigned half = select_ - kRedirection;
  if (select_ < kRedirection || half >= 2 * kPins) return 0;
  return static_cast<uint32_t>(entries_[half / 2] >> (half % 2 * 32));
}

void IoApic::window_write(uint32_t value) {
  if (select_ == kId) {
    id_ = static_cast<uint8_t>(value >> kIdShift & 15);
    return;
  }
  if (select_ == kVersion || select_ == kArbitration) return;
  const unsigned half = select_ - kRedirection;
  if (select_ < kRedirection || half >= 2 * kPins) {
    site_.notice(NoticeKind::unhandled,
                 fmt::format("a write of {:#x} to I/O APIC index {:#04x}, where no register is: it is lost",
                             value, select_));
    return;
  }
  const unsigned pin = half / 2;
  const uint64_t lane = half % 2 == 0 ? 0xffff'ffffull : 0xffff'ffffull << 32;
  const uint64_t wanted = static_cast<uint64_t>(value) << (half % 2 * 32);
  uint64_t& entry = entries_[pin];
  entry = (entry & ~(lane & kWritable)) | (wanted & lane & kWritable);
  // An edge has no remote IRR; systems switch an entry to edge and back to get rid of it.
  if ((entry & kLevel) == 0) entry &= ~kRemoteIrr;
  evaluate_level(pin);
}

// 3.1: both registers are accessed by 32 bits. Narrower reads work; of narrower writes, those to IOREGSEL do,
// as only its lowest byte counts.
uint64_t IoApic::read(uint64_t offset, unsigned size) {
  const auto lane = static_cast<unsigned>(offset & 3);
  const uint64_t at = offset - lane;
  if (at == kSelect) return static_cast<uint64_t>(select_) >> (8 * lane) & ones(size);
  if (at == kWindow) return static_cast<uint64_t>(window_read()) >> (8 * lane) & ones(size);
  site_.notice(NoticeKind::unhandled,
               fmt::format("a read of I/O APIC offset {:#05x}, where no register is: it gave 0", offset));
  return 0;
}

void IoApic::write(uint64_t offset, unsigned size, uint64_t value) {
  if (offset == kSelect) {
    select_ = static_cast<uint8_t>(value);
  } else if (offset == kWindow && size >= 4) {
    window_write(static_cast<uint32_t>(value));
  } else {
    site_.notice(
        NoticeKind::unusual,
        fmt::format(
            "a write of {:#x} to I/O APIC offset {:#05x} by {} bytes is lost: there are IOREGSEL at 0x00 "
            "and IOWIN at 0x10, by 4",
            value, offset, size));
  }
}

void IoApic::visit_state(StateVisitor& visitor) const {
  for (const uint64_t entry : entries_) visitor.number("IOREDTBL", entry);
  visitor.number("inputs", pins_);
  visitor.number("IOREGSEL", select_);
  visitor.number("IOAPICID", id_);
}

}  // namespace ringside
