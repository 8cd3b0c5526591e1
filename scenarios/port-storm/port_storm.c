// The hostile guest. The command line says what: "storm seed=N count=M", "triple-fault", "bad-idt",
// "bad-gdt".
#include "guest/pc/apic.h"
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "scenarios/port-storm/storm.h"

const char program_name[] = "port-storm";

enum { kBurst = 128, kNmi = 2, kGeneralProtection = 13 };

struct tally tally;
volatile uint64_t recovery;

// FNV-1a, a byte at a time.
void note_value(uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) tally.hash = (tally.hash ^ (value >> 8 * i & 0xff)) * 0x100000001b3ull;
}

// Messages by the local APIC arrive at vectors of their own; NMIs come from wherever a random value asked for
// one.
static int on_exception(struct frame* frame) {
  if (frame->vector == kNmi) {
    ++tally.nmis;
    return 1;
  }
  if (frame->vector >= kIrqVector + kIrqs) {
    ++tally.interrupts;
    if (frame->vector != kApicSpuriousVector) local_apic_write(kApicEndOfInterrupt, 0);
    return 1;
  }
  if (frame->vector == kGeneralProtection && recovery != 0) {
    ++tally.msrs_refused;
    frame->rip = recovery;
    return 1;
  }
  return 0;
}

static void on_irq(void* data) {
  (void)data;
  ++tally.interrupts;
}

// Every source of interrupts is asked for one at the same time, into handlers that work.
static void let_interrupts_in(void) {
  for (unsigned irq = 0; irq < kIrqs; ++irq) bind_irq(irq, on_irq, 0);
  provoke_interrupts();
  enable_interrupts();
  for (unsigned i = 0; i < 16; ++i) port_pause();
  disable_interrupts();
}

static void storm(uint64_t count) {
  for (uint64_t done = 0; done < count;) {
    for (unsigned i = 0; i < kBurst && done < count; ++i, ++done) {
      const uint64_t kind = random_below(100);
      if (kind < 50) {
        touch_port();
      } else if (kind < 90) {
        touch_register();
      } else if (kind < 94) {
        touch_config();
      } else if (kind < 96) {
        touch_msr();
      } else if (kind < 98) {
        start_disk_dma();
      } else {
        start_nic_dma();
      }
    }
    board_heal();
    let_interrupts_in();
  }
}

// Whether the machine still works: memory holds what is written, and the timer runs.
static void check_machine(void) {
  volatile uint64_t* words = allocate(4096, 4096);
  for (unsigned i = 0; i < 512; ++i) words[i] = i * 0x9e3779b97f4a7c15ull;
  for (unsigned i = 0; i < 512; ++i) {
    if (words[i] != i * 0x9e3779b97f4a7c15ull) fail("memory does not hold what is written");
  }
  out8(0x43, 0x34);
  out8(0x40, 0xff);
  out8(0x40, 0xff);
  out8(0x43, 0x00);
  const unsigned first = in8(0x40) | (unsigned)in8(0x40) << 8;
  for (unsigned i = 0; i < 64; ++i) port_pause();
  out8(0x43, 0x00);
  const unsigned second = in8(0x40) | (unsigned)in8(0x40) << 8;
  if (first == second) fail("the timer stands still at %u", first);
}

void guest_main(void) {
  random_start(number_of("seed", 1));
  board_find();
  board.mild = has_word("mild");
  if (has_word("triple-fault")) die_by_triple_fault();
  if (has_word("bad-idt")) die_by_bad_idt();
  if (has_word("bad-gdt")) die_by_bad_gdt();

  exception_hook = on_exception;
  print("port-storm: seed %lu, network controller %s, IDE %s\n", number_of("seed", 1),
        board.has_nic ? "found" : "missing", board.has_ide ? "found" : "missing");
  board_heal();
  storm(number_of("count", 100000));
  board_heal();
  check_machine();
  print("\n\nports: %lu reads, %lu writes\n", tally.port_reads, tally.port_writes);
  print("registers: %lu reads, %lu writes\n", tally.register_reads, tally.register_writes);
  print("configuration: %lu reads, %lu writes\n", tally.config_reads, tally.config_writes);
  print("MSRs: %lu read, %lu of them refused\n", tally.msrs, tally.msrs_refused);
  print("DMA: %lu of the disk, %lu of the network controller\n", tally.disk_transfers, tally.nic_transfers);
  print("%lu interrupts, %lu NMIs, %lu times healed\n", tally.interrupts, tally.nmis, tally.heals);
  print("hash of what was read: %016lx\n", tally.hash);
  pass();
}
