// Time: the 8254 and the time-stamp counter.
#pragma once

#include <stdint.h>

enum { kPitHz = 1193182 };

uint64_t read_tsc(void);
// Measured once against channel 2 of the 8254.
uint64_t tsc_per_microsecond(void);
void delay_microseconds(uint64_t microseconds);
// Microseconds since the first call.
uint64_t microseconds_now(void);
// Channel 0 interrupts (IRQ 0) with this rate from now on; ticks are counted. wait_until() starts it by
// itself.
void start_timer(unsigned hz);
extern volatile uint64_t timer_ticks;
