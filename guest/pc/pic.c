// The two 8259As of a PC, cascaded at line 2 (Intel 8259A datasheet, "Programming the 8259A").
#include "internal.h"
#include "interrupts.h"
#include "ports.h"
#include "timers.h"

enum {
  kMasterCommand = 0x20,
  kMasterMask = 0x21,
  kSlaveCommand = 0xa0,
  kSlaveMask = 0xa1,
  kLevelControl = 0x4d0,  // PIIX: ELCR1, ELCR2

  kIcw1 = 0x11,          // edge-triggered, cascaded, ICW4 follows
  kIcw3Master = 1 << 2,  // the slave hangs on line 2
  kIcw3Slave = 2,
  kIcw4 = 0x01,            // 8086 mode
  kEndOfInterrupt = 0x20,  // OCW2: non-specific
  kReadInService = 0x0b,   // OCW3
  kCascade = 2,
};

static struct {
  interrupt_handler handler;
  void* data;
} lines[kIrqs] RUNTIME_STATE;

volatile unsigned spurious_interrupts RUNTIME_STATE;

void pic_start(void) {
  out8(kMasterCommand, kIcw1);
  port_pause();
  out8(kMasterMask, kIrqVector);
  port_pause();
  out8(kMasterMask, kIcw3Master);
  port_pause();
  out8(kMasterMask, kIcw4);
  port_pause();
  out8(kSlaveCommand, kIcw1);
  port_pause();
  out8(kSlaveMask, kIrqVector + 8);
  port_pause();
  out8(kSlaveMask, kIcw3Slave);
  port_pause();
  out8(kSlaveMask, kIcw4);
  port_pause();
  out8(kMasterMask, (uint8_t) ~(1 << kCascade));
  out8(kSlaveMask, 0xff);
}

static void set_mask(unsigned irq, int masked) {
  const uint16_t port = irq < 8 ? kMasterMask : kSlaveMask;
  const uint8_t bit = (uint8_t)(1u << irq % 8);
  const uint8_t mask = in8(port);
  out8(port, masked ? mask | bit : mask & (uint8_t)~bit);
}

void bind_irq(unsigned irq, interrupt_handler handler, void* data) {
  lines[irq].handler = handler;
  lines[irq].data = data;
  set_mask(irq, 0);
}

void mask_irq(unsigned irq) { set_mask(irq, 1); }

void set_level_triggered(unsigned irq) {
  const uint16_t port = (uint16_t)(kLevelControl + irq / 8);
  out8(port, (uint8_t)(in8(port) | 1u << irq % 8));
}

// A request that is gone when the processor asks for the vector becomes line 7, with no bit in service
// ("Spurious interrupts"): the chip that said so wants no end of interrupt.
static int is_spurious(unsigned irq) {
  if (irq % 8 != 7) return 0;
  const uint16_t port = irq < 8 ? kMasterCommand : kSlaveCommand;
  out8(port, kReadInService);
  return !(in8(port) & 0x80);
}

void pic_dispatch(unsigned irq) {
  if (is_spurious(irq)) {
    ++spurious_interrupts;
    if (irq >= 8) out8(kMasterCommand, kEndOfInterrupt);  // The master did serve the cascade.
    return;
  }
  if (lines[irq].handler) lines[irq].handler(lines[irq].data);
  if (irq >= 8) out8(kSlaveCommand, kEndOfInterrupt);
  out8(kMasterCommand, kEndOfInterrupt);
}

int wait_until(int (*condition)(void* data), void* data, uint64_t microseconds) {
  disable_interrupts();
  if (condition(data)) return 1;
  // The timer wakes the processor for the look at the clock.
  if (timer_ticks == 0) start_timer(1000);
  const uint64_t end = microseconds_now() + microseconds;
  while (!condition(data)) {
    if (microseconds_now() >= end) return 0;
    sleep_until_interrupt();
  }
  return 1;
}
