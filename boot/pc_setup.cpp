#include "boot/pc_setup.h"

#include <array>

#include "boot/pci_assignment.h"

namespace ringside {

namespace {

constexpr uint32_t kIntel = 0x8086;
constexpr uint32_t k440fx = 0x1237 << 16 | kIntel;
constexpr uint32_t kPiix3Isa = 0x7000 << 16 | kIntel;
constexpr uint32_t kPiix3Ide = 0x7010 << 16 | kIntel;
constexpr uint32_t kPiix4Power = 0x7113u << 16 | kIntel;
constexpr uint8_t kSci = 9;

// Where PIRQA to PIRQD go.
constexpr std::array<uint8_t, 4> kPirqLines = {10, 10, 11, 11};

// INTx pin `pin` (1: INTA#) of a device on bus 0 reaches PIRQ (device - 1 + pin - 1) mod 4 on this board.
uint8_t line_of(uint8_t device, uint8_t pin) { return kPirqLines[(device + pin + 2u) & 3]; }

struct Setup {
  const PcHardware& hardware;
  const PcSetupConfig& config;

  void put(const PciFound& at, uint8_t offset, unsigned size, uint32_t value) const {
    hardware.config_write(at.device, at.function, offset, size, value);
  }

  // PAM0-6 (82441FX, 3.2.14): reads and writes of 0xc0000-0xfffff reach RAM.
  void shadow_bios(const PciFound& bridge) const {
    constexpr uint8_t kAttributes = 0x59;
    put(bridge, kAttributes, 1, 0x30);
    for (uint8_t i = 1; i <= 6; ++i) put(bridge, static_cast<uint8_t>(kAttributes + i), 1, 0x33);
  }
  // PIRQRC[A:D] (82371SB, 2.5.10), and their lines level-triggered by ELCR (0x4d0, 0x4d1), as the SCI's.
  void route_interrupts(const PciFound& isa) const {
    uint32_t level = 1u << kSci;
    for (uint8_t i = 0; i < kPirqLines.size(); ++i) {
      put(isa, static_cast<uint8_t>(0x60 + i), 1, kPirqLines[i]);
      level |= 1u << kPirqLines[i];
    }
    hardware.port_write(0x4d0, static_cast<uint8_t>(level));
    hardware.port_write(0x4d1, static_cast<uint8_t>(level >> 8));
  }
  // IDETIM (82371SB, 2.3.9): both channels decode their ports.
  void enable_ide(const PciFound& ide) const {
    put(ide, 0x40, 2, 0x8000);
    put(ide, 0x42, 2, 0x8000);
  }
  // PMBA and PMREGMISC, SMBBA and SMBHSTCFG (82371AB, 7.1). The SCI is wired to IRQ 9.
  void enable_power_management(const PciFound& power) const {
    put(power, pci_header::kInterruptLine, 1, kSci);
    put(power, 0x40, 4, config.power_management_base | 1u);
    put(power, 0x80, 1, 0x01);
    put(power, 0x90, 4, config.smbus_base | 1u);
    put(power, 0xd2, 1, 0x09);
  }
  void set_up_function(const PciFound& found, PcLayout& layout) const {
    constexpr uint32_t kPortsMemorySerr = 0x0103;
    if (found.pin >= 1 && found.pin <= 4) {
      const uint8_t line = line_of(found.device, found.pin);
      put(found, pci_header::kInterruptLine, 1, line);
      if (found.identity != kPiix4Power) {
        layout.routes.push_back({found.device, static_cast<uint8_t>(found.pin - 1), line});
      }
    }
    switch (found.identity) {
      case k440fx: shadow_bios(found); break;
      case kPiix3Isa: route_interrupts(found); break;
      case kPiix3Ide: enable_ide(found); break;
      case kPiix4Power: enable_power_management(found); break;
      default: break;
    }
    // Bus mastering is the driver's to enable.
    const uint32_t command = hardware.config_read(found.device, found.function, pci_header::kCommand, 2);
    put(found, pci_header::kCommand, 2, command | kPortsMemorySerr);
  }

  // 8259A pair: ICW1-4 as IBM's BIOS, vectors 0x08 and 0x70, all masked but the cascade.
  void set_up_8259s() const {
    struct Write {
      uint16_t port;
      uint8_t value;
    };
    constexpr Write kWrites[] = {{0x20, 0x11}, {0x21, 0x08}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xfb},
                                 {0xa0, 0x11}, {0xa1, 0x70}, {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xff}};
    for (const Write& write : kWrites) hardware.port_write(write.port, write.value);
  }
  // 8254 counter 0: mode 2, the longest period (18.2 Hz).
  void set_up_8254() const {
    hardware.port_write(0x43, 0x34);
    hardware.port_write(0x40, 0);
    hardware.port_write(0x40, 0);
  }
  // MC146818 registers A and B: 32.768 kHz with the divider running, 24-hour BCD, no interrupts.
  void set_up_clock() const {
    hardware.port_write(0x70, 0x0a);
    hardware.port_write(0x71, 0x26);
    hardware.port_write(0x70, 0x0b);
    hardware.port_write(0x71, 0x02);
  }
  // Virtual wire mode (MP specification 1.4, 3.6.2.2): the local APIC is on, LINT0 takes the 8259s'
  // interrupt, LINT1 is NMI.
  void set_up_local_apic() const {
    constexpr GuestPhys kLocalApic{0xfee00000};
    hardware.memory_write(kLocalApic + 0xf0, 0x1ff);
    hardware.memory_write(kLocalApic + 0x350, 0x8700);
    hardware.memory_write(kLocalApic + 0x360, 0x8400);
  }
};

}  // namespace

Result<PcLayout> set_up_pc(const PcHardware& hardware, const PcSetupConfig& config) {
  const Setup setup{hardware, config};
  const std::vector<PciFound> found = find_pci_functions(hardware);
  auto assignments = assign_pci_addresses(hardware, found);
  if (!assignments) return tl::unexpected(assignments.error());
  PcLayout layout;
  layout.assignments = std::move(*assignments);
  setup.set_up_8259s();
  for (const PciFound& function : found) setup.set_up_function(function, layout);
  setup.set_up_8254();
  setup.set_up_clock();
  setup.set_up_local_apic();
  return layout;
}

}  // namespace ringside
