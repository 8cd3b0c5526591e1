// Ending: the soft-off state of the PIIX4's power management, after a line that says how it went.
#include "internal.h"
#include "interrupts.h"
#include "pci.h"
#include "ports.h"

// Intel 82371AB (PIIX4) datasheet, 7: function 3, power management.
enum {
  kIntel = 0x8086,
  kPiix4Power = 0x7113,
  kPmBase = 0x40,            // 7.1: PMBA, the I/O base of the power management registers
  kPmRegMisc = 0x80,         // bit 0, PMIOSE, turns them on
  kPmControl = 0x04,         // 7.2.3: PMCNTRL, from the base
  kSuspendEnable = 1 << 13,  // SUS_EN; SUS_TYP (bits 12:10) 0 is soft off
  kUsualBase = 0x600,
};

void power_off(void) {
  disable_interrupts();
  console_drain();
  struct pci_function power;
  uint16_t base = kUsualBase;
  if (pci_find(kIntel, kPiix4Power, 0, &power)) {
    if (pci_read(power, kPmRegMisc, 1) & 1) {
      base = (uint16_t)(pci_read(power, kPmBase, 4) & 0xffc0);
    } else {
      // There was no firmware that would have done it.
      pci_write(power, kPmBase, 4, kUsualBase | 1);
      pci_write(power, kPmRegMisc, 1, 1);
    }
    pci_enable(power, kPciCommandPorts);
  }
  out16((uint16_t)(base + kPmControl), kSuspendEnable);
#ifdef RINGSIDE_HOSTED
  for (;;) native->relax();
#else
  for (;;) __asm__ volatile("cli; hlt");
#endif
}

void pass(void) {
  print("%s: PASS\n", program_name);
  power_off();
}

void fail(const char* reason, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, reason);
  format_text_list(text, sizeof text, reason, arguments);
  va_end(arguments);
  print("%s: FAIL %s\n", program_name, text);
  power_off();
}
