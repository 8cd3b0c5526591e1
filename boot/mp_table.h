// The MP configuration table (Intel MultiProcessor specification 1.4, chapter 4), for kernels that are told
// not to use ACPI: one processor, one I/O APIC, and the wiring of the PC's interrupts.
#pragma once

#include <cstdint>
#include <vector>

#include "boot/memory_map.h"
#include "sim/memory.h"

namespace ringside {

// An INTx pin of a PCI device on bus 0, and the interrupt line that it was routed to.
struct PciRoute {
  uint8_t device = 0;
  uint8_t pin = 0;  // 0: INTA#
  uint8_t line = 0;
};

struct MpTableConfig {
  uint8_t io_apic_id = 0;
  uint8_t sci = 9;
  std::vector<PciRoute> routes;  // of the devices that there are (boot/pc_setup.h)
};

// Stores the floating pointer at `base` (16-byte aligned, within 0xf0000-0xfffff), the table behind it.
void store_mp_table(Memory& memory, const MpTableConfig& config, GuestPhys base = GuestPhys{kMpTable});

}  // namespace ringside
