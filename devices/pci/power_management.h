// ACPI power management of the PC: function 3 of the Intel 82371AB (PIIX4, order number 290562), chapters
// 3.1 to 3.2 (configuration) and 7 (power management I/O), with the APM control ports 0xb2 and 0xb3. The
// guest maps its block of 64 ports by PMBASE and PMREGMISC.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "devices/pci/pci_function.h"
#include "devices/pci/smbus.h"
#include "sim/bus.h"
#include "sim/event_queue.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

struct PowerManagementConfig {
  // What a machine without a BIOS finds: the I/O block's base, already enabled; 0 leaves that to the guest.
  uint16_t base = 0;
  // Where the general-purpose events answer besides PMBASE + 0x0c; 0: nowhere. QEMU's board and the DSDT in
  // SeaBIOS have them at 0xafe0.
  uint16_t general_purpose_base = 0xafe0;
  // What a write to port 0xb2 has to hold to hand the chip to ACPI and to take it back (FADT).
  uint8_t acpi_enable = 0xf1, acpi_disable = 0xf0;
};

class PowerManagement final : public Stateful {
 public:
  static constexpr unsigned kSystemControlLine = 9;

  // `power_off` hears "poweroff" (S5) or "suspend" (any other sleeping state).
  PowerManagement(const DeviceSite& site, const PowerManagementConfig& config, Bus& ports, Bus& memory,
                  std::function<void(const std::string& how)> power_off);
  ~PowerManagement() override;

  // Device 1, function 3.
  PciFunction& function() { return function_; }
  // SCI: level-triggered, active high, on interrupt line 9.
  InterruptPin sci;

  // The power button: a status bit, and the SCI where the guest enabled it.
  void press_power_button();
  // The RTC's alarm, as a wake event.
  void signal_clock_alarm();
  // General-purpose event 0-15.
  void raise_general_purpose(unsigned event);

  // Ticks of the 3.579545 MHz timer since the last reset; PMTMR shows 24 bits of them.
  uint64_t timer_ticks() const;

  void reset();
  void visit_state(StateVisitor& visitor) const override;

 private:
  // A range of ports, handed on to a member function.
  class Ports final : public BusTarget {
   public:
    using Read = uint8_t (PowerManagement::*)(unsigned offset);
    using Write = void (PowerManagement::*)(unsigned offset, uint8_t value);
    Ports(PowerManagement& owner, Read on_read, Write on_write)
        : owner_(owner), read_(on_read), write_(on_write) {}
    uint64_t read(uint64_t offset, unsigned size) override;
    void write(uint64_t offset, unsigned size, uint64_t value) override;

   private:
    PowerManagement& owner_;
    const Read read_;
    const Write write_;
  };

  uint8_t block_read(unsigned offset);
  void block_write(unsigned offset, uint8_t value);
  uint8_t general_purpose_read(unsigned offset);
  void general_purpose_write(unsigned offset, uint8_t value);
  uint8_t advanced_read(unsigned offset);
  void advanced_write(unsigned offset, uint8_t value);
  void sleep();
  void remap();
  void update();
  void note_timer_carry();
  void schedule_timer();

  const DeviceSite site_;
  const PowerManagementConfig config_;
  Bus& ports_;
  PciFunction function_;
  const std::function<void(const std::string&)> power_off_;
  Smbus smbus_;
  Ports block_ports_, general_purpose_ports_, advanced_ports_;
  Bus::Mapping block_ = 0, general_purpose_ = 0, advanced_ = 0;
  uint16_t block_at_ = 0;

  uint16_t status_ = 0, enable_ = 0, control_ = 0;                    // PMSTS, PMEN, PMCNTRL
  uint16_t general_purpose_status_ = 0, general_purpose_enable_ = 0;  // GPSTS, GPEN
  std::array<uint8_t, 64> stored_{};  // the block's other registers, which only keep what they are given
  uint8_t advanced_control_ = 0, advanced_status_ = 0;  // APMC, APMS
  Tick started_;                                        // when the timer was 0
  uint64_t carry_at_ = 0;                               // the count of ticks at which TMROF_STS is set next
  EventQueue::Handle carry_;
};

}  // namespace ringside
