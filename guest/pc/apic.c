// See apic.h.
#include "apic.h"

#include "ports.h"

enum { kApicBaseMsr = 0x1b, kApicBaseEnable = 1 << 11, kCpuidHasApic = 1 << 9 };

uint32_t local_apic_read(unsigned offset) {
  return mmio_read32((const void*)(uintptr_t)(kLocalApic + offset));
}
void local_apic_write(unsigned offset, uint32_t value) {
  mmio_write32((void*)(uintptr_t)(kLocalApic + offset), value);
}

uint32_t io_apic_read(unsigned index) {
  mmio_write32((void*)(uintptr_t)(kIoApic + kIoApicSelect), index);
  return mmio_read32((const void*)(uintptr_t)(kIoApic + kIoApicWindow));
}
void io_apic_write(unsigned index, uint32_t value) {
  mmio_write32((void*)(uintptr_t)(kIoApic + kIoApicSelect), index);
  mmio_write32((void*)(uintptr_t)(kIoApic + kIoApicWindow), value);
}

#ifdef RINGSIDE_HOSTED
static int has_apic(void) { return (native->read_msr(kApicBaseMsr) & kApicBaseEnable) != 0; }
#else
static int has_apic(void) {
  uint32_t eax = 1, ebx, ecx = 0, edx;
  __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  if (!(edx & kCpuidHasApic)) return 0;
  __asm__ volatile("rdmsr" : "=a"(eax), "=d"(edx) : "c"(kApicBaseMsr));
  return (eax & kApicBaseEnable) != 0;
}
#endif

void apic_virtual_wire(void) {
  if (!has_apic()) return;
  local_apic_write(kApicSpurious, kApicSoftwareEnable | kApicSpuriousVector);
  local_apic_write(kApicTimer, kApicMasked);
  local_apic_write(kApicTimerInitial, 0);
  local_apic_write(kApicError, kApicMasked | kApicSpuriousVector);
  local_apic_write(kApicLint0, kApicDeliverExternal);
  local_apic_write(kApicLint1, kApicDeliverNmi);
  local_apic_write(kApicTaskPriority, 0);
  const unsigned last = io_apic_read(kIoApicVersion) >> 16 & 0xff;
  for (unsigned entry = 0; entry <= last && entry < 24; ++entry) {
    io_apic_write(kIoApicRedirection + 2 * entry, kApicMasked);
  }
}
