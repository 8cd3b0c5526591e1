/* A driver for the NS16550A: interrupts, both FIFOs. */
#ifndef SERIAL_H
#define SERIAL_H

#include <stddef.h>
#include <stdint.h>

struct serial {
  uint16_t port;
  unsigned line;
  char waiting[256]; /* to be sent: a ring */
  unsigned first, last;
  char typed[256]; /* received, not asked for yet */
  unsigned typed_first, typed_last;
  unsigned overruns;
};

/* 115200 baud / divisor, 8N1. 0, or an error of ringside/hosted.h. */
int serial_open(struct serial* serial, uint16_t port, unsigned line, unsigned divisor);
/* Sleeps while the buffer is full. */
void serial_write(struct serial* serial, const char* text, size_t length);
/* The next character; -1 when none came until then. */
int serial_read(struct serial* serial, uint64_t deadline_ns);
/* Behind the last character. */
void serial_close(struct serial* serial);

#endif
