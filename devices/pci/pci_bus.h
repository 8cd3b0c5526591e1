// PCI bus 0 and the way software reaches its configuration space: configuration mechanism 1 (PCI Local Bus
// Specification 3.0, 3.2.2.3.2), CONFIG_ADDRESS at port 0xcf8 and CONFIG_DATA at 0xcfc. Every access of the
// guest is a crossing on "pci/config". The bus also gathers the INTx# pins into four interrupt requests.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "devices/pci/pci_function.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/state.h"

namespace ringside {

class PciBus final : public Stateful, private BusTarget {
 public:
  static constexpr unsigned kDevices = 32, kFunctions = 8, kRequests = 4;

  // Maps ports 0xcf8 to 0xcff; `ports` must outlive the bus.
  PciBus(const DeviceSite& site, Bus& ports);
  ~PciBus() override;
  PciBus(const PciBus&) = delete;
  PciBus& operator=(const PciBus&) = delete;

  // Puts a function into a slot (device 0-31, function 0-7) that is empty. The function must outlive the bus.
  void add(unsigned device, unsigned function, PciFunction& pci);
  // Null where there is none.
  PciFunction* at(unsigned device, unsigned function) const;

  // Which of the four requests (0: PIRQA# ... 3: PIRQD#) a slot's pin (1: INTA# ... 4: INTD#) is wired to:
  // each slot is turned by one, device 1's INTA# being PIRQA#, as on QEMU's `pc` board and in our DSDT.
  static constexpr unsigned request_of(unsigned device, unsigned pin) {
    return (device + pin + kRequests - 2) % kRequests;
  }
  // Called when a request rises or falls: it is high while any of its pins is.
  void on_request(std::function<void(unsigned request, bool level)> listener) {
    listener_ = std::move(listener);
  }

  // Port 0xcf9 lies inside CONFIG_ADDRESS, which answers to four bytes only: accesses of one byte there go to
  // this target, at its offset 0 (the PIIX3's reset control register).
  void set_reset_control(BusTarget& target) { reset_control_ = &target; }

  // RST#: CONFIG_ADDRESS is 0. The functions are reset by whoever owns them.
  void reset() { address_ = 0; }

  void visit_state(StateVisitor& visitor) const override;

 private:
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;
  PciFunction* addressed() const;
  bool pass(uint8_t offset, unsigned size, bool write, uint32_t& value);
  uint32_t data_read(unsigned lane, unsigned size);
  void data_write(unsigned lane, unsigned size, uint32_t value);
  void pin_changed(unsigned request, bool level);

  const DeviceSite site_;
  Bus& ports_;
  Wire& wire_;
  Bus::Mapping mapping_ = 0;
  BusTarget* reset_control_ = nullptr;
  std::array<std::array<PciFunction*, kFunctions>, kDevices> functions_{};
  std::array<unsigned, kRequests> pins_high_{};  // by request
  std::function<void(unsigned, bool)> listener_;
  uint32_t address_ = 0;  // CONFIG_ADDRESS
};

}  // namespace ringside
