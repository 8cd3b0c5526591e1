// The PC's interval timer: an 8254 (Intel 8254 datasheet 231164) at ports 0x40-0x43, clocked with 14.31818
// MHz / 12 = 1,193,181.67 Hz. Counter 0 drives IRQ 0; counter 1 once drove the refresh of memory; counter 2
// has its GATE and OUT in port 0x61. Reads are computed from the machine's clock; events exist only for the
// changes of counter 0's OUT.
#pragma once

#include <array>
#include <cstdint>

#include "devices/platform/byte_ports.h"
#include "devices/platform/pit_counter.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

class Pit final : public Stateful {
 public:
  Pit(const DeviceSite& site, Bus& ports);
  ~Pit() override;
  Pit(const Pit&) = delete;
  Pit& operator=(const Pit&) = delete;

  // The clock's pulses until a tick, and the first tick at which so many have been. The clock is 3,579,545 Hz
  // / 3 (14.31818 MHz / 12 in lowest terms), so neither ever drifts.
  static uint64_t pulses_at(Tick tick);
  static Tick tick_of(uint64_t pulse);

  void reset();
  void set_gate2(bool level);
  bool output2();

  // OUT of counter 0.
  InterruptPin output0;

  void visit_state(StateVisitor& visitor) const override;

 private:
  uint8_t read(unsigned port);
  void write(unsigned port, uint8_t value);
  void read_back(uint8_t command, uint64_t pulse);
  // Brings counter 0 up to a pulse, each change of OUT to the pin.
  void follow_output0(uint64_t pulse);
  void schedule();

  const DeviceSite site_;
  BytePorts ports_;
  std::array<PitCounter, 3> counters_;
  EventQueue::Handle event_;
};

}  // namespace ringside
