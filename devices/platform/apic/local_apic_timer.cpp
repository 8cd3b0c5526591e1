// The local APIC's timer (SDM volume 3A, 10.5.4): a counter that runs down from the initial count, at the bus
// frequency over the divider, once or again and again.
//
// Nothing runs while it counts: the current count is worked out from the clock, exactly, and one event stands
// for the next expiry. There is none while an expiry would change nothing (masked, or its vector is still
// requested), so that a guest with a period of one count costs no more than the interrupts it takes.
#include <algorithm>

#include "devices/platform/apic/local_apic.h"
#include "devices/platform/apic/local_apic_registers.h"

namespace ringside {

namespace {

using Rows = LocalApicRegisters;
using Wide = unsigned __int128;

constexpr uint32_t kPeriodic = 1 << 17;
constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;
constexpr uint32_t kReceiveIllegalVector = 1 << 6;
constexpr uint8_t kFirstLegalVector = 16;

}  // namespace

uint64_t LocalApic::counts_since_start() const {
  const Wide counts = Wide{(site_.clock.now - timer_started_).ps} * config_.bus_hz;
  return static_cast<uint64_t>(counts / (Wide{kPicosecondsPerSecond} * timer_divider_));
}

// The first tick at which so many counts have passed.
Tick LocalApic::tick_of_count(uint64_t count) const {
  if (config_.bus_hz == 0) return Tick::never();
  const Wide wait =
      (Wide{count} * timer_divider_ * kPicosecondsPerSecond + config_.bus_hz - 1) / config_.bus_hz;
  const Tick limit = Tick::never() - timer_started_;
  return wait < limit.ps ? timer_started_ + Tick{static_cast<uint64_t>(wait)} : Tick::never();
}

uint32_t LocalApic::current_count() const {
  if (timer_first_ == 0) return 0;
  const uint64_t counts = counts_since_start();
  if (counts < timer_first_) return timer_first_ - static_cast<uint32_t>(counts);
  if (!timer_periodic_) return 0;
  return timer_initial_ - static_cast<uint32_t>((counts - timer_first_) % timer_initial_);
}

uint64_t LocalApic::read_current_count() { return current_count(); }

void LocalApic::start_timer(uint32_t initial) {
  timer_initial_ = timer_first_ = initial;
  timer_started_ = site_.clock.now;
  schedule_timer();
}

void LocalApic::stop_timer() { start_timer(0); }

void LocalApic::write_initial_count(uint64_t value) { start_timer(static_cast<uint32_t>(value)); }

// The manual does not say what a new divider does to a running count: it goes on from where it is.
void LocalApic::write_divide(uint64_t) {
  const uint32_t value = stored(Rows::kDivide);
  const uint32_t code = (value & 3) | (value >> 1 & 4);
  timer_first_ = current_count();
  timer_started_ = site_.clock.now;
  timer_divider_ = code == 7 ? 1 : 2u << code;
  schedule_timer();
}

// A change between one-shot and periodic leaves the running count alone; a timer that has run out stands.
void LocalApic::set_timer_mode() {
  const bool periodic = (local(timer) & kPeriodic) != 0;
  if (periodic != timer_periodic_) {
    const uint32_t left = current_count();
    // The start moves to the last whole count, which keeps the phase.
    timer_started_ = std::min(tick_of_count(counts_since_start()), site_.clock.now);
    timer_first_ = left;
    timer_periodic_ = periodic;
  }
  schedule_timer();
}

// Whether an expiry now would change anything.
bool LocalApic::expiry_matters() const {
  const uint32_t entry = local(timer);
  if (timer_first_ == 0 || (entry & Rows::kMasked) != 0) return false;
  const auto vector = static_cast<uint8_t>(entry);
  if (vector >= kFirstLegalVector) return !request_.has(vector);
  return (errors_ & kReceiveIllegalVector) == 0;
}

void LocalApic::schedule_timer() {
  Tick expiry = Tick::never();
  if (expiry_matters()) {
    const uint64_t counts = counts_since_start();
    if (counts < timer_first_) {
      expiry = tick_of_count(timer_first_);
    } else if (timer_periodic_) {
      const uint64_t periods = (counts - timer_first_) / timer_initial_ + 1;
      expiry = tick_of_count(timer_first_ + periods * timer_initial_);
    }
  }
  if (timer_event_ && timer_event_.at == expiry) return;
  site_.events.cancel(timer_event_);
  timer_event_ = {};
  if (expiry == Tick::never()) return;
  timer_event_ = site_.events.schedule(expiry, "apic timer", [this] {
    timer_event_ = {};
    raise_local(timer, ApicSource::timer);
    schedule_timer();
  });
}

}  // namespace ringside
