// The interrupt-driven form. To transmit: fill the FIFO with 16 characters, and again whenever the UART says
// that it is empty (THRE). To receive: the UART interrupts when 8 characters have come (the trigger level),
// or when fewer wait and none has come or been read for four character times (8.12, "FIFO interrupt mode
// operation").
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "scenarios/uart-hello/uart.h"

enum { kQueueBytes = 1024 };  // a power of two

// Bytes between program and handler: one side moves `head`, the other `tail`.
struct queue {
  volatile unsigned head, tail;
  char bytes[kQueueBytes];
};

static struct queue outgoing, incoming;
static unsigned interrupts, fills, triggers, timeouts, line_errors, lost, nothing_pending;

static unsigned used(const struct queue* queue) { return queue->head - queue->tail; }

static void put(struct queue* queue, char byte) {
  queue->bytes[queue->head % kQueueBytes] = byte;
  write_barrier();  // the byte before the index that says it is there
  queue->head = queue->head + 1;
}

static char take(struct queue* queue) {
  const char byte = queue->bytes[queue->tail % kQueueBytes];
  queue->tail = queue->tail + 1;
  return byte;
}

// The FIFO is empty when THRE says so: 16 characters fit without looking again.
static void fill_transmitter(void) {
  for (unsigned i = 0; i < kFifoBytes && used(&outgoing) != 0; ++i) out8(kTransmit, (uint8_t)take(&outgoing));
}

static void empty_receiver(void) {
  while (in8(kLineStatus) & kDataReady) {
    const char byte = (char)in8(kReceive);
    if (used(&incoming) < kQueueBytes) {
      put(&incoming, byte);
    } else {
      ++lost;
    }
  }
}

// The 8259A is edge-triggered, so all causes must be served before the end: a cause that is left would keep
// the line high, and there would be no edge ever again.
static void on_interrupt(void* data) {
  (void)data;
  ++interrupts;
  uint8_t pending = in8(kInterruptIdentify);
  if (pending & kNothingPending) ++nothing_pending;
  for (; !(pending & kNothingPending); pending = in8(kInterruptIdentify)) {
    switch (pending & kPendingMask) {
      case kPendingLineStatus:  // the highest priority; cleared by reading LSR
        ++line_errors;
        in8(kLineStatus);
        break;
      case kPendingReceived:
        ++triggers;
        empty_receiver();
        break;
      case kPendingCharacterTimeout:
        ++timeouts;
        empty_receiver();
        break;
      case kPendingTransmitterEmpty:  // cleared by the read of IIR itself, or by writing THR
        ++fills;
        fill_transmitter();
        break;
      default: fail("IIR says 0x%x, which no cause is", pending);
    }
  }
}

static void start(void) {
  out8(kFifoControl, kFifoEnable | kFifoClearReceive | kFifoClearTransmit | kFifoTrigger8);
  bind_irq(kUartIrq, on_interrupt, 0);
  out8(kModemControl, kDataTerminalReady | kRequestToSend | kOut2);
  out8(kInterruptEnable, kEnableReceived | kEnableLineStatus);
  enable_interrupts();
}

static int has_room(void* data) {
  (void)data;
  return used(&outgoing) < kQueueBytes;
}
static int is_sent(void* data) {
  (void)data;
  return used(&outgoing) == 0;
}
static int has_come(void* data) {
  (void)data;
  return used(&incoming) != 0;
}

// Sleeps until the handler has brought the condition about.
static void sleep_until(int (*condition)(void* data)) {
  disable_interrupts();
  while (!condition(0)) sleep_until_interrupt();
  enable_interrupts();
}

// 8.7: enabling the THRE interrupt while THR is empty raises it at once, so this also starts a transmitter
// that had nothing to do. Disabling it first makes sure of the edge.
static void kick(void) {
  disable_interrupts();
  out8(kInterruptEnable, kEnableReceived | kEnableLineStatus);
  out8(kInterruptEnable, kEnableReceived | kEnableLineStatus | kEnableTransmitterEmpty);
  enable_interrupts();
}

static void write(const char* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!has_room(0)) {
      kick();
      sleep_until(has_room);
    }
    put(&outgoing, bytes[i]);
  }
  kick();
}

static size_t read_line(char* line, size_t size) {
  size_t length = 0;
  for (;;) {
    sleep_until(has_come);
    const char byte = take(&incoming);
    if (byte == '\r' || byte == '\n') break;
    write(&byte, 1);
    if (length + 1 < size) line[length++] = byte;
  }
  line[length] = 0;
  return length;
}

static void stop(void) {
  sleep_until(is_sent);
  while (!(in8(kLineStatus) & kTransmitterEmpty)) continue;
  disable_interrupts();
  out8(kInterruptEnable, 0);
  out8(kModemControl, kDataTerminalReady | kRequestToSend);
  mask_irq(kUartIrq);
}

static void report(void) {
  print("%u interrupts: %u times the transmitter was empty, %u times 8 characters had come, %u timeouts\n",
        interrupts, fills, triggers, timeouts);
  if (line_errors != 0 || lost != 0) fail("%u line errors, %u characters lost", line_errors, lost);
  if (fills == 0) fail("no interrupt of the transmitter");
  if (triggers == 0 && timeouts == 0) fail("no interrupt of the receiver");
  if (nothing_pending != 0) print("%u interrupts with nothing pending\n", nothing_pending);
}

const struct uart_form interrupt_form = {start, write, read_line, stop, report};
