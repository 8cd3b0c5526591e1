// Bus master DMA: the driver describes memory in a table of physical region descriptors, starts the
// controller, gives the command to the disk and sleeps. One interrupt says that all sectors are in memory.
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/pci.h"
#include "guest/pc/ports.h"
#include "guest/pc/timers.h"
#include "scenarios/disk-read/ata.h"

enum {
  kIntel = 0x8086,
  kPiix3Ide = 0x7010,
  kPiix4Ide = 0x7111,
  kIdeTiming = 0x40,           // PIIX 2.3.12: IDETIM of the primary channel
  kIdeDecodeEnable = 1 << 15,  // its registers are decoded at all
  kBusMasterBar = 4,

  // Bus Master IDE 2: registers from the BAR on.
  kBusMasterCommand = 0,
  kBusMasterStatus = 2,
  kBusMasterTable = 4,

  kStart = 1 << 0,
  kToMemory = 1 << 3,

  kActive = 1 << 0,
  kBusError = 1 << 1,   // cleared by writing 1
  kInterrupt = 1 << 2,  // cleared by writing 1

  kRegionBytesMax = 0x10000,  // a count of 0; a region may not cross a multiple of 64 KiB
  kEndOfTable = 0x8000,
  kRegions = 8,
  kMicrosecondsMax = 2000000,
};

// Bus Master IDE 1.2: the table is aligned to 4 bytes and does not cross 64 KiB.
struct region {
  uint32_t address;
  uint16_t count, flags;
};

volatile unsigned dma_interrupts;
static struct region* table;
static uint16_t base;
static volatile int done;
static volatile uint8_t last_status;  // of the disk

static void on_interrupt(void* data) {
  (void)data;
  // The bit is set only behind the last byte: the controller holds the disk's interrupt back until its data
  // are in memory (Bus Master IDE 3.1).
  if (!(in8((uint16_t)(base + kBusMasterStatus)) & kInterrupt)) return;
  last_status = in8(kStatus);  // the disk takes its interrupt back
  out8((uint16_t)(base + kBusMasterStatus), kInterrupt);
  ++dma_interrupts;
  done = 1;
}

void dma_start(void) {
  struct pci_function ide;
  if (!pci_find(kIntel, kPiix3Ide, 0, &ide) && !pci_find(kIntel, kPiix4Ide, 0, &ide))
    fail("no PIIX IDE controller");
  pci_write(ide, kIdeTiming, 2, pci_read(ide, kIdeTiming, 2) | kIdeDecodeEnable);
  const struct pci_bar bar = pci_bar(ide, kBusMasterBar);
  if (!bar.is_ports || bar.length < 16) fail("BAR 4 of the IDE controller is not a range of ports");
  pci_enable(ide, kPciCommandPorts | kPciCommandMaster);
  base = (uint16_t)bar.address;
  table = allocate(kRegions * sizeof *table, 4096);
  bind_irq(kIrq, on_interrupt, 0);
}

static void describe(const uint8_t* into, uint32_t bytes) {
  uint32_t address = (uint32_t)(uintptr_t)into;
  unsigned used = 0;
  while (bytes != 0) {
    const uint32_t to_boundary = kRegionBytesMax - address % kRegionBytesMax;
    const uint32_t count = bytes < to_boundary ? bytes : to_boundary;
    if (used == kRegions) fail("more than %u regions", kRegions);
    table[used++] = (struct region){address, (uint16_t)count, 0};
    address += count;
    bytes -= count;
  }
  table[used - 1].flags = kEndOfTable;
  write_barrier();  // the table before the command that has it read
}

static int is_done(void* data) {
  (void)data;
  return done;
}

struct outcome dma_read(uint64_t lba, unsigned sectors, int extended, uint8_t* into) {
  disable_interrupts();
  out8(kDeviceControl, 0);
  describe(into, sectors * kSectorBytes);
  done = 0;
  // Bus Master IDE 3.1: table, direction, old status away; then the command to the disk; then the engine.
  out32((uint16_t)(base + kBusMasterTable), (uint32_t)(uintptr_t)table);
  out8((uint16_t)(base + kBusMasterCommand), kToMemory);
  out8((uint16_t)(base + kBusMasterStatus), kInterrupt | kBusError);
  ata_command(extended ? kReadDmaExt : kReadDma, lba, sectors, extended);
  out8((uint16_t)(base + kBusMasterCommand), kToMemory | kStart);
  const int in_time = wait_until(is_done, 0, kMicrosecondsMax);
  const uint8_t status = in8((uint16_t)(base + kBusMasterStatus));
  out8((uint16_t)(base + kBusMasterCommand), 0);
  if (!in_time) fail("no interrupt: bus master status 0x%x, disk status 0x%x", status, in8(kAlternateStatus));
  if (status & kBusError) fail("the controller met an error on the bus");
  read_barrier();
  return (struct outcome){last_status, in8(kErrorRegister)};
}
