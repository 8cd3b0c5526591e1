// Registers, state after reset, and the way of an interrupt through IRR and ISR. The pins, IPIs and messages
// are in local_apic_messages.cpp, the timer in local_apic_timer.cpp.
#include "devices/platform/apic/local_apic.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "devices/platform/apic/local_apic_registers.h"

namespace ringside {

namespace {

using Rows = LocalApicRegisters;

// 10.4.4, IA32_APIC_BASE.
constexpr uint64_t kBootstrap = 1 << 8, kGlobalEnable = 1 << 11;
constexpr uint64_t kRegisterSpace = 0x1000;

// 10.9, SVR.
constexpr uint32_t kSoftwareEnable = 1 << 8;

// 10.5.3, ESR.
constexpr uint32_t kIllegalRegister = 1 << 7;

constexpr uint64_t ones(unsigned size) { return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1; }

}  // namespace

int LocalApic::VectorSet::highest() const {
  for (unsigned i = 8; i-- > 0;) {
    if (words_[i] != 0)
      return static_cast<int>(32 * i + 31 - static_cast<unsigned>(std::countl_zero(words_[i])));
  }
  return -1;
}

LocalApic::LocalApic(const DeviceSite& site, const LocalApicConfig& config, Bus& memory,
                     LocalApicOutputs outputs)
    : site_(site),
      config_(config),
      memory_(memory),
      outputs_(std::move(outputs)),
      wire_(site.wire("apic/accept", WireKind::signal, kApicAcceptPayload)),
      registers_(Rows::kRows) {
  // A message that nobody sent.
  wire_.set_stimulus([this](std::span<const uint8_t> payload) {
    ApicAcceptRecord record{};
    std::memcpy(&record, payload.data(), std::min(payload.size(), sizeof record));
    accept({.vector = record.vector,
            .delivery = static_cast<ApicDelivery>(record.delivery & 7),
            .level = record.level != 0,
            .source = ApicSource::message},
           0xff, false);
  });
  reset();
}

LocalApic::~LocalApic() {
  wire_.set_stimulus(nullptr);
  site_.events.cancel(timer_event_);
  memory_.unmap(mapping_);
}

void LocalApic::reset() {
  base_msr_ = kDefaultBase | kGlobalEnable | kBootstrap;
  store(Rows::kId, static_cast<uint32_t>(config_.id) << 24);
  remap();
  init();
}

void LocalApic::init() {
  const uint32_t id = stored(Rows::kId);
  registers_.reset();
  store(Rows::kId, id);
  task_priority_ = 0;
  in_service_.clear();
  trigger_mode_.clear();
  request_.clear();
  errors_ = 0;
  error_armed_ = true;
  external_message_ = false;
  timer_divider_ = 2;
  timer_periodic_ = false;
  stop_timer();
  update_output();
}

void LocalApic::set_virtual_wire() {
  write(Rows::kSpurious, 4, kSoftwareEnable | 0xff);
  write(Rows::kLocals[lint0], 4, static_cast<uint32_t>(ApicDelivery::external) << 8);
  write(Rows::kLocals[lint1], 4, static_cast<uint32_t>(ApicDelivery::nmi) << 8);
}

uint32_t LocalApic::stored(uint32_t offset) const {
  return static_cast<uint32_t>(registers_.value(registers_.find(offset)));
}
void LocalApic::store(uint32_t offset, uint32_t value) { registers_.value(registers_.find(offset)) = value; }
uint32_t LocalApic::local(unsigned index) const { return stored(Rows::kLocals[index]); }

bool LocalApic::enabled_by_hardware() const { return (base_msr_ & kGlobalEnable) != 0; }
bool LocalApic::enabled_by_software() const { return (stored(Rows::kSpurious) & kSoftwareEnable) != 0; }

// 10.4.1: each register is accessed by 32 bits at a multiple of sixteen bytes. Narrower reads are allowed to
// work, and do; other writes are not.
uint64_t LocalApic::read(uint64_t offset, unsigned size) {
  const auto lane = static_cast<unsigned>(offset & 15);
  const size_t index = registers_.find(offset - lane);
  if (index == decltype(registers_)::kNone || lane >= 4) {
    site_.notice(NoticeKind::unhandled,
                 fmt::format("a read of local APIC offset {:#05x}, where no register is: it gave 0", offset));
    record_error(kIllegalRegister);
    return 0;
  }
  return registers_.read(*this, index) >> (8 * lane) & ones(size);
}

void LocalApic::write(uint64_t offset, unsigned size, uint64_t value) {
  const size_t index = registers_.find(offset);
  if (index == decltype(registers_)::kNone) {
    site_.notice(
        NoticeKind::unhandled,
        fmt::format("a write of {:#x} to local APIC offset {:#05x}, where no register starts: it is lost",
                    value, offset));
    record_error(kIllegalRegister);
    return;
  }
  if (size < 4) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("a write of {:#x} to {} of the local APIC by {} bytes is lost: it wants 4",
                             value, registers_.row(index).name, size));
    return;
  }
  registers_.write(*this, index, value & 0xffffffff);
}

// 10.8.3.1: the task's priority or that of what is being served, whichever is the higher class.
uint8_t LocalApic::processor_priority() const {
  const int served = in_service_.highest();
  const unsigned served_class = served < 0 ? 0 : static_cast<unsigned>(served) & 0xf0;
  return static_cast<uint8_t>((task_priority_ & 0xf0u) >= served_class ? task_priority_ : served_class);
}

uint64_t LocalApic::read_task_priority() { return task_priority_; }
uint64_t LocalApic::read_processor_priority() { return processor_priority(); }

void LocalApic::write_task_priority(uint64_t value) {
  task_priority_ = static_cast<uint8_t>(value);
  update_output();
}

// 10.8.6.1: CR8 is the upper half of TPR; a MOV to it clears the lower.
void LocalApic::set_task_priority(uint8_t cr8) { write_task_priority(static_cast<uint64_t>(cr8 & 15) << 4); }

int LocalApic::deliverable() const {
  const int requested = request_.highest();
  return requested >= 0 && (requested >> 4) > (processor_priority() >> 4) ? requested : -1;
}

void LocalApic::update_output() {
  const bool level = enabled_by_hardware() ? deliverable() >= 0 || external_request() : pins_[0];
  if (level == output_) return;
  output_ = level;
  if (outputs_.interrupt) outputs_.interrupt(level);
}

// Where the local APIC's own request and one of the 8259A wait, its own goes first; the manual leaves it
// open.
std::optional<uint8_t> LocalApic::acknowledge() {
  const int vector = enabled_by_hardware() ? deliverable() : -1;
  if (vector >= 0) {
    const auto taken = static_cast<uint8_t>(vector);
    request_.set(taken, false);
    in_service_.set(taken, true);
    update_output();
    if (taken == static_cast<uint8_t>(local(timer))) schedule_timer();
    return taken;
  }
  if (enabled_by_hardware() ? external_request() : pins_[0]) {
    external_message_ = false;
    const auto external = outputs_.external_acknowledge ? outputs_.external_acknowledge() : std::nullopt;
    update_output();
    return external;
  }
  // 10.9: a request that a raised priority has masked since; ISR stays as it is, and no EOI follows.
  if (enabled_by_hardware() && request_.highest() >= 0) return static_cast<uint8_t>(stored(Rows::kSpurious));
  return std::nullopt;
}

// 10.8.5: the value written does not matter.
void LocalApic::write_end_of_interrupt(uint64_t) {
  const int served = in_service_.highest();
  if (served < 0) return;
  const auto vector = static_cast<uint8_t>(served);
  in_service_.set(vector, false);
  if (trigger_mode_.has(vector)) {
    end_local_level(vector);
    if (outputs_.end_of_interrupt) outputs_.end_of_interrupt(vector);
  }
  update_output();
}

// 10.4.7.2: software-disabled, all local vectors are masked, and stay so. What is in IRR and ISR is kept.
void LocalApic::write_spurious(uint64_t) {
  if (!enabled_by_software()) {
    for (const uint32_t offset : Rows::kLocals) store(offset, stored(offset) | Rows::kMasked);
  }
  update_output();
  schedule_timer();
}

// 10.5.3: the write shows what was recorded since the last one, and arms the error interrupt again.
void LocalApic::write_error_status(uint64_t) {
  store(Rows::kErrorStatus, errors_);
  errors_ = 0;
  error_armed_ = true;
  schedule_timer();
}

void LocalApic::record_error(uint32_t bits) {
  errors_ |= bits;
  if (!error_armed_ || (local(error) & Rows::kMasked) != 0) return;
  error_armed_ = false;
  raise_local(error, ApicSource::error);
}

bool LocalApic::set_base_msr(uint64_t value) {
  const uint64_t address_bits = (1ull << config_.physical_address_bits) - 1;
  const uint64_t allowed = (address_bits & ~(kRegisterSpace - 1)) | kGlobalEnable | kBootstrap;
  if ((value & ~allowed) != 0) return false;
  const bool was_enabled = enabled_by_hardware();
  base_msr_ = value;
  remap();
  // 10.4.3: what it held is lost with the enable bit.
  if (was_enabled && !enabled_by_hardware()) init();
  update_output();
  return true;
}

void LocalApic::remap() {
  const uint64_t wanted = base_msr_ & ~(kRegisterSpace - 1);
  if (mapping_ != 0 && enabled_by_hardware() && mapped_at_ == wanted) return;
  memory_.unmap(mapping_);
  mapping_ = enabled_by_hardware() ? memory_.map(site_.name, wanted, kRegisterSpace, *this) : 0;
  mapped_at_ = wanted;
}

void LocalApic::visit_state(StateVisitor& visitor) const {
  for (size_t i = 0; i < registers_.rows().size(); ++i) {
    if (registers_.row(i).access == RegisterAccess::read_write)
      visitor.number(registers_.row(i).name, registers_.value(i));
  }
  visitor.number("IA32_APIC_BASE", base_msr_);
  visitor.number("task_priority", task_priority_);
  for (unsigned i = 0; i < 8; ++i) {
    visitor.number("ISR", in_service_.word(i));
    visitor.number("TMR", trigger_mode_.word(i));
    visitor.number("IRR", request_.word(i));
  }
  visitor.number("errors", errors_);
  visitor.number("error_armed", error_armed_);
  for (const bool pin : pins_) visitor.number("LINT", pin);
  visitor.number("external_message", external_message_);
  visitor.number("output", output_);
  visitor.number("timer_periodic", timer_periodic_);
  visitor.number("timer_divider", timer_divider_);
  visitor.number("timer_initial", timer_initial_);
  visitor.number("timer_first", timer_first_);
  visitor.number("timer_started", timer_started_.ps);
}

}  // namespace ringside
