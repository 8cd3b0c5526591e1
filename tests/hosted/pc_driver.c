/* A driver of a PC's second serial port, by interrupts, and of its IDE disk, by bus master transfers: says
 * "text" on the port, and reads the disk's first sectors. The same source runs hosted and on the core. */
#include <ringside/hosted.h>

enum {
  kPort = 0x2f8,
  kLine = 3,
  kTransmit = kPort + 0,
  kInterruptEnable = kPort + 1,
  kInterruptIdentification = kPort + 2,
  kFifoControl = kPort + 2,
  kLineControl = kPort + 3,
  kModemControl = kPort + 4,
  kFifoBytes = 16,

  kAta = 0x1f0,
  kAtaStatus = kAta + 7,
  kAtaControl = 0x3f6,
  kAtaLine = 14,
  kSectors = 8,
  kReadDma = 0xc8,
  kBusy = 0x80,
  kError = 0x01,
};

static struct {
  const char* text;
  unsigned handled;
} uart;

static void on_uart(void* data) {
  (void)data;
  ++uart.handled;
  while ((rs_in8(kInterruptIdentification) & 0x0f) == 0x02) {
    for (unsigned i = 0; i < kFifoBytes && *uart.text; ++i) rs_out8(kTransmit, (uint8_t)*uart.text++);
    if (!*uart.text) rs_out8(kInterruptEnable, 0);
  }
}

static int is_sent(void* data) {
  (void)data;
  return !*uart.text;
}

static void say(const char* text) {
  uart.text = text;
  uart.handled = 0;
  rs_out8(kLineControl, 0x83);
  rs_out8(kPort + 0, 1); /* 115200 baud */
  rs_out8(kPort + 1, 0);
  rs_out8(kLineControl, 0x03);
  rs_out8(kFifoControl, 0x07);
  rs_out8(kModemControl, 0x0b); /* OUT2 opens the way of the interrupt */
  if (rs_request_irq(kLine, on_uart, 0) != 0) rs_panic("no line");
  rs_out8(kInterruptEnable, 0x02);
  if (!rs_wait_until(is_sent, 0, rs_now_ns() + 100000000)) rs_panic("the port is stuck");
  rs_free_irq(kLine);
}

static struct {
  volatile int done;
  uint16_t master; /* the ports of the bus master */
} disk;

static void on_disk(void* data) {
  (void)data;
  const uint8_t status = rs_in8((uint16_t)(disk.master + 2));
  rs_in8(kAtaStatus);
  rs_out8((uint16_t)(disk.master + 2), (uint8_t)(status | 0x04));
  if (status & 0x04) disk.done = 1;
}

static int is_done(void* data) {
  (void)data;
  return disk.done;
}

static uint64_t read_disk(unsigned stray) {
  struct rs_pci at;
  if (rs_pci_find(0x8086, 0x7010, 0, &at) != 0) rs_panic("no IDE controller");
  const struct rs_pci_bar bar = rs_pci_bar(at, 4);
  disk.master = (uint16_t)bar.address;
  rs_pci_write(at, 4, 2, rs_pci_read(at, 4, 2) | 5);
  uint32_t* table = rs_alloc_pages(1);
  uint8_t* sectors = rs_alloc_pages(1);
  table[0] = (uint32_t)rs_bus_address(sectors) + stray * RS_PAGE_SIZE;
  table[1] = 0x80000000u | kSectors * 512;
  if (rs_request_irq(kAtaLine, on_disk, 0) != 0) rs_panic("no line");
  disk.done = 0;
  rs_out8(kAtaControl, 0);
  while (rs_in8(kAtaStatus) & kBusy) rs_relax();
  rs_out32((uint16_t)(disk.master + 4), (uint32_t)rs_bus_address(table));
  rs_out8((uint16_t)(disk.master + 2), 0x06);
  rs_out8(kAta + 6, 0xe0);
  rs_out8(kAta + 2, kSectors);
  rs_out8(kAta + 3, 0);
  rs_out8(kAta + 4, 0);
  rs_out8(kAta + 5, 0);
  rs_out8(kAtaStatus, kReadDma);
  rs_wmb();
  rs_out8(disk.master, 0x09);
  if (!rs_wait_until(is_done, 0, rs_now_ns() + 1000000000)) rs_panic("the disk is stuck");
  rs_out8(disk.master, 0);
  uint64_t sum = 0;
  for (unsigned i = 0; i < kSectors * 512; ++i) sum = sum * 31 + sectors[i];
  rs_free_irq(kAtaLine);
  rs_free_pages(table, 1);
  rs_free_pages(sectors, 1);
  return sum;
}

void rs_main(void) {
  say("hello from an interrupt handler\n");
  const uint64_t sum = read_disk((unsigned)rs_option_number("stray", 0));
  rs_print("pc: %u interrupts, sum %lx\n", uart.handled, sum);
}
