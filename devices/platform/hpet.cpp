#include "devices/platform/hpet.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "devices/platform/hpet_registers.h"

namespace ringside {

using namespace hpet;

namespace {

constexpr uint64_t kWrap32 = 1ull << 32;

constexpr uint64_t ones(unsigned size) { return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1; }

}  // namespace

Hpet::Hpet(const DeviceSite& site, Bus& memory)
    : site_(site), memory_(memory), registers_(HpetRegisters::kRegisters) {
  mapping_ = memory_.map(site.name, kBase, kLength, *this);
}

Hpet::~Hpet() {
  memory_.unmap(mapping_);
  for (Timer& timer : timers_) site_.events.cancel(timer.event);
}

void Hpet::reset() {
  registers_.reset();
  count_ = status_ = 0;
  was_enabled_ = false;
  for (Timer& timer : timers_) {
    site_.events.cancel(timer.event);
    timer = {};
  }
  drive();
  if (on_legacy) on_legacy();
}

bool Hpet::enabled() const {
  return (registers_.value(registers_.find(HpetRegisters::kConfiguration)) & kEnable) != 0;
}

bool Hpet::legacy() const {
  return (registers_.value(registers_.find(HpetRegisters::kConfiguration)) & kLegacy) != 0;
}

uint64_t Hpet::timer_configuration(unsigned n) const {
  return registers_.value(registers_.find(HpetRegisters::kTimer0 + n * HpetRegisters::kTimerStep));
}

uint64_t Hpet::counter() const {
  return was_enabled_ ? count_ + (site_.clock.now - started_).ps / kCounterPeriod.ps : count_;
}

// The counter must be running, and the count not behind it.
Tick Hpet::tick_of(uint64_t count) const {
  const uint64_t counts = count - count_;
  if (counts > Tick::never().ps / kCounterPeriod.ps) return Tick::never();
  return saturating_add(started_, kCounterPeriod * counts);
}

// Accesses of 4 and 8 bytes are defined (2.3.2); a smaller read gives its part of the register.
uint64_t Hpet::read(uint64_t offset, unsigned size) {
  settle();
  const size_t index = registers_.find(offset & ~uint64_t{7});
  if (index == registers_.kNone) return 0;
  return registers_.read(*this, index) >> (8 * (offset & 7)) & ones(size);
}

void Hpet::write(uint64_t offset, unsigned size, uint64_t value) {
  settle();
  const size_t index = registers_.find(offset & ~uint64_t{7});
  if (index == registers_.kNone) {
    return site_.notice(NoticeKind::unhandled,
                        fmt::format("A write of {:#x} to offset {:#x}, where no register is", value, offset));
  }
  if (size < 4) {
    return site_.notice(NoticeKind::unusual, fmt::format("A write of {:#x} to {} with {} bytes has no effect",
                                                         value, registers_.row(index).name, size));
  }
  const unsigned shift = 8 * (offset & 7);
  access_mask_ = ones(size) << shift;
  const bool clears = registers_.row(index).access == RegisterAccess::write_one_clear;
  const uint64_t rest = clears ? 0 : registers_.value(index) & ~access_mask_;
  registers_.write(*this, index, rest | (value << shift & access_mask_));
}

void Hpet::write_configuration(uint64_t) {
  const uint64_t count = counter();
  if (enabled() != was_enabled_) {
    count_ = count;
    started_ = site_.clock.now;
    was_enabled_ = enabled();
    for (unsigned n = 0; n < kTimers; ++n) arm(n);
  }
  drive();
  if (on_legacy) on_legacy();
}

void Hpet::write_status(uint64_t value) {
  status_ &= ~(value & 0x7);
  drive();
}

void Hpet::write_counter(uint64_t value) {
  if (was_enabled_) {
    return site_.notice(NoticeKind::unusual,
                        fmt::format("MAIN_CNT is written ({:#x}) while it runs: ignored", value));
  }
  count_ = (count_ & ~access_mask_) | (value & access_mask_);
}

void Hpet::timer_written(unsigned n) {
  if (!has(n, kLevel)) status_ &= ~(1ull << n);
  if (!has(n, kInterruptEnable)) timers_[n].high = false;
  const unsigned route = route_of(timer_configuration(n));
  if (has(n, kInterruptEnable) && !(legacy() && n < 2) && (kRoutes >> 32 >> route & 1) == 0) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("TIM{}_CONF {:#x} routes to line {}, which this timer cannot reach", n,
                             timer_configuration(n), route));
  }
  arm(n);
  drive();
}

void Hpet::comparator_written(unsigned n, uint64_t value) {
  Timer& timer = timers_[n];
  const auto merged = [&](uint64_t old) { return (old & ~access_mask_) | (value & access_mask_); };
  const bool periodic = has(n, kPeriodic);
  // 2.3.9.2.2: in periodic mode a write is the period; the comparator itself takes it only behind a write of
  // Tn_VAL_SET_CNF, which lasts for one.
  if (periodic) timer.period = merged(timer.period);
  if (periodic && !has(n, kSetValue)) return arm(n);
  timer.comparator = merged(timer.comparator);
  registers_.value(registers_.find(HpetRegisters::kTimer0 + n * HpetRegisters::kTimerStep)) &= ~kSetValue;
  arm(n);
}

void Hpet::arm(unsigned n) {
  Timer& timer = timers_[n];
  timer.waiting = false;
  if (was_enabled_) {
    const uint64_t now = counter();
    const bool narrow = has(n, kMode32);
    if (narrow) timer.comparator &= ones(4);
    const uint64_t ahead = narrow ? (timer.comparator - now) & ones(4) : timer.comparator - now;
    timer.match_at = now + ahead;
    timer.waiting = timer.match_at >= now;
  }
  schedule(n, {});
}

// The matches up to now, which no event has brought about.
void Hpet::settle() {
  if (!was_enabled_) return;
  const uint64_t now = counter();
  for (unsigned n = 0; n < kTimers; ++n) {
    if (timers_[n].waiting && timers_[n].match_at <= now) match(n, now);
  }
}

void Hpet::match(unsigned n, uint64_t count) {
  Timer& timer = timers_[n];
  uint64_t step = has(n, kMode32) ? kWrap32 : 0;
  if (has(n, kPeriodic)) {
    step = has(n, kMode32) ? timer.period & ones(4) : timer.period;
    const uint64_t periods = step == 0 ? 0 : (count - timer.match_at) / step + 1;
    timer.comparator += periods * step;
    if (has(n, kMode32)) timer.comparator &= ones(4);
  }
  if (step != 0) {
    const uint64_t before = timer.match_at;
    timer.match_at += ((count - before) / step + 1) * step;
    timer.waiting = timer.match_at > before;  // not behind the end of 64 bits
  } else {
    timer.waiting = false;
  }
  schedule(n, saturating_add(site_.clock.now, kMatchSpacingMin));
  if (has(n, kLevel)) {
    status_ |= 1ull << n;
  } else if (has(n, kInterruptEnable)) {
    // An edge: low and high again, and so it stays until the next, as the PIT's output does.
    timer.high = false;
    drive();
    timer.high = true;
  }
  drive();
}

void Hpet::schedule(unsigned n, Tick earliest) {
  Timer& timer = timers_[n];
  site_.events.cancel(timer.event);
  if (!timer.waiting || !has(n, kInterruptEnable)) return;
  const Tick at = std::max(tick_of(timer.match_at), earliest);
  if (at == Tick::never()) return;
  timer.event = site_.events.schedule(at, "hpet", [this, n] {
    timers_[n].event = {};
    settle();
  });
}

void Hpet::drive() {
  std::array<bool, kLines> levels{};
  bool timer_level = false, clock_level = false;
  for (unsigned n = 0; n < kTimers; ++n) {
    const bool level = has(n, kLevel) ? (status_ >> n & 1) != 0 && has(n, kInterruptEnable) : timers_[n].high;
    const unsigned route = route_of(timer_configuration(n));
    if (legacy() && n == 0) {
      timer_level = level;
    } else if (legacy() && n == 1) {
      clock_level = level;
    } else if (route >= kFirstLine && route < kFirstLine + kLines) {
      levels[route - kFirstLine] = levels[route - kFirstLine] || level;
    }
  }
  timer_line.set(timer_level);
  clock_line.set(clock_level);
  for (unsigned i = 0; i < kLines; ++i) lines[i].set(levels[i]);
}

void Hpet::visit_state(StateVisitor& visitor) const {
  for (size_t i = 0; i < registers_.rows().size(); ++i) {
    visitor.number(registers_.row(i).name, registers_.value(i));
  }
  visitor.number("count", count_);
  visitor.number("started", started_.ps);
  visitor.number("status", status_);
  for (unsigned n = 0; n < kTimers; ++n) {
    const Timer& timer = timers_[n];
    const std::string prefix = "timer" + std::to_string(n) + "_";
    visitor.number(prefix + "comparator", timer.comparator);
    visitor.number(prefix + "period", timer.period);
    visitor.number(prefix + "match_at", timer.match_at);
    visitor.number(prefix + "waiting", timer.waiting);
    visitor.number(prefix + "high", timer.high);
    visitor.number(prefix + "event_at", timer.event.at.ps);
  }
}

}  // namespace ringside
