// Configuration space, and model-specific registers. Not written: the function of power management, where
// messages of interrupts go (a device would write there), and the host bridge's map of the first megabyte, in
// which the page tables may lie. BARs move anywhere for a while; the next healing puts them back.
#include "guest/pc/ports.h"
#include "scenarios/port-storm/storm.h"

enum { kMessageCapability = 5, kCapabilities = 0x34 };

static int is_power(struct pci_function at) {
  return at.device == board.power.device && at.function == board.power.function;
}

static int is_message_address(struct pci_function at, uint8_t offset) {
  uint8_t capability = (uint8_t)pci_read(at, kCapabilities, 1);
  for (unsigned i = 0; i < 48 && capability >= 0x40 && capability != 0xff; ++i) {
    if ((pci_read(at, capability, 1) & 0xff) == kMessageCapability)
      return offset >= (capability & 0xfcu) && offset < (capability & 0xfcu) + 16u;
    capability = (uint8_t)pci_read(at, (uint8_t)(capability + 1), 1);
  }
  return 0;
}

void touch_config(void) {
  const struct pci_function at = {(uint8_t)(random_below(8) ? 0 : random_below(256)),
                                  (uint8_t)random_below(32), (uint8_t)random_below(8)};
  const unsigned size = 1u << random_below(3);
  const uint8_t offset = (uint8_t)(random_below(256) & ~(uint64_t)(size - 1));
  const int is_bridge = at.bus == 0 && at.device == 0;
  if (random_below(2) && !is_power(at) && !is_bridge && !is_message_address(at, offset)) {
    ++tally.config_writes;
    pci_write(at, offset, size, (uint32_t)random_value());
    // A BAR in the middle of memory, or over ports that reset, is a trap for the program and not for the
    // machine.
    board_heal();
    return;
  }
  ++tally.config_reads;
  note_value(pci_read(at, offset, size));
}

// An unknown register is a general protection fault, which on_exception() lets go on behind the instruction.
void touch_msr(void) {
  const uint32_t index =
      (uint32_t)(random_below(2) ? random_below(0x2000) : 0xc0000000u + random_below(0x200));
  uint32_t low = 0, high = 0;
  uint64_t scratch;
  ++tally.msrs;
  __asm__ volatile(
      "leaq 1f(%%rip), %2\n\t"
      "movq %2, %3\n\t"
      "rdmsr\n"
      "1:"
      : "+a"(low), "+d"(high), "=&r"(scratch), "=m"(recovery)
      : "c"(index)
      : "memory");
  recovery = 0;
  // The time-stamp counter and the like differ with the host in QEMU; only whether there is one goes into the
  // hash.
  note_value((low | high) != 0);
}
