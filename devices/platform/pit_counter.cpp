#include "devices/platform/pit_counter.h"

#include <algorithm>

#include "devices/platform/pit_registers.h"

namespace ringside {

using namespace pit;

namespace {

// Digits above 9 are not defined; each counts with its value, so that something stands for every pattern.
uint32_t from_bcd(uint16_t value) {
  return (value >> 12) * 1000u + ((value >> 8) & 15) * 100u + ((value >> 4) & 15) * 10u + (value & 15u);
}

uint16_t to_bcd(uint32_t number) {
  return static_cast<uint16_t>((number / 1000 % 10) << 12 | (number / 100 % 10) << 8 |
                               (number / 10 % 10) << 4 | number % 10);
}

}  // namespace

void PitCounter::reset(bool gate) {
  const uint64_t at = at_;
  *this = {};
  at_ = at;
  gate_ = gate;
}

unsigned PitCounter::mode() const { return mode_of(control_); }

uint32_t PitCounter::modulus() const { return (control_ & kBcd) != 0 ? 10'000 : 65'536; }

uint32_t PitCounter::programmed_count() const {
  const uint32_t number = ((control_ & kBcd) != 0 ? from_bcd(count_) : count_) % modulus();
  return number == 0 ? modulus() : number;
}

uint16_t PitCounter::element() const {
  const uint32_t number = element_ % modulus();
  return (control_ & kBcd) != 0 ? to_bcd(number) : static_cast<uint16_t>(number);
}

bool PitCounter::counting() const {
  // Without GATE modes 1 and 5 go on: only its rise matters there.
  return loaded_ && !halted_ && !stuck() && (gate_ || triggered());
}

// Mode 3: how many pulses until OUT changes. CE goes down by two; with an odd count N, it starts from N - 1,
// and one pulse more passes while OUT is high.
uint32_t PitCounter::pulses_to_half() const {
  return element_ / 2 + ((loaded_count_ & 1) != 0 && output_ ? 1 : 0);
}

uint64_t PitCounter::next_step() const {
  uint64_t next = std::min(load_at_, strobe_end_);
  if (!counting()) return next;
  switch (mode()) {
    case 2: return std::min(next, at_ + (element_ > 1 ? element_ - 1 : 1));
    case 3: return std::min(next, at_ + std::max(pulses_to_half(), 1u));
    default: return expired_ ? next : std::min(next, at_ + std::max(element_, 1u));
  }
}

void PitCounter::advance(uint64_t pulse) {
  if (pulse <= at_) return;
  // A count that waits is taken over within a period, and then periods are skipped: few turns are made.
  while (true) {
    skip_periods(pulse);
    const uint64_t next = next_step();
    if (next > pulse) break;
    step(next);
  }
  count_to(pulse);
}

// Periods that are all alike need not be gone through.
void PitCounter::skip_periods(uint64_t pulse) {
  if (!periodic() || !counting() || load_at_ != kNever) return;
  const uint64_t period = loaded_count_;
  if (null_count_ || pulse - at_ < 2 * period) return;
  at_ += ((pulse - at_) / period - 1) * period;
}

void PitCounter::count_to(uint64_t pulse) {
  const uint64_t pulses = pulse - at_;
  at_ = pulse;
  if (!counting() || pulses == 0) return;
  const uint64_t down = mode() == 3 ? 2 * pulses : pulses;
  if (down <= element_) {
    element_ -= static_cast<uint32_t>(down);
  } else if (mode() == 3) {
    element_ = 0;
  } else {
    // Behind the terminal count it wraps around to the highest number.
    const uint32_t m = modulus();
    element_ = (element_ % m + m - static_cast<uint32_t>(down % m)) % m;
  }
}

// What happens at a pulse that next_step() gave.
void PitCounter::step(uint64_t pulse) {
  const bool at_half = mode() == 3 && counting() && pulse - at_ >= std::max(pulses_to_half(), 1u);
  count_to(pulse);
  if (pulse == strobe_end_) {
    output_ = true;
    strobe_end_ = kNever;
  }
  if (pulse == load_at_) return load();
  if (!counting()) return;
  switch (mode()) {
    case 2:
      if (element_ == 1) {
        output_ = false;
      } else if (element_ == 0) {
        load();
      }
      break;
    case 3:
      if (at_half) {
        const bool next = !output_;
        load();
        output_ = next || stuck();
      }
      break;
    default:
      if (expired_ || element_ != 0) break;
      expired_ = true;
      output_ = mode() < 2;
      if (!output_) strobe_end_ = pulse + 1;
      break;
  }
}

void PitCounter::load() {
  load_at_ = kNever;
  loaded_ = true;
  null_count_ = false;
  expired_ = false;
  loaded_count_ = programmed_count();
  element_ = mode() == 3 ? loaded_count_ & ~1u : loaded_count_;
  if (mode() == 1) output_ = false;
  if (periodic()) output_ = true;
}

void PitCounter::write_control(uint8_t control, uint64_t pulse) {
  advance(pulse);
  control_ = control & 0x3f;
  count_ = 0;
  write_high_ = read_high_ = false;
  null_count_ = true;
  written_ = loaded_ = halted_ = expired_ = false;
  load_at_ = strobe_end_ = kNever;
  count_latched_ = status_latched_ = false;
  output_ = mode() != 0;
}

void PitCounter::write(uint8_t value, uint64_t pulse) {
  advance(pulse);
  switch (access_of(control_)) {
    case kAccessLow: return set_count(value, pulse);
    case kAccessHigh: return set_count(static_cast<uint16_t>(value << 8), pulse);
    case kAccessBoth: break;
    default: return;  // never programmed
  }
  if (write_high_) {
    write_high_ = false;
    return set_count(static_cast<uint16_t>(value << 8 | low_byte_), pulse);
  }
  write_high_ = true;
  low_byte_ = value;
  if (mode() == 0) {
    // "Writing the first byte disables counting. OUT is set low immediately."
    halted_ = true;
    output_ = false;
  }
}

void PitCounter::set_count(uint16_t value, uint64_t pulse) {
  const bool was_stuck = stuck();
  count_ = value;
  null_count_ = true;
  written_ = true;
  halted_ = false;
  switch (mode()) {
    case 0:
      output_ = false;
      load_at_ = pulse + 1;
      break;
    case 4: load_at_ = pulse + 1; break;
    case 2:
    case 3:
      if (!loaded_ || was_stuck) load_at_ = pulse + 1;
      break;
    default: break;  // modes 1 and 5 wait for the trigger
  }
}

void PitCounter::set_gate(bool level, uint64_t pulse) {
  advance(pulse);
  if (level == gate_) return;
  gate_ = level;
  if (level && written_ && (triggered() || periodic())) load_at_ = pulse + 1;
  if (!level && periodic()) output_ = true;
}

void PitCounter::latch_count(uint64_t pulse) {
  advance(pulse);
  if (count_latched_) return;  // the first one holds until it is read
  count_latched_ = true;
  count_latch_ = element();
}

void PitCounter::latch_status(uint64_t pulse) {
  advance(pulse);
  if (status_latched_) return;
  status_latched_ = true;
  status_latch_ =
      static_cast<uint8_t>((output_ ? kStatusOutput : 0) | (null_count_ ? kStatusNullCount : 0) | control_);
}

uint8_t PitCounter::read(uint64_t pulse) {
  advance(pulse);
  if (status_latched_) {
    status_latched_ = false;
    return status_latch_;
  }
  const uint16_t value = count_latched_ ? count_latch_ : element();
  const bool both = access_of(control_) == kAccessBoth;
  const bool high = both ? read_high_ : access_of(control_) == kAccessHigh;
  if (both) read_high_ = !read_high_;
  if (!both || high) count_latched_ = false;
  return static_cast<uint8_t>(high ? value >> 8 : value);
}

void PitCounter::visit_state(StateVisitor& visitor, const std::string& prefix) const {
  const auto number = [&](const char* name, uint64_t value) { visitor.number(prefix + name, value); };
  number("control", control_);
  number("count", count_);
  number("low_byte", low_byte_);
  number("write_high", write_high_);
  number("read_high", read_high_);
  number("null_count", null_count_);
  number("gate", gate_);
  number("at", at_);
  number("element", element_);
  number("output", output_);
  number("written", written_);
  number("loaded", loaded_);
  number("halted", halted_);
  number("expired", expired_);
  number("loaded_count", loaded_count_);
  number("load_at", load_at_);
  number("strobe_end", strobe_end_);
  number("count_latched", count_latched_);
  number("count_latch", count_latch_);
  number("status_latched", status_latched_);
  number("status_latch", status_latch_);
}

}  // namespace ringside
