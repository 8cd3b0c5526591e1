// PCI configuration space by mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2), and what firmware
// would have done: addresses for BARs, and the way of an interrupt pin through the PIIX.
#pragma once

#include <stdint.h>

struct pci_function {
  uint8_t bus, device, function;
};

enum {
  kPciVendor = 0x00,
  kPciCommand = 0x04,
  kPciStatus = 0x06,
  kPciClass = 0x08,  // revision in its low byte
  kPciHeaderType = 0x0e,
  kPciBar0 = 0x10,
  kPciInterruptLine = 0x3c,
  kPciInterruptPin = 0x3d,

  kPciCommandPorts = 1 << 0,
  kPciCommandMemory = 1 << 1,
  kPciCommandMaster = 1 << 2,
};

uint32_t pci_read(struct pci_function at, uint8_t offset, unsigned size);
void pci_write(struct pci_function at, uint8_t offset, unsigned size, uint32_t value);

// The n-th function (from 0) on bus 0 with this vendor and device; 0xffff stands for any. Returns whether
// there is one.
int pci_find(uint16_t vendor, uint16_t device, unsigned n, struct pci_function* found);

struct pci_bar {
  uint64_t address;
  uint32_t length;  // 0: not implemented
  int is_ports;
};
// What a BAR decodes; one without an address gets one first. The function's decoding is off meanwhile.
struct pci_bar pci_bar(struct pci_function at, unsigned index);
// Turns on bits of the command register.
void pci_enable(struct pci_function at, uint16_t command_bits);
// The line (0-15) on which the function's INTx# pin arrives; one that is not routed is routed first.
// Level-triggered.
unsigned pci_route_interrupt(struct pci_function at);
