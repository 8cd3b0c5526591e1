// Time: the 8254 (Intel 8254 datasheet, "Mode definitions"; port 0x61 gates its channel 2) and the time-stamp
// counter.
#include "timers.h"

#include "internal.h"
#include "interrupts.h"
#include "ports.h"

enum {
  kChannel0 = 0x40,
  kChannel2 = 0x42,
  kControl = 0x43,
  kSystemControl = 0x61,  // bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2
  kMode0Channel2 = 0xb0,  // two bytes, interrupt on terminal count
  kMode2Channel0 = 0x34,  // two bytes, rate generator
  kMeasuredMilliseconds = 5,
};

volatile uint64_t timer_ticks RUNTIME_STATE;

uint64_t read_tsc(void) {
#ifdef RINGSIDE_HOSTED
  return native->read_counter();
#else
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
#endif
}

static uint64_t measure(void) {
  const uint16_t count = kPitHz * kMeasuredMilliseconds / 1000;
  const uint8_t before = in8(kSystemControl);
  out8(kSystemControl, (uint8_t)((before & ~2u) | 1u));
  out8(kControl, kMode0Channel2);
  out8(kChannel2, (uint8_t)count);
  out8(kChannel2, count >> 8);
  const uint64_t start = read_tsc();
  for (unsigned tries = 0; tries < 10000000 && !(in8(kSystemControl) & 0x20); ++tries) continue;
  const uint64_t taken = read_tsc() - start;
  out8(kSystemControl, before);
  const uint64_t rate = taken / (kMeasuredMilliseconds * 1000);
  return rate ? rate : 1;
}

uint64_t tsc_per_microsecond(void) {
  static uint64_t rate RUNTIME_STATE;
  if (rate == 0) rate = measure();
  return rate;
}

void delay_microseconds(uint64_t microseconds) {
  const uint64_t ticks = microseconds * tsc_per_microsecond();
  const uint64_t start = read_tsc();
  while (read_tsc() - start < ticks) __asm__ volatile("pause");
}

uint64_t microseconds_now(void) {
  static uint64_t first RUNTIME_STATE;
  const uint64_t rate = tsc_per_microsecond();
  if (first == 0) first = read_tsc();
  return (read_tsc() - first) / rate;
}

static void on_tick(void* data) {
  (void)data;
  ++timer_ticks;
}

void start_timer(unsigned hz) {
  const unsigned count = kPitHz / hz;
  out8(kControl, kMode2Channel0);
  out8(kChannel0, (uint8_t)count);
  out8(kChannel0, (uint8_t)(count >> 8));
  bind_irq(0, on_tick, 0);
}
