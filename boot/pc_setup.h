// What a BIOS does to a PC's chips before it loads an operating system, for kernels that are started without
// one: addresses for PCI devices, interrupt routing, power management, interrupt controllers and timer in the
// state that kernels expect. The order and the values are those of SeaBIOS on an Intel 440FX with
// PIIX3/PIIX4.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "boot/mp_table.h"
#include "sim/ids.h"
#include "sim/result.h"

namespace ringside {

// How the setup reaches the machine. All four must be set.
struct PcHardware {
  // Configuration space of bus 0; size 1, 2 or 4. Where there is no function, reads give ones.
  std::function<uint32_t(unsigned device, unsigned function, uint8_t offset, unsigned size)> config_read;
  std::function<void(unsigned device, unsigned function, uint8_t offset, unsigned size, uint32_t value)>
      config_write;
  std::function<void(uint16_t port, uint8_t value)> port_write;
  std::function<void(GuestPhys address, uint32_t value)> memory_write;  // the local APIC
};

struct PciAssignment {
  uint8_t device = 0, function = 0, bar = 0;
  bool ports = false;
  uint64_t base = 0, length = 0;
};

// What came of it, for the MP table and for people.
struct PcLayout {
  std::vector<PciAssignment> assignments;  // in the order of their addresses, ports first
  std::vector<PciRoute> routes;            // in the order of the devices
};

struct PcSetupConfig {
  uint16_t power_management_base = 0x600;
  uint16_t smbus_base = 0x700;
};

// Fails when the devices want more than the PCI window has.
Result<PcLayout> set_up_pc(const PcHardware& hardware, const PcSetupConfig& config = {});

}  // namespace ringside
