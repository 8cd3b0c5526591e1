// The lesson: set the UART up, say hello, echo a line, check that nothing was lost. The command line says in
// which form: "polled" or "interrupts". README.md tells what to look at.
#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "guest/pc/timers.h"
#include "scenarios/uart-hello/uart.h"

const char program_name[] = "uart-hello";

void uart_set_up(uint8_t trigger) {
  // The scratch register holds what is written to it where there is a UART at all.
  for (unsigned value = 0x55; value <= 0xaa; value += 0x55) {
    out8(kScratch, (uint8_t)value);
    if (in8(kScratch) != value) fail("no UART at port 0x%x", kUartBase);
  }
  // 8.3: the baud rate generator divides 1.8432 MHz by 16 times the divisor.
  const uint16_t divisor = 1843200 / 16 / 115200;
  out8(kInterruptEnable, 0);
  out8(kLineControl, kDivisorAccess);
  out8(kDivisorLow, (uint8_t)divisor);
  out8(kDivisorHigh, divisor >> 8);
  out8(kLineControl, kEightBitsNoParityOneStop);
  out8(kFifoControl, kFifoEnable | kFifoClearReceive | kFifoClearTransmit | trigger);
  // The plain 16550 has FIFOs that do not work, and says so here.
  if ((in8(kInterruptIdentify) & kFifosEnabled) != kFifosEnabled) fail("this UART has no FIFOs");
  out8(kModemControl, kDataTerminalReady | kRequestToSend);
}

// 8.8: in loop mode what is transmitted is received, so the UART can be tested without anybody at the other
// end.
static void test_loopback(void) {
  out8(kModemControl, kLoop);
  for (unsigned sent = 0; sent < 256; sent += 51) {
    out8(kTransmit, (uint8_t)sent);
    unsigned waited = 0;
    while (!(in8(kLineStatus) & kDataReady)) {
      if (++waited > 1000) fail("loopback: no character within a millisecond");
      delay_microseconds(1);
    }
    const uint8_t received = in8(kReceive);
    if (received != sent) fail("loopback: sent 0x%x, received 0x%x", sent, received);
  }
  out8(kModemControl, kDataTerminalReady | kRequestToSend);
}

static void say(const struct uart_form* form, const char* text) { form->write(text, strlen(text)); }

void guest_main(void) {
  const int by_interrupts = has_word("interrupts");
  const struct uart_form* form = by_interrupts ? &interrupt_form : &polled_form;
  uart_set_up(kFifoTrigger1);
  test_loopback();
  form->start();

  say(form, by_interrupts ? "hello by interrupts\r\n" : "hello, polled\r\n");
  // 64 characters and more are four fillings of the transmit FIFO.
  for (unsigned row = 0; row < 4; ++row) {
    say(form, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_\r\n");
  }
  say(form, "type a line> ");
  char line[128], answer[160];
  const size_t length = form->read_line(line, sizeof line);
  const int shown =
      format_text(answer, sizeof answer, "\r\nyou typed %u characters: %s\r\n", (unsigned)length, line);
  form->write(answer, (size_t)shown);
  form->stop();
  form->report();
  if (length == 0) fail("an empty line");
  pass();
}
