// The host bridge of the PC: Intel 82441FX PCI and memory controller (440FX PCIset, order number 290549),
// chapter 3, as device 0 function 0. It holds the registers that firmware programs; memory itself is not
// behind it here: RAM below 1 MiB is always RAM, whatever the PAM registers say.
#pragma once

#include "devices/pci/pci_function.h"
#include "sim/state.h"

namespace ringside {

class HostBridge final : public Stateful {
 public:
  HostBridge(const DeviceSite& site, Bus& ports, Bus& memory);

  PciFunction& function() { return function_; }
  void reset();

  void visit_state(StateVisitor& visitor) const override;

 private:
  void attributes_written(unsigned index, uint32_t value);
  void smram_written(uint32_t value);

  const DeviceSite site_;
  PciFunction function_;
  bool attributes_noticed_ = false;
};

}  // namespace ringside
