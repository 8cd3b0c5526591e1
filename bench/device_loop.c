// Two million accesses to one register, for bench/device_bench.cpp: "empty", "port" or "mmio" on the command
// line.
#include "guest/pc/pc.h"
#include "guest/pc/pci.h"
#include "guest/pc/ports.h"

const char program_name[] = "device-loop";

enum { kAccesses = 2000000, kUartScratch = 0x3ff, kReceiveControl = 0x100 };

void guest_main(void) {
  if (has_word("port")) {
    for (unsigned i = 0; i < kAccesses; ++i) in8(kUartScratch);
  } else if (has_word("mmio")) {
    struct pci_function nic;
    if (!pci_find(0x8086, 0x100e, 0, &nic)) fail("no network card");
    const volatile uint8_t* registers = (const volatile uint8_t*)pci_bar(nic, 0).address;
    pci_enable(nic, kPciCommandMemory);
    for (unsigned i = 0; i < kAccesses; ++i) mmio_read32(registers + kReceiveControl);
  } else {
    for (unsigned i = 0; i < kAccesses; ++i) __asm__ volatile("" : : : "memory");
  }
  pass();
}
