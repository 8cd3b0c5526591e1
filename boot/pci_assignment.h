// Finding the functions on PCI bus 0, and addresses for their base address registers (PCI Local Bus
// Specification 3.0, 6.2.5). Part of pc_setup.h.
#pragma once

#include <vector>

#include "boot/pc_setup.h"

namespace ringside {

// Offsets in the configuration header, type 0.
namespace pci_header {
inline constexpr uint8_t kVendor = 0x00;  // with the device above
inline constexpr uint8_t kCommand = 0x04;
inline constexpr uint8_t kClass = 0x08;  // revision below
inline constexpr uint8_t kHeaderType = 0x0e;
inline constexpr uint8_t kBars = 0x10;
inline constexpr uint8_t kInterruptLine = 0x3c;
inline constexpr uint8_t kInterruptPin = 0x3d;
}  // namespace pci_header

struct PciFound {
  uint8_t device = 0, function = 0;
  uint32_t identity = 0;  // device above, vendor below
  uint32_t class_code = 0;
  uint8_t header_type = 0;
  uint8_t pin = 0;  // 0: none
};

std::vector<PciFound> find_pci_functions(const PcHardware& hardware);

// Sizes every BAR with decoding off, and writes addresses: ports from 0xc000 on, memory in the PCI window,
// naturally aligned, the largest first.
Result<std::vector<PciAssignment>> assign_pci_addresses(const PcHardware& hardware,
                                                        const std::vector<PciFound>& found);

}  // namespace ringside
