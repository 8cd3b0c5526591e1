// The high precision event timer: IA-PC HPET specification 1.0a, one block of three timers at 0xfed00000. The
// main counter counts 100 MHz; each timer compares it with its comparator, all can do so with 64 bits, and
// timer 0 can be periodic. Interrupts go to lines 20 to 23 of the I/O APIC, or, with legacy replacement, in
// the places of the PIT's and the RTC's (lines 0 and 8), which then are cut off. No FSB interrupts.
//
// The counter is computed from the machine's clock. Events exist for the matches of timers whose interrupt is
// enabled; other matches are found when somebody reads.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/interrupt.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

class Hpet final : public Stateful, public BusTarget {
 public:
  static constexpr unsigned kTimers = 3;
  static constexpr uint64_t kBase = 0xfed0'0000, kLength = 0x400;
  static constexpr unsigned kFirstLine = 20, kLines = 4;
  static constexpr Tick kCounterPeriod = nanoseconds(10);
  // DEVIATES: HPET 2.3.9.2 - periodic matches nearer to each other than this are one, so that a guest that
  // asks for an interrupt each 10 ns does not stop the simulator.
  static constexpr Tick kMatchSpacingMin = microseconds(1);

  Hpet(const DeviceSite& site, Bus& memory);
  ~Hpet() override;
  Hpet(const Hpet&) = delete;
  Hpet& operator=(const Hpet&) = delete;

  void reset();

  // LEG_RT_CNF, with the counter running or not. `on_legacy` hears its changes.
  bool legacy() const;
  std::function<void()> on_legacy;
  // Timers 0 and 1 under legacy replacement.
  InterruptPin timer_line, clock_line;
  // Lines 20 to 23.
  std::array<InterruptPin, kLines> lines;

  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct HpetRegisters;
  struct Timer {
    uint64_t comparator = ~0ull;
    uint64_t period = 0;    // what was written last while periodic
    uint64_t match_at = 0;  // the counter, not cut to 32 bits, at the next match
    bool waiting = false;   // there will be one
    bool high = false;      // its output
    EventQueue::Handle event;
  };

  void write_configuration(uint64_t value);
  uint64_t read_status() { return status_; }
  void write_status(uint64_t value);
  uint64_t read_counter() { return counter(); }
  void write_counter(uint64_t value);
  template <unsigned n>
  void write_timer(uint64_t) {
    timer_written(n);
  }
  template <unsigned n>
  uint64_t read_comparator() {
    return timers_[n].comparator;
  }
  template <unsigned n>
  void write_comparator(uint64_t value) {
    comparator_written(n, value);
  }

  bool enabled() const;
  uint64_t timer_configuration(unsigned n) const;
  bool has(unsigned n, uint64_t bit) const { return (timer_configuration(n) & bit) != 0; }
  uint64_t counter() const;
  Tick tick_of(uint64_t count) const;
  void timer_written(unsigned n);
  void comparator_written(unsigned n, uint64_t value);
  void arm(unsigned n);
  void settle();
  void match(unsigned n, uint64_t count);
  void schedule(unsigned n, Tick earliest);
  void drive();

  const DeviceSite site_;
  Bus& memory_;
  Bus::Mapping mapping_ = 0;
  RegisterFile<Hpet> registers_;
  uint64_t access_mask_ = ~0ull;  // the bits of the register that the access under way covers
  uint64_t count_ = 0;            // MAIN_CNT at started_
  Tick started_;
  uint64_t status_ = 0;
  bool was_enabled_ = false;
  std::array<Timer, kTimers> timers_;
};

}  // namespace ringside
