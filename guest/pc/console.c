// A console on COM1: a 16550 that is polled, so that it works in any state of the program.
#include "internal.h"
#include "ports.h"

// National Semiconductor PC16550D, table II: registers from the base address.
enum {
  kCom1 = 0x3f8,
  kTransmit = kCom1 + 0,
  kInterruptEnable = kCom1 + 1,
  kFifoControl = kCom1 + 2,
  kLineControl = kCom1 + 3,
  kModemControl = kCom1 + 4,
  kLineStatus = kCom1 + 5,

  kDivisorLatchAccess = 0x80,
  kEightBits = 0x03,
  kEnableAndClearFifos = 0x07,
  kTerminalReadyRequestToSend = 0x03,
  kTransmitterHoldingEmpty = 0x20,
  kTransmitterEmpty = 0x40,
};

void console_start(void) {
  out8(kInterruptEnable, 0);
  out8(kLineControl, kDivisorLatchAccess);
  out8(kCom1 + 0, 1);  // 1.8432 MHz / 16 / 1 = 115200 baud
  out8(kCom1 + 1, 0);
  out8(kLineControl, kEightBits);
  out8(kFifoControl, kEnableAndClearFifos);
  out8(kModemControl, kTerminalReadyRequestToSend);
}

// A UART that never gets ready is no reason to hang: what is printed then is lost.
static void wait_for(uint8_t status) {
  for (unsigned tries = 0; tries < 1000000 && !(in8(kLineStatus) & status); ++tries) continue;
}

static void put(char byte) {
  wait_for(kTransmitterHoldingEmpty);
  out8(kTransmit, (uint8_t)byte);
}

void console_drain(void) { wait_for(kTransmitterEmpty); }

void print_bytes(const char* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (bytes[i] == '\n') put('\r');
    put(bytes[i]);
  }
}

void print(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  print_bytes(text, strlen(text));
}
