#include "serial.h"

#include <ringside/hosted.h>

/* Texas Instruments PC16550D, table 4. */
enum {
  RBR = 0, /* read */
  THR = 0, /* write */
  DLL = 0, /* with DLAB */
  IER = 1,
  DLM = 1, /* with DLAB */
  IIR = 2, /* read */
  FCR = 2, /* write */
  LCR = 3,
  MCR = 4,
  LSR = 5,
};
enum { IER_RECEIVED = 0x01, IER_HOLDING_EMPTY = 0x02, IER_LINE_STATUS = 0x04 };
enum {
  IIR_NONE = 0x01,
  IIR_ID = 0x0f,
  IIR_MODEM = 0x00,
  IIR_HOLDING_EMPTY = 0x02,
  IIR_RECEIVED = 0x04,
  IIR_LINE_STATUS = 0x06,
  IIR_TIMEOUT = 0x0c
};
enum { FCR_ENABLE = 0x01, FCR_CLEAR = 0x06, FCR_TRIGGER_8 = 0x80 };
enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80 };
enum { MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT2 = 0x08 }; /* OUT2 lets the interrupt out of a PC's card */
enum { LSR_READY = 0x01, LSR_OVERRUN = 0x02, LSR_HOLDING_EMPTY = 0x20, LSR_ALL_EMPTY = 0x40 };
enum { FIFO = 16, RING = 256 };

static uint8_t get(const struct serial* serial, unsigned at) { return rs_in8((uint16_t)(serial->port + at)); }
static void put(const struct serial* serial, unsigned at, uint8_t value) {
  rs_out8((uint16_t)(serial->port + at), value);
}

static void receive(struct serial* serial) {
  uint8_t status;
  while ((status = get(serial, LSR)) & LSR_READY) {
    const char byte = (char)get(serial, RBR);
    if (status & LSR_OVERRUN) ++serial->overruns;
    if (serial->typed_last - serial->typed_first < RING) serial->typed[serial->typed_last++ % RING] = byte;
  }
}

/* The FIFO is empty: it takes sixteen. */
static void send(struct serial* serial) {
  for (unsigned i = 0; i < FIFO && serial->first != serial->last; ++i) {
    put(serial, THR, (uint8_t)serial->waiting[serial->first++ % RING]);
  }
  if (serial->first == serial->last) put(serial, IER, IER_RECEIVED | IER_LINE_STATUS);
}

static void on_interrupt(void* data) {
  struct serial* serial = data;
  uint8_t cause;
  /* Until there is none: the line of an ISA card interrupts by its edge, and while one cause is left it does
   * not fall. */
  while (((cause = get(serial, IIR) & IIR_ID) & IIR_NONE) == 0) {
    if (cause == IIR_HOLDING_EMPTY) {
      send(serial);
    } else {
      receive(serial); /* received, time-out, line status: reading LSR and RBR ends each */
    }
  }
}

int serial_open(struct serial* serial, uint16_t port, unsigned line, unsigned divisor) {
  *serial = (struct serial){.port = port, .line = line};
  put(serial, IER, 0);
  put(serial, LCR, LCR_DLAB);
  put(serial, DLL, (uint8_t)divisor);
  put(serial, DLM, (uint8_t)(divisor >> 8));
  put(serial, LCR, LCR_8N1);
  if (get(serial, LCR) != LCR_8N1) return RS_ENODEV;
  put(serial, FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_8);
  put(serial, MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
  const int error = rs_request_irq(line, on_interrupt, serial);
  if (error) return error;
  put(serial, IER, IER_RECEIVED | IER_LINE_STATUS);
  return 0;
}

static int has_room(void* data) {
  const struct serial* serial = data;
  return serial->last - serial->first < RING;
}

void serial_write(struct serial* serial, const char* text, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    if (!has_room(serial)) rs_wait_until(has_room, serial, RS_FOREVER);
    const unsigned long flags = rs_irq_save();
    serial->waiting[serial->last++ % RING] = text[i];
    /* If the FIFO is empty, this interrupts at once. */
    put(serial, IER, IER_RECEIVED | IER_LINE_STATUS | IER_HOLDING_EMPTY);
    rs_irq_restore(flags);
  }
}

static int has_typed(void* data) {
  const struct serial* serial = data;
  return serial->typed_first != serial->typed_last;
}

int serial_read(struct serial* serial, uint64_t deadline_ns) {
  if (!rs_wait_until(has_typed, serial, deadline_ns)) return -1;
  return (unsigned char)serial->typed[serial->typed_first++ % RING];
}

static int is_sent(void* data) {
  const struct serial* serial = data;
  return serial->first == serial->last;
}

void serial_close(struct serial* serial) {
  rs_wait_until(is_sent, serial, RS_FOREVER);
  while (!(get(serial, LSR) & LSR_ALL_EMPTY)) rs_relax();
  put(serial, IER, 0);
  put(serial, MCR, 0);
  rs_free_irq(serial->line);
}
