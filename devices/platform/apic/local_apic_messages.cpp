// How interrupts reach the local APIC: messages from the I/O APIC and from devices, IPIs, the LINT pins and
// the other local vectors. All of them cross "apic/accept".
#include <fmt/format.h>

#include "devices/platform/apic/local_apic.h"
#include "devices/platform/apic/local_apic_registers.h"

namespace ringside {

namespace {

using Rows = LocalApicRegisters;

// 10.5.3, ESR.
constexpr uint32_t kSendIllegalVector = 1 << 5, kReceiveIllegalVector = 1 << 6;
constexpr uint8_t kFirstLegalVector = 16;

// 10.5.1, LVT: remote IRR, polarity (1: active low), trigger mode (1: level).
constexpr uint32_t kActiveLow = 1 << 13, kRemoteIrr = 1 << 14, kLevel = 1 << 15;

// 10.6.1, ICR.
constexpr uint32_t kLogical = 1 << 11, kAssert = 1 << 14;
enum Shorthand : unsigned { none, self, all_including_self, all_excluding_self };

constexpr uint8_t kBroadcast = 0xff;
constexpr Tick kRepeatSpacing = microseconds(20);

constexpr ApicDelivery delivery_of(uint32_t value) { return static_cast<ApicDelivery>(value >> 8 & 7); }

}  // namespace

// 10.6.2: physical by ID; logical by LDR in the model that DFR says, flat (1111) or clusters (0000).
bool LocalApic::is_for_us(uint8_t destination, bool logical) const {
  if (destination == kBroadcast) return true;
  if (!logical) return destination == stored(Rows::kId) >> 24;
  const uint32_t ours = stored(Rows::kLogicalDestination) >> 24;
  switch (stored(Rows::kDestinationFormat) >> 28) {
    case 0xf: return (destination & ours) != 0;
    case 0x0: return destination >> 4 == ours >> 4 && (destination & ours & 15) != 0;
    default: return false;
  }
}

// 10.4.7.2: software-disabled, it takes only what needs no vector here.
bool LocalApic::accept(const ApicInterrupt& interrupt, uint8_t destination, bool logical) {
  if (!enabled_by_hardware() || !is_for_us(destination, logical)) return false;
  const bool needs_service = interrupt.delivery == ApicDelivery::fixed ||
                             interrupt.delivery == ApicDelivery::lowest_priority ||
                             interrupt.delivery == ApicDelivery::external;
  if (needs_service && !enabled_by_software()) return false;
  deliver(interrupt);
  return true;
}

// 10.11: destination ID in address bits 19:12, destination mode in bit 2; the redirection hint changes
// nothing with one core.
void LocalApic::message_interrupt(uint32_t address, uint32_t data) {
  const ApicInterrupt interrupt{.vector = static_cast<uint8_t>(data),
                                .delivery = delivery_of(data),
                                .level = (data & kLevel) != 0,
                                .source = ApicSource::message};
  if (interrupt.level && (data & kAssert) == 0) return;  // a deassertion asks for nothing
  if (!accept(interrupt, static_cast<uint8_t>(address >> 12), (address & 4) != 0)) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("a message of {:#x} to {:#010x} reaches no local APIC that takes it", data, address));
  }
}

// What the taps leave of it. A delayed one arrives by the event queue.
void LocalApic::deliver(const ApicInterrupt& interrupt) {
  if (!wire_.tapped()) return take(interrupt);
  const ApicAcceptRecord record{interrupt.vector, static_cast<uint8_t>(interrupt.delivery), interrupt.level,
                                static_cast<uint8_t>(interrupt.source)};
  const Verdict verdict = wire_.show(Direction::in, record);
  if (verdict.copies == 0 || verdict.fail != 0) return;
  // One that is repeated comes again when its handler has begun.
  Verdict one = verdict;
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    wire_.release(one, "apic/accept", [this, interrupt] { take(interrupt); });
    one.delay = saturating_add(one.delay, kRepeatSpacing);
  }
}

void LocalApic::take(const ApicInterrupt& interrupt) {
  switch (interrupt.delivery) {
    case ApicDelivery::fixed:
    case ApicDelivery::lowest_priority:
      if (interrupt.vector < kFirstLegalVector) {
        record_error(kReceiveIllegalVector);
        return;
      }
      request_.set(interrupt.vector, true);
      trigger_mode_.set(interrupt.vector, interrupt.level);
      update_output();
      return;
    case ApicDelivery::nmi:
      if (outputs_.nmi) outputs_.nmi();
      return;
    case ApicDelivery::init:
      init();
      if (outputs_.init) outputs_.init();
      return;
    case ApicDelivery::external:
      external_message_ = true;
      update_output();
      return;
    case ApicDelivery::start_up: return;  // only a core that waits for it starts; ours runs
    case ApicDelivery::smi:
      site_.notice(NoticeKind::unimplemented,
                   "an SMI reaches the local APIC: there is no system management mode");
      return;
    case ApicDelivery::reserved:
      site_.notice(
          NoticeKind::unusual,
          fmt::format("an interrupt with vector {:#04x} has the reserved delivery mode 3: it is lost",
                      interrupt.vector));
      return;
  }
}

// A write to ICR's lower half sends an IPI; with one core there is only the sender to get it.
void LocalApic::write_command(uint64_t) {
  const uint32_t command = stored(Rows::kCommand);
  const ApicInterrupt interrupt{.vector = static_cast<uint8_t>(command),
                                .delivery = delivery_of(command),
                                .level = false,  // 10.6.1: IPIs are edges, whatever bit 15 says
                                .source = ApicSource::command};
  const auto shorthand = static_cast<Shorthand>(command >> 18 & 3);
  if (interrupt.delivery == ApicDelivery::init && (command & kLevel) != 0 && (command & kAssert) == 0) return;
  if (shorthand == all_excluding_self) return;
  const bool fixed = interrupt.delivery == ApicDelivery::fixed;
  if ((fixed || interrupt.delivery == ApicDelivery::lowest_priority) &&
      interrupt.vector < kFirstLegalVector) {
    record_error(kSendIllegalVector);
    return;
  }
  // Table 10-3: only a fixed interrupt may be sent to oneself by a shorthand.
  if (shorthand != none && !fixed) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("ICR = {:#010x} sends delivery mode {} to the sender by a shorthand: it is lost",
                             command, command >> 8 & 7));
    return;
  }
  if (shorthand == none) {
    accept(interrupt, static_cast<uint8_t>(stored(Rows::kCommandHigh) >> 24), (command & kLogical) != 0);
  } else {
    accept(interrupt, kBroadcast, false);
  }
}

// A local vector's interrupt, unless masked.
void LocalApic::raise_local(unsigned index, ApicSource source) {
  const uint32_t entry = local(index);
  if ((entry & Rows::kMasked) != 0) return;
  const bool is_pin = index == lint0 || index == lint1;
  deliver({.vector = static_cast<uint8_t>(entry),
           .delivery = index == timer || index == error ? ApicDelivery::fixed : delivery_of(entry),
           .level = is_pin && (entry & kRemoteIrr) != 0,
           .source = source});
}

bool LocalApic::pin_active(unsigned lint) const {
  return pins_[lint] != ((local(kLint + lint) & kActiveLow) != 0);
}

void LocalApic::set_pin(unsigned lint, bool level) {
  if (lint >= pins_.size() || pins_[lint] == level) return;
  const bool was_active = pin_active(lint);
  pins_[lint] = level;
  if (!enabled_by_hardware()) {
    // 10.4.3: the pins are INTR and NMI themselves.
    if (lint == 1 && level && outputs_.nmi) outputs_.nmi();
  } else {
    pin_changed(lint, !was_active && pin_active(lint));
  }
  update_output();
}

// 10.5.1: what LINT0 and LINT1 do is told by their entries. LINT1 is always an edge, as are all modes but
// fixed and ExtINT.
void LocalApic::pin_changed(unsigned lint, bool rises) {
  const unsigned index = kLint + lint;
  const uint32_t entry = local(index);
  const ApicDelivery delivery = delivery_of(entry);
  if ((entry & Rows::kMasked) != 0 || delivery == ApicDelivery::external) return;
  const ApicSource source = lint == 0 ? ApicSource::lint0 : ApicSource::lint1;
  if (delivery == ApicDelivery::fixed && lint == 0 && (entry & kLevel) != 0) {
    if (!pin_active(lint) || (entry & kRemoteIrr) != 0) return;
    store(Rows::kLocals[index], entry | kRemoteIrr);
    raise_local(index, source);
  } else if (rises) {
    raise_local(index, source);
  }
}

// ExtINT: the 8259A wants an INTA cycle, by a pin or by way of the I/O APIC. It passes all priorities.
bool LocalApic::external_request() const {
  if (external_message_) return true;
  for (unsigned lint = 0; lint < pins_.size(); ++lint) {
    const uint32_t entry = local(kLint + lint);
    const bool passes = (entry & Rows::kMasked) == 0 && delivery_of(entry) == ApicDelivery::external;
    if (passes && pin_active(lint)) return true;
  }
  return false;
}

// The EOI of a level-triggered LINT0.
void LocalApic::end_local_level(uint8_t vector) {
  const uint32_t entry = local(lint0);
  if ((entry & kRemoteIrr) == 0 || static_cast<uint8_t>(entry) != vector) return;
  store(Rows::kLocals[lint0], entry & ~kRemoteIrr);
  pin_changed(0, false);
}

void LocalApic::local_written(unsigned index) {
  uint32_t entry = local(index);
  if (!enabled_by_software()) entry |= Rows::kMasked;
  if ((entry & kLevel) == 0) entry &= ~kRemoteIrr;
  store(Rows::kLocals[index], entry);
  if (index == timer) {
    set_timer_mode();
  } else if (index == lint0 || index == lint1) {
    pin_changed(index - kLint, false);
    update_output();
  }
}

}  // namespace ringside
