// Every register in memory, by 1, 2, 4 and 8 bytes, aligned or not. Spared: messages by which the processor
// would reset itself, delivery as INIT, and the addresses to which the network controller and the HPET write
// (dma.c sets the former): those get a value that is safe.
#include "guest/pc/apic.h"
#include "guest/pc/ports.h"
#include "scenarios/port-storm/storm.h"

enum { kHpet = 0xfed00000u, kWindowPage = 0x1000 };

struct window {
  uint64_t base, length;
};

static struct window random_window(void) {
  switch (random_below(10)) {
    case 0: return (struct window){kLocalApic, kWindowPage};
    case 1: return (struct window){kIoApic, 0x20};
    case 2: return (struct window){kHpet, 0x400};
    case 3: return (struct window){0xa0000, 0x20000};      // VGA
    case 4: return (struct window){0xfffe0000u, 0x20000};  // ROM
    case 5: return (struct window){nowhere(), kWindowPage};
    case 6: return (struct window){0xfec00000u, 0x300000};  // between and around the APICs
    default: break;
  }
  if (!board.has_nic) return (struct window){kHpet, 0x400};
  // Its registers lie in the first 22 KiB; the rest is memory for packets.
  const uint64_t length = random_below(8) ? 0x5a00 : board.nic_memory.length;
  return (struct window){board.nic_memory.address, length};
}

static int touches(uint64_t offset, unsigned size, uint64_t base, uint64_t length) {
  return offset < base + length && offset + size > base;
}

// The network controller's ring addresses, with the places that older drivers use (82540EM manual, 13.4).
static int is_ring_address(uint64_t offset, unsigned size) {
  return touches(offset, size, 0x2800, 8) || touches(offset, size, 0x3800, 8) ||
         touches(offset, size, 0x110, 8) || touches(offset, size, 0x420, 8) ||
         touches(offset, size, 0x2900, 8) || touches(offset, size, 0x3900, 8);
}

static uint64_t harmless(uint64_t address, unsigned size, uint64_t value) {
  // Delivery as INIT, or a start-up message: only fixed vectors that the program knows of, by whole
  // registers.
  if (touches(address, size, kLocalApic + 0x300, 0x80)) return 0x40040 | (value & 0x0f);
  if (touches(address, size, kIoApic + kIoApicWindow, 4)) return value & ~0x700ull;
  // FSB delivery writes to any address.
  if (touches(address, size, kHpet + 0x100, 0x300)) return value & ~0x4000400040004000ull;
  return value;
}

static int may_write(uint64_t address, unsigned size) {
  if (touches(address, size, kLocalApic + 0x300, 0x80)) return size == 4 && address % 16 == 0;
  if (touches(address, size, kIoApic, 0x20)) return size == 4 && address % 16 == 0;
  return !(board.has_nic && address >= board.nic_memory.address &&
           is_ring_address(address - board.nic_memory.address, size));
}

static uint64_t read_sized(uint64_t address, unsigned size) {
  switch (size) {
    case 1: return *(volatile uint8_t*)address;
    case 2: return *(volatile uint16_t*)address;
    case 4: return *(volatile uint32_t*)address;
    default: return *(volatile uint64_t*)address;
  }
}

static void write_sized(uint64_t address, unsigned size, uint64_t value) {
  switch (size) {
    case 1: *(volatile uint8_t*)address = (uint8_t)value; break;
    case 2: *(volatile uint16_t*)address = (uint16_t)value; break;
    case 4: *(volatile uint32_t*)address = (uint32_t)value; break;
    default: *(volatile uint64_t*)address = value; break;
  }
}

void touch_register(void) {
  const struct window window = random_window();
  const unsigned size = random_below(4) ? 4 : 1u << random_below(4);
  uint64_t address = window.base + random_below(window.length);
  if (random_below(8)) address &= ~(uint64_t)(size - 1);
  if (address + size > 0x100000000ull) address = 0x100000000ull - size;
  if (random_below(2) && may_write(address, size)) {
    ++tally.register_writes;
    write_sized(address, size, harmless(address, size, random_value()));
    return;
  }
  ++tally.register_reads;
  note_value(read_sized(address, size));
}
