// Drives the models of foreign_models.h, which the test puts at these addresses and lines.
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "guest/pc/timers.h"

const char program_name[] = "foreign-driver";

static volatile uint32_t* const plain = (volatile uint32_t*)0xd0000000;
static volatile uint32_t* const waiting = (volatile uint32_t*)0xd0001000;
static volatile uint32_t* const failing = (volatile uint32_t*)0xd0002000;
static volatile uint32_t* const master = (volatile uint32_t*)0xd0003000;

enum { kPlainIrq = 10, kMasterIrq = 11 };

static volatile unsigned interrupts[16];

static void on_plain(void* data) {
  (void)data;
  ++interrupts[kPlainIrq];
  mmio_write32(&plain[3], 0);
}

static void on_master(void* data) {
  (void)data;
  ++interrupts[kMasterIrq];
  mask_irq(kMasterIrq);
}

static int has_come(void* data) { return *(volatile unsigned*)data != 0; }

static void check_plain(void) {
  if (mmio_read32(&plain[0]) != 0x12345678) fail("word 0 is %x", mmio_read32(&plain[0]));
  mmio_write32(&plain[1], 0xcafef00d);
  if (mmio_read32(&plain[1]) != 0xcafef00d) fail("word 1 is %x", mmio_read32(&plain[1]));
  const uint8_t second = *((volatile uint8_t*)&plain[1] + 1);
  if (second != 0xf0) fail("byte 5 is %x", second);
  // Behind its four words the model answers with an address error: ones.
  if (mmio_read32(&plain[4]) != 0xffffffff) fail("word 4 is %x", mmio_read32(&plain[4]));
  bind_irq(kPlainIrq, on_plain, 0);
  mmio_write32(&plain[3], 1);
  if (!wait_until(has_come, (void*)&interrupts[kPlainIrq], 1000)) fail("no interrupt");
  print("plain: registers and interrupt\n");
}

static void check_waiting(void) {
  const uint64_t before = microseconds_now();
  for (unsigned i = 1; i <= 20; ++i) {
    const uint32_t count = mmio_read32(waiting);
    if (count != i) fail("access %u gave %u", i, count);
  }
  const uint64_t took = microseconds_now() - before;
  if (took < 99 || took > 140) fail("20 accesses of 5 us each took %u us", (unsigned)took);
  print("waiting: 20 accesses, 5 us each\n");
}

static void check_failing(void) {
  if (mmio_read32(failing) != 0xffffffff) fail("an access that failed gave %x", mmio_read32(failing));
  mmio_write32(failing, 1);
  print("failing: ones\n");
}

static void check_master(void) {
  uint32_t* words = allocate(16, 16);
  words[0] = 41;
  set_level_triggered(kMasterIrq);
  bind_irq(kMasterIrq, on_master, 0);
  mmio_write32(master, (uint32_t)(uint64_t)words);
  if (!wait_until(has_come, (void*)&interrupts[kMasterIrq], 1000)) fail("no interrupt from the master");
  read_barrier();
  if (mmio_read32(master) != 1) fail("the transfer ended with status %u", mmio_read32(master));
  if (*(volatile uint32_t*)&words[1] != 42) fail("the model stored %u", words[1]);
  // Where there is no memory it is told so.
  mmio_write32(master, 0xc0000000);
  const uint64_t from = microseconds_now();
  while (mmio_read32(master) == 0 && microseconds_now() - from < 1000) {
  }
  if (mmio_read32(master) != 2) fail("a transfer into nothing ended with status %u", mmio_read32(master));
  print("master: read, stored and refused\n");
}

void guest_main(void) {
  check_plain();
  check_waiting();
  check_failing();
  check_master();
  pass();
}
