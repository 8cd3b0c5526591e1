// The polled form: the program asks the line status register before each character. Simple, needs no
// interrupt, and keeps the processor busy for 86.8 us a character.
#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "scenarios/uart-hello/uart.h"

static unsigned looks, errors;

static uint8_t line_status(void) {
  ++looks;
  const uint8_t status = in8(kLineStatus);
  // 8.4: reading the register clears these, so whoever reads it must not lose them.
  if (status & (kOverrun | kParityError | kFramingError | kBreak)) ++errors;
  return status;
}

static void start(void) {}

static void put(char byte) {
  while (!(line_status() & kTransmitHoldingEmpty)) continue;
  out8(kTransmit, (uint8_t)byte);
}

static void write(const char* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) put(bytes[i]);
}

static size_t read_line(char* line, size_t size) {
  size_t length = 0;
  for (;;) {
    while (!(line_status() & kDataReady)) continue;
    const char byte = (char)in8(kReceive);
    if (byte == '\r' || byte == '\n') break;
    put(byte);
    if (length + 1 < size) line[length++] = byte;
  }
  line[length] = 0;
  return length;
}

static void stop(void) {
  while (!(line_status() & kTransmitterEmpty)) continue;
}

static void report(void) {
  print("line status read %u times, %u with errors\n", looks, errors);
  if (errors != 0) fail("%u receive errors", errors);
}

const struct uart_form polled_form = {start, write, read_line, stop, report};
