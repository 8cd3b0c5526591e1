// One counter of an 8254 (Intel 8254 datasheet 231164, "Operational description" and "Mode definitions"). It
// knows no ticks: time is the number of its input clock's pulses. Nothing is done at each pulse; what the
// counter holds at one follows from the last thing that happened (a load, a terminal count), so that a read
// costs the same after one pulse and after a year.
//
// A count that is written waits in the count register (CR) and goes to the counting element (CE) at a later
// pulse: the next one after a write in modes 0 and 4, the next one after a trigger in modes 1 and 5, and the
// end of the period in modes 2 and 3.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "sim/state.h"

namespace ringside {

class PitCounter {
 public:
  static constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

  // As after power on: undefined by the datasheet, here with OUT low and no count.
  void reset(bool gate);

  // The pulse of all these calls never goes back. A control word with RW = 0 is not one of these.
  void write_control(uint8_t control, uint64_t pulse);
  void write(uint8_t value, uint64_t pulse);
  uint8_t read(uint64_t pulse);
  void latch_count(uint64_t pulse);
  void latch_status(uint64_t pulse);
  void set_gate(bool level, uint64_t pulse);
  bool gate() const { return gate_; }

  // Brings everything up to this pulse. output() is then that of this pulse.
  void advance(uint64_t pulse);
  bool output() const { return output_; }
  // The next pulse at which OUT may change if nothing is written, or kNever. Always behind the last one.
  uint64_t next_step() const;

  // Whether a count was written that the datasheet calls illegal (1 in modes 2 and 3): OUT stays high then.
  bool stuck() const { return loaded_ && periodic() && loaded_count_ == 1; }

  void visit_state(StateVisitor& visitor, const std::string& prefix) const;

 private:
  unsigned mode() const;
  bool periodic() const { return mode() == 2 || mode() == 3; }
  bool triggered() const { return mode() == 1 || mode() == 5; }
  bool counting() const;
  uint32_t modulus() const;
  // The count that CR stands for: 1 to 65536 (10000 in BCD).
  uint32_t programmed_count() const;
  // CE as it reads.
  uint16_t element() const;
  uint32_t pulses_to_half() const;
  void set_count(uint16_t value, uint64_t pulse);
  void load();
  void count_to(uint64_t pulse);
  void step(uint64_t pulse);
  void skip_periods(uint64_t pulse);

  uint8_t control_ = 0;   // as in the status byte: RW, mode, BCD
  uint16_t count_ = 0;    // CR
  uint8_t low_byte_ = 0;  // the first byte of two, until the second comes
  bool write_high_ = false, read_high_ = false;
  bool null_count_ = true;  // CR holds what CE has not got yet
  bool gate_ = true;

  uint64_t at_ = 0;       // the pulse that all below is about
  uint32_t element_ = 0;  // CE, as a number
  bool output_ = false;
  bool written_ = false;  // a whole count since the control word
  bool loaded_ = false;   // CE has got one
  bool halted_ = false;   // mode 0: between the two bytes of a count
  bool expired_ = false;  // modes 0, 1, 4, 5: the terminal count has been
  uint32_t loaded_count_ = 0;
  uint64_t load_at_ = kNever;
  uint64_t strobe_end_ = kNever;  // modes 4, 5: OUT is low until then

  bool count_latched_ = false, status_latched_ = false;
  uint16_t count_latch_ = 0;
  uint8_t status_latch_ = 0;
};

}  // namespace ringside
