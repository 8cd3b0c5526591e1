// The local APIC and the I/O APIC, as far as a program with the 8259As needs them.
#pragma once

#include <stdint.h>

enum {
  kLocalApic = 0xfee00000u,  // where both are after a reset
  kIoApic = 0xfec00000u,

  // Intel SDM volume 3, table 11-1: local APIC registers.
  kApicId = 0x20,
  kApicTaskPriority = 0x80,
  kApicEndOfInterrupt = 0xb0,
  kApicSpurious = 0xf0,
  kApicCommandLow = 0x300,
  kApicCommandHigh = 0x310,
  kApicTimer = 0x320,
  kApicLint0 = 0x350,
  kApicLint1 = 0x360,
  kApicError = 0x370,
  kApicTimerInitial = 0x380,

  kApicSoftwareEnable = 1 << 8,
  kApicMasked = 1 << 16,
  kApicDeliverNmi = 4 << 8,
  kApicDeliverExternal = 7 << 8,  // the vector comes from the 8259As
  kApicSpuriousVector = 0xff,

  // Intel 82093AA (I/O APIC) datasheet, 3.0.
  kIoApicSelect = 0x00,
  kIoApicWindow = 0x10,
  kIoApicVersion = 1,       // bits 23:16: the number of the last entry
  kIoApicRedirection = 16,  // two registers for each entry
};

uint32_t local_apic_read(unsigned offset);
void local_apic_write(unsigned offset, uint32_t value);
uint32_t io_apic_read(unsigned index);
void io_apic_write(unsigned index, uint32_t value);

// Virtual wire mode (MultiProcessor Specification 1.4, 3.6.2.2): interrupts of the 8259As reach the processor
// through LINT0, NMI through LINT1, everything else is masked. Firmware does this; without any, we do.
void apic_virtual_wire(void);
