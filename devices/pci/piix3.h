// The PCI-to-ISA bridge of the PC: function 0 of the Intel 82371SB (PIIX3, order number 290550), 2.2 and
// 2.5: the PIRQ route control registers, which lead the four PCI interrupt requests to ISA interrupt lines,
// and the reset control register at port 0xcf9.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/pci/pci_function.h"
#include "sim/bus.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

class Piix3 final : public Stateful, private BusTarget {
 public:
  static constexpr unsigned kRequests = 4, kLines = 16;

  // `reset` is called when the guest asks for one by port 0xcf9: hard (the whole machine) or soft (INIT).
  Piix3(const DeviceSite& site, Bus& ports, Bus& memory, std::function<void(bool hard)> reset);

  // Device 1, function 0 (header type 0x80: functions 1, IDE, and 3, power management, stand beside it).
  PciFunction& function() { return function_; }

  // PIRQA# (0) to PIRQD# (3), for PciBus::on_request.
  void set_request(unsigned request, bool level);
  // The ISA interrupt lines as the PIIX3 drives them (0-15): high while a request that is routed there is.
  // A routed line is shared and level-triggered.
  InterruptPin& line(unsigned irq) { return lines_[irq]; }

  // Port 0xcf9, for PciBus::set_reset_control.
  BusTarget& reset_control() { return *this; }

  void reset();
  void visit_state(StateVisitor& visitor) const override;

 private:
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;
  void route_written(unsigned request, uint32_t value);
  void drive();

  const DeviceSite site_;
  PciFunction function_;
  const std::function<void(bool)> reset_;
  std::array<InterruptPin, kLines> lines_;
  std::array<bool, kRequests> requests_{};
  uint8_t reset_control_ = 0;
};

}  // namespace ringside
