// Three ways to a triple fault: an exception whose handler cannot be reached, twice (Intel SDM volume
// 3, 6.15, "Double fault"). The machine must end as crashed and say what was wrong.
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "scenarios/port-storm/storm.h"

struct table_pointer {
  uint16_t limit;
  uint64_t base;
} __attribute__((packed));

static void load_idt(uint64_t base, uint16_t limit) {
  const struct table_pointer pointer = {limit, base};
  __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

// No vector fits into the table.
void die_by_triple_fault(void) {
  print("port-storm: an undefined opcode with an empty descriptor table\n");
  console_drain();
  disable_interrupts();
  load_idt(0, 0);
  __asm__ volatile("ud2");
  fail("still alive");
}

// The table is full of gates, but of kinds that do not exist, to selectors that do not exist.
void die_by_bad_idt(void) {
  print("port-storm: an undefined opcode with garbage for gates\n");
  console_drain();
  disable_interrupts();
  uint64_t* gates = allocate(4096, 4096);
  for (unsigned i = 0; i < 512; ++i) gates[i] = random64() | 1ull << 47;  // all say that they are present
  load_idt((uint64_t)gates, 4095);
  __asm__ volatile("ud2");
  fail("still alive");
}

// All descriptors are zero, which is none: the next load of a segment faults, and so does the load of CS for
// the handler of that fault. (A table in no memory would read as ones, which is a descriptor.)
void die_by_bad_gdt(void) {
  print("port-storm: a segment from a descriptor table of zeros\n");
  console_drain();
  disable_interrupts();
  const struct table_pointer pointer = {0xff, (uint64_t)allocate(4096, 4096)};
  __asm__ volatile("lgdt %0" : : "m"(pointer) : "memory");
  __asm__ volatile("movl %0, %%ds" : : "r"(0x18) : "memory");
  fail("still alive");
}
