// Every port, by 1, 2 and 4 bytes. Not written: what resets or powers off (0x60, 0x64, 0x92, 0xcf9, power
// management), the configuration data (config.c does that), and what would let a device write the program's
// memory: the bus master's table pointer (dma.c sets it), the controller's indirect access to its registers.
// The rest of the list are doors of QEMU's own.
#include "guest/pc/ports.h"

#include "scenarios/port-storm/storm.h"

static int overlaps(uint32_t port, unsigned size, uint32_t base, uint32_t length) {
  return port < base + length && port + size > base;
}

static int may_write(uint32_t port, unsigned size) {
  static const struct {
    uint16_t base, length;
  } forbidden[] = {
      {0x60, 1},      {0x64, 1},       // keyboard controller: reset, address line 20
      {0x92, 1},                       // the same
      {0xb2, 2},                       // system management interrupts: firmware's
      {0xcf9, 7},                      // reset, and configuration data
      {0x510, 12},    {0x5658, 4},     // QEMU: firmware configuration (with DMA), VMware's door
      {0xae00, 0x20}, {0xaf00, 0x20},  // QEMU: ejecting devices and processors
  };
  for (unsigned i = 0; i < sizeof forbidden / sizeof *forbidden; ++i) {
    if (overlaps(port, size, forbidden[i].base, forbidden[i].length)) return port == 0xcf8 && size == 4;
  }
  if (overlaps(port, size, board.power_base, 0x40u)) return 0;
  if (board.has_ide) {
    const uint32_t base = (uint32_t)board.ide_ports.address;
    if (overlaps(port, size, base + 4, 4) || overlaps(port, size, base + 12, 4)) return 0;
  }
  return !(board.has_nic && board.nic_ports.length &&
           overlaps(port, size, (uint32_t)board.nic_ports.address, board.nic_ports.length));
}

// Most ports have nothing behind them: prefer where something is.
static uint32_t random_port(void) {
  static const struct {
    uint16_t base, length;
  } known[] = {{0x00, 0x10}, {0x20, 2},    {0x40, 4},  {0x60, 5},  {0x70, 2},  {0x80, 0x20},
               {0xa0, 2},    {0xc0, 0x20}, {0x170, 8}, {0x1f0, 8}, {0x376, 1}, {0x3b0, 0x30},
               {0x3f0, 8},   {0x3f8, 8},   {0x2f8, 8}, {0x4d0, 2}, {0xcf8, 8}, {0x600, 0x40}};
  switch (random_below(4)) {
    case 0: return (uint32_t)random_below(0x10000);
    case 1: return board.has_ide ? (uint32_t)(board.ide_ports.address + random_below(16)) : 0x1f0;
    default: {
      const unsigned i = (unsigned)random_below(sizeof known / sizeof *known);
      return (uint32_t)(known[i].base + random_below(known[i].length));
    }
  }
}

void touch_port(void) {
  const uint32_t port = random_port();
  const int is_uart = overlaps(port, 4, 0x3f8, 8) || overlaps(port, 4, 0x2f8, 8);
  const unsigned size = board.mild && is_uart ? 1 : 1u << random_below(3);
  if (random_below(2) && may_write(port, size)) {
    const uint32_t value = (uint32_t)random_value();
    ++tally.port_writes;
    if (size == 1) {
      out8((uint16_t)port, (uint8_t)value);
    } else if (size == 2) {
      out16((uint16_t)port, (uint16_t)value);
    } else {
      out32((uint16_t)port, value);
    }
    return;
  }
  ++tally.port_reads;
  note_value(size == 1 ? in8((uint16_t)port) : size == 2 ? in16((uint16_t)port) : in32((uint16_t)port));
}
