// The PC's clock: an MC146818A (Motorola datasheet ADI1026) with 128 bytes of CMOS RAM, at ports 0x70-0x71.
//
// The time is what the registers hold, in the format that register B says, as in the chip; it is brought
// forward when somebody looks. A second ends when the divider chain has gone round: with the chain never
// stopped, at each whole second of virtual time. Events exist only for interrupts that are enabled and whose
// flag is still clear; flags that nobody waits for are found when register C is read.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "devices/platform/byte_ports.h"
#include "sim/interrupt.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

struct RtcConfig {
  uint64_t wall_clock_seconds = 0;                    // since 1970, at tick 0
  uint64_t memory_below_4g = 0, memory_above_4g = 0;  // bytes, for the CMOS RAM
  // Three nibbles, the first device lowest: 1 floppy, 2 hard disk, 3 CD, 4 network (SeaBIOS, boot.c).
  uint16_t boot_order = 0x032;
};

class Rtc final : public Stateful {
 public:
  static constexpr unsigned kLine = 8;

  Rtc(const DeviceSite& site, const RtcConfig& config, Bus& ports);
  ~Rtc() override;
  Rtc(const Rtc&) = delete;
  Rtc& operator=(const Rtc&) = delete;

  // RESET#: interrupts are off; the time and the RAM stay.
  void reset();
  // Bit 7 of port 0x70.
  bool nmi_masked() const { return nmi_masked_; }

  // The alarm, where its interrupt is enabled.
  std::function<void()> on_alarm;

  // IRQ#, here as a line that is high while IRQF is set.
  InterruptPin interrupt;

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct RtcRegisters;
  uint64_t read_a();
  void write_a(uint64_t value);
  void write_b(uint64_t value);
  uint64_t read_c();

  void fill_memory(const RtcConfig& config);
  uint8_t read(unsigned port);
  void write(unsigned port, uint8_t value);
  uint8_t reg(unsigned index) const;
  void put(unsigned index, uint8_t value);

  // Register values as numbers, and back, by register B's data mode.
  unsigned decoded(uint8_t raw) const;
  uint8_t encoded(unsigned number) const;
  unsigned decoded_hours(uint8_t raw) const;
  uint8_t encoded_hours(unsigned hours) const;
  // The date in the registers as seconds since 1970, whatever nonsense they hold; and back.
  int64_t date() const;
  void set_date(int64_t seconds);
  void pass_seconds(uint64_t seconds);
  unsigned second_of_day() const;
  // Seconds from this one of the day until the next one that the alarm matches (1 to 86400).
  std::optional<unsigned> until_alarm(unsigned second) const;

  // The divider chain. Both count from one second before first_second_end_.
  bool chain_running() const;
  bool updates_enabled() const;
  uint64_t seconds_at(Tick tick) const;
  Tick second_end(uint64_t second) const;
  uint64_t period_rate() const;  // periods a second, 0: none
  uint64_t periods_at(Tick tick) const;
  Tick period_end(uint64_t period) const;

  // Brings time, flags and the pin up to now.
  void update();
  void raise(uint8_t flags);
  void set_flags(uint8_t flags);
  void set_later(uint8_t flags, Tick delay);
  std::optional<Tick> next_flag() const;
  void schedule();

  const DeviceSite site_;
  Wire& wire_;
  BytePorts ports_;
  RegisterFile<Rtc> registers_;
  std::array<uint8_t, 128> memory_{};  // CMOS RAM; the first fourteen bytes are the registers' instead
  uint8_t index_ = 0;
  bool nmi_masked_ = false;
  uint8_t flags_ = 0;      // PF, AF, UF
  Tick first_second_end_;  // of the chain since it was last started; may lie ahead
  uint64_t seconds_done_ = 0, periods_done_ = 0;
  uint8_t delayed_flags_ = 0;  // held back by a tap's verdict
  EventQueue::Handle delayed_;
  EventQueue::Handle event_;
};

}  // namespace ringside
