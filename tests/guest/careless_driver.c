// Breaks the rules of its devices, each once and as bad drivers do: the checkers `device` and `dma` must name
// them all (careless_driver.cpp has the list). It needs a disk with at least 16 sectors.
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/pci.h"
#include "guest/pc/ports.h"
#include "guest/pc/timers.h"

const char program_name[] = "careless-driver";

enum {
  kCom1 = 0x3f8,
  kDiskData = 0x1f0,
  kDiskCount = 0x1f2,
  kDiskDevice = 0x1f6,
  kDiskCommand = 0x1f7,
  kDiskControl = 0x3f6,
  kBusy = 0x80,
  kRequest = 0x08,
  kReadDma = 0xc8,
  kIdentify = 0xec,

  // Bus Master IDE 2.
  kEngineCommand = 0,
  kEngineStatus = 2,
  kEngineTable = 4,
  kStart = 1 << 0,
  kToMemory = 1 << 3,
  kEndOfTable = 0x8000,
};

struct region {
  uint32_t address;
  uint16_t count, flags;
};

static uint16_t engine;

// Forgets that the transmitter has a FIFO of 16 places, and that it asks to be asked.
static void send_without_asking(void) {
  console_drain();
  for (int i = 0; i < 24; ++i) out8(kCom1, '.');
  console_drain();
}

// The interrupt was never there.
static void end_what_has_not_begun(void) { out8(0x20, 0x65); }

static void count_to_one(void) {
  out8(0x43, 0x34);  // counter 0, mode 2
  out8(0x40, 1);
  out8(0x40, 0);
}

static void wait_for_disk(void) {
  delay_microseconds(1);
  while (in8(kDiskControl) & kBusy) {
  }
}

static void hurry_the_disk(void) {
  uint16_t word[256];
  out8(kDiskControl, 2);
  out8(kDiskDevice, 0xa0);
  out8(kDiskCommand, kIdentify);
  word[0] = in16(kDiskData);      // it has not said that it has any
  out8(kDiskCount, 1);            // it is busy
  out8(kDiskCommand, kIdentify);  // it still is
  wait_for_disk();
  if (!(in8(kDiskCommand) & kRequest)) fail("the disk does not identify itself");
  in16_repeated(kDiskData, word, 256);
}

static void find_engine(void) {
  struct pci_function ide;
  if (!pci_find(0x8086, 0x7010, 0, &ide)) fail("no PIIX3 IDE controller");
  const struct pci_bar bar = pci_bar(ide, 4);
  pci_enable(ide, kPciCommandPorts);
  engine = (uint16_t)bar.address;
  // Bus mastering was switched on by whoever set the machine up.
  pci_write(ide, kPciCommand, 2, pci_read(ide, kPciCommand, 2) & ~(uint32_t)kPciCommandMaster);
}

static void allow_mastering(void) {
  struct pci_function ide;
  (void)pci_find(0x8086, 0x7010, 0, &ide);
  pci_enable(ide, kPciCommandMaster);
}

// Reads sectors by DMA along this table, and waits until the engine has stopped or failed.
static void read_along(const struct region* table, uint8_t sectors) {
  out32((uint16_t)(engine + kEngineTable), (uint32_t)(uintptr_t)table);
  out8((uint16_t)(engine + kEngineCommand), kToMemory);
  out8((uint16_t)(engine + kEngineStatus), 6);
  out8(kDiskDevice, 0xe0);
  out8(kDiskCount, sectors);
  out8(kDiskCount + 1, 0);
  out8(kDiskCount + 2, 0);
  out8(kDiskCount + 3, 0);
  out8(kDiskCommand, kReadDma);
  out8((uint16_t)(engine + kEngineCommand), kToMemory | kStart);
  const uint64_t from = microseconds_now();
  while ((in8((uint16_t)(engine + kEngineStatus)) & 3) == 1 && microseconds_now() - from < 100000) {
  }
  out8((uint16_t)(engine + kEngineCommand), 0);
  // What the disk still wants to move nobody takes any more.
  out8(kDiskControl, 6);
  delay_microseconds(10);
  out8(kDiskControl, 2);
  delay_microseconds(5000);
  while (in8(kDiskCommand) & kBusy) {
  }
}

static void start_what_may_not_master(void) {
  static struct region table[1] __attribute__((aligned(8)));
  table[0] = (struct region){(uint32_t)(uintptr_t)allocate(4096, 4096), 512, kEndOfTable};
  read_along(table, 1);
  allow_mastering();
}

// The second region holds the table itself; the third one lies over the first.
static void overlap(void) {
  uint8_t* pages = allocate(3 * 4096, 4096);
  struct region* table = (struct region*)(pages + 4096);
  table[0] = (struct region){(uint32_t)(uintptr_t)pages, 1024, 0};
  table[1] = (struct region){(uint32_t)(uintptr_t)(pages + 4096 + 512), 512, 0};
  table[2] = (struct region){(uint32_t)(uintptr_t)(pages + 512), 512, kEndOfTable};
  read_along(table, 4);
  table = (struct region*)(pages + 4096 + 256);
  table[0] = (struct region){(uint32_t)(uintptr_t)(pages + 4096), 512, kEndOfTable};
  read_along(table, 1);
}

static void read_into_nothing(void) {
  static struct region table[1] __attribute__((aligned(8)));
  table[0] = (struct region){0xd0000000, 512, kEndOfTable};
  read_along(table, 1);
}

// A page that the processor walks through, in a part of the address space that nobody uses.
static void read_into_page_table(void) {
  static struct region table[1] __attribute__((aligned(8)));
  uint64_t root;
  __asm__ volatile("mov %%cr3, %0" : "=r"(root));
  uint64_t* tables = allocate(4096, 4096);
  ((uint64_t*)(root & ~0xfffull))[400] = (uint64_t)(uintptr_t)tables | 3;
  table[0] = (struct region){(uint32_t)(uintptr_t)tables, 512, kEndOfTable};
  read_along(table, 1);
  ((uint64_t*)(root & ~0xfffull))[400] = 0;
}

void guest_main(void) {
  send_without_asking();
  end_what_has_not_begun();
  count_to_one();
  hurry_the_disk();
  find_engine();
  start_what_may_not_master();
  overlap();
  read_into_nothing();
  read_into_page_table();
  pass();
}
