// A driver for the NS16550A, in two forms: polled.c waits for each character, interrupts.c lets the UART
// call. Section and table numbers are those of the National Semiconductor PC16550D datasheet (June 1995).
#pragma once

#include <stddef.h>
#include <stdint.h>

// Table II: the registers, from the base address of COM1.
enum {
  kUartBase = 0x3f8,
  kUartIrq = 4,

  kReceive = kUartBase + 0,            // RBR, read
  kTransmit = kUartBase + 0,           // THR, written
  kDivisorLow = kUartBase + 0,         // DLL, while DLAB is set
  kDivisorHigh = kUartBase + 1,        // DLM, while DLAB is set
  kInterruptEnable = kUartBase + 1,    // IER
  kInterruptIdentify = kUartBase + 2,  // IIR, read
  kFifoControl = kUartBase + 2,        // FCR, written
  kLineControl = kUartBase + 3,        // LCR
  kModemControl = kUartBase + 4,       // MCR
  kLineStatus = kUartBase + 5,         // LSR
  kModemStatus = kUartBase + 6,        // MSR
  kScratch = kUartBase + 7,            // SCR
};

enum {
  // 8.7: IER.
  kEnableReceived = 1 << 0,
  kEnableTransmitterEmpty = 1 << 1,
  kEnableLineStatus = 1 << 2,

  // 8.5: FCR.
  kFifoEnable = 1 << 0,
  kFifoClearReceive = 1 << 1,
  kFifoClearTransmit = 1 << 2,
  kFifoTrigger1 = 0 << 6,
  kFifoTrigger8 = 2 << 6,

  // 8.6 and table IV: IIR. Bit 0 clear means that something is pending.
  kNothingPending = 1 << 0,
  kPendingMask = 0x0f,
  kPendingTransmitterEmpty = 0x02,
  kPendingReceived = 0x04,
  kPendingLineStatus = 0x06,
  kPendingCharacterTimeout = 0x0c,
  kFifosEnabled = 0xc0,

  // 8.1: LCR.
  kEightBitsNoParityOneStop = 0x03,
  kDivisorAccess = 1 << 7,  // DLAB

  // 8.8: MCR. A PC takes the interrupt to the 8259A only while OUT2 is set.
  kDataTerminalReady = 1 << 0,
  kRequestToSend = 1 << 1,
  kOut2 = 1 << 3,
  kLoop = 1 << 4,

  // 8.4: LSR.
  kDataReady = 1 << 0,
  kOverrun = 1 << 1,
  kParityError = 1 << 2,
  kFramingError = 1 << 3,
  kBreak = 1 << 4,
  kTransmitHoldingEmpty = 1 << 5,
  kTransmitterEmpty = 1 << 6,

  kFifoBytes = 16,
};

// Sets 115200 baud, 8N1, FIFOs with this trigger level (a kFifoTrigger...), interrupts off. Ends the program
// where there is no 16550A.
void uart_set_up(uint8_t trigger);

// Both forms: writes all bytes; reads up to a carriage return, which is not part of the line, and echoes.
struct uart_form {
  void (*start)(void);
  void (*write)(const char* bytes, size_t count);
  size_t (*read_line)(char* line, size_t size);
  // Waits until the last bit is on the line, and gives the UART back.
  void (*stop)(void);
  void (*report)(void);
};
extern const struct uart_form polled_form, interrupt_form;
