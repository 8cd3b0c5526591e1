// PCI configuration space. See pci.h.
#include "pci.h"

#include "internal.h"
#include "interrupts.h"
#include "ports.h"

enum {
  kConfigAddress = 0xcf8,
  kConfigData = 0xcfc,

  // Where BARs go that no firmware has placed: below the I/O APIC, and above what the ISA bus decodes.
  kMemoryWindow = 0xe0000000u,
  kPortWindow = 0xc000,

  // Intel 82371SB (PIIX3) datasheet, 2.3.11: PIRQRC[A:D], the routes of the four PCI interrupts; bit 7 turns
  // one off.
  kIntel = 0x8086,
  kPiix3Bridge = 0x7000,
  kRoutes = 0x60,
  kRouteOff = 0x80,
};

static uint32_t next_memory RUNTIME_STATE = kMemoryWindow, next_port RUNTIME_STATE = kPortWindow;

static void select_register(struct pci_function at, uint8_t offset) {
  out32(kConfigAddress, 0x80000000u | (uint32_t)at.bus << 16 | (uint32_t)at.device << 11 |
                            (uint32_t)at.function << 8 | (offset & 0xfcu));
}

uint32_t pci_read(struct pci_function at, uint8_t offset, unsigned size) {
  select_register(at, offset);
  const uint16_t port = (uint16_t)(kConfigData + offset % 4);
  return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

void pci_write(struct pci_function at, uint8_t offset, unsigned size, uint32_t value) {
  select_register(at, offset);
  const uint16_t port = (uint16_t)(kConfigData + offset % 4);
  if (size == 1) {
    out8(port, (uint8_t)value);
  } else if (size == 2) {
    out16(port, (uint16_t)value);
  } else {
    out32(port, value);
  }
}

int pci_find(uint16_t vendor, uint16_t device, unsigned n, struct pci_function* found) {
  for (uint8_t slot = 0; slot < 32; ++slot) {
    for (uint8_t function = 0; function < 8; ++function) {
      const struct pci_function at = {0, slot, function};
      const uint32_t identity = pci_read(at, kPciVendor, 4);
      if ((identity & 0xffff) != 0xffff && (vendor == 0xffff || (identity & 0xffff) == vendor) &&
          (device == 0xffff || identity >> 16 == device) && n-- == 0) {
        *found = at;
        return 1;
      }
      // Without bit 7 of the header type, function 0 is the only one.
      if (function == 0 && ((identity & 0xffff) == 0xffff || !(pci_read(at, kPciHeaderType, 1) & 0x80)))
        break;
    }
  }
  return 0;
}

struct pci_bar pci_bar(struct pci_function at, unsigned index) {
  const uint8_t offset = (uint8_t)(kPciBar0 + index * 4);
  const uint16_t command = (uint16_t)pci_read(at, kPciCommand, 2);
  pci_write(at, kPciCommand, 2, command & ~(unsigned)(kPciCommandPorts | kPciCommandMemory));
  // 6.2.5.1: all ones written, the bits that stay 0 tell the length.
  uint32_t value = pci_read(at, offset, 4);
  pci_write(at, offset, 4, 0xffffffffu);
  const uint32_t mask = pci_read(at, offset, 4);
  struct pci_bar bar = {.is_ports = (int)(mask & 1)};
  const uint32_t kind_bits = bar.is_ports ? 0x3 : 0xf;
  if (mask != 0) {
    bar.length = ~(mask & ~kind_bits) + 1;
    if (bar.is_ports) bar.length &= 0xffff;
    if ((value & ~kind_bits) == 0) {
      uint32_t* next = bar.is_ports ? &next_port : &next_memory;
      value = (*next + bar.length - 1) & ~(bar.length - 1);
      *next = value + bar.length;
    }
    bar.address = value & ~kind_bits;
  }
  pci_write(at, offset, 4, value);
  pci_write(at, kPciCommand, 2, command);
  return bar;
}

void pci_enable(struct pci_function at, uint16_t command_bits) {
  pci_write(at, kPciCommand, 2, pci_read(at, kPciCommand, 2) | command_bits);
}

unsigned pci_route_interrupt(struct pci_function at) {
  struct pci_function bridge;
  const unsigned pin = pci_read(at, kPciInterruptPin, 1);
  if (pin == 0 || !pci_find(kIntel, kPiix3Bridge, 0, &bridge)) return pci_read(at, kPciInterruptLine, 1) & 15;
  // The board turns the pins by one from slot to slot, beginning with PIRQA for INTA# of slot 1.
  const unsigned request = (pin - 1 + at.device - 1) % 4;
  unsigned line = pci_read(bridge, (uint8_t)(kRoutes + request), 1);
  if (line & kRouteOff) {
    line = request < 2 ? 10 : 11;
    pci_write(bridge, (uint8_t)(kRoutes + request), 1, line);
  }
  line &= 15;
  set_level_triggered(line);
  pci_write(at, kPciInterruptLine, 1, line);
  return line;
}
