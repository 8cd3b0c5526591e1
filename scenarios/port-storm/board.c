// What is on the board, and how it is brought back to a state in which the next burst means something.
#include "guest/pc/apic.h"
#include "guest/pc/internal.h"
#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "scenarios/port-storm/storm.h"

enum {
  kIntel = 0x8086,
  kPiix3Ide = 0x7010,
  kPiix4Power = 0x7113,
  k82540em = 0x100e,

  kNicControl = 0x0000,
  kNicReset = 1 << 26,
  kNicInterruptCauseSet = 0x00c8,
  kNicInterruptSet = 0x00d0,
  kNicInterruptClear = 0x00d8,
  kNicReceiveControl = 0x0100,
  kNicTransmitControl = 0x0400,
  kIdeControl = 0x3f6,
  kIdeControl2 = 0x376,
  kHpet = 0xfed00000u,
  kHpetConfiguration = 0x10,
  kLevelControl = 0x4d0,
  kCmosIndex = 0x70,
  kCmosData = 0x71,
  kCom1 = 0x3f8,
};

struct board board;
uint8_t* sandbox;

void board_find(void) {
  board.memory_bytes = machine.memory_bytes ? machine.memory_bytes : 64 << 20;
  sandbox = allocate(kSandboxBytes, 4096);
  if (pci_find(kIntel, k82540em, 0, &board.nic)) {
    board.has_nic = 1;
    board.nic_memory = pci_bar(board.nic, 0);
    board.nic_ports = pci_bar(board.nic, 2);
    if (!board.nic_ports.is_ports) board.nic_ports = pci_bar(board.nic, 1);
    pci_enable(board.nic, kPciCommandMemory | kPciCommandPorts | kPciCommandMaster);
  }
  if (pci_find(kIntel, kPiix3Ide, 0, &board.ide)) {
    board.has_ide = 1;
    board.ide_ports = pci_bar(board.ide, 4);
    pci_enable(board.ide, kPciCommandPorts | kPciCommandMaster);
  }
  board.power_base = 0x600;
  if (pci_find(kIntel, kPiix4Power, 0, &board.power) && (pci_read(board.power, 0x80, 1) & 1))
    board.power_base = (uint16_t)(pci_read(board.power, 0x40, 4) & 0xffc0);
}

// Half of the addresses lie where there is no memory: between its end and the devices, or above 4 GiB.
uint64_t dma_address(void) {
  switch (random_below(8)) {
    case 0: return random64();
    case 1: return ~0ull - random_below(4096);
    case 2: return 0x100000000ull + random_below(1ull << 40);
    case 3: return nowhere();
    default: return (uint64_t)sandbox + random_below(kSandboxBytes - 0x11000);
  }
}

uint32_t nowhere(void) {
  const uint64_t end = board.memory_bytes < 0xc0000000u ? board.memory_bytes : 0xc0000000u;
  return (uint32_t)(end + random_below(0xd0000000u - end)) & ~0xfffu;
}

static void heal_nic(void) {
  if (!board.has_nic) return;
  pci_write(board.nic, kPciCommand, 2, 0);
  pci_write(board.nic, kPciBar0, 4, (uint32_t)board.nic_memory.address);
  if (board.nic_ports.length) pci_write(board.nic, kPciBar0 + 8, 4, (uint32_t)board.nic_ports.address);
  pci_enable(board.nic, kPciCommandMemory | kPciCommandPorts | kPciCommandMaster);
  uint8_t* registers = (uint8_t*)board.nic_memory.address;
  mmio_write32(registers + kNicInterruptClear, 0xffffffffu);
  mmio_write32(registers + kNicReceiveControl, 0);
  mmio_write32(registers + kNicTransmitControl, 0);
  mmio_write32(registers + kNicControl, kNicReset);
  mmio_write32(registers + kNicInterruptClear, 0xffffffffu);
}

static void heal_disk(void) {
  if (!board.has_ide) return;
  pci_write(board.ide, kPciCommand, 2, 0);
  pci_write(board.ide, kPciBar0 + 16, 4, (uint32_t)board.ide_ports.address);
  pci_enable(board.ide, kPciCommandPorts | kPciCommandMaster);
  pci_write(board.ide, 0x40, 2, 0x8000);
  pci_write(board.ide, 0x42, 2, 0x8000);
  out8((uint16_t)board.ide_ports.address, 0);
  out8((uint16_t)(board.ide_ports.address + 8), 0);
  out8(kIdeControl, 0x06);  // reset, interrupts off
  out8(kIdeControl2, 0x06);
  for (unsigned i = 0; i < 8; ++i) port_pause();
  out8(kIdeControl, 0x02);
  out8(kIdeControl2, 0x02);
}

void board_heal(void) {
  ++tally.heals;
  heal_disk();
  heal_nic();
  mmio_write32((void*)(uintptr_t)(kHpet + kHpetConfiguration), 0);
  // Edges only: a line that a broken device holds high would interrupt for ever.
  out8(kLevelControl, 0);
  out8(kLevelControl + 1, 0);
  pic_start();
  apic_virtual_wire();
  // What a vector below the exceptions' would do to the stack is no fault of the machine's.
  local_apic_write(kApicTaskPriority, 0x2f);
  out8(kCmosIndex, 0x0b);
  out8(kCmosData, 0x02);
  console_start();
}

void provoke_interrupts(void) {
  out8(0x43, 0x34);
  out8(0x40, (uint8_t)random_below(256));  // a rate of up to 1.2 MHz
  out8(0x40, 0);
  out8(kCom1 + 4, 0x0b);
  out8(kCom1 + 1, (uint8_t)random_below(16));
  if (board.has_nic) {
    uint8_t* registers = (uint8_t*)board.nic_memory.address;
    mmio_write32(registers + kNicInterruptSet, (uint32_t)random_value());
    mmio_write32(registers + kNicInterruptCauseSet, (uint32_t)random_value());
  }
  if (!board.mild) {
    out8(kIdeControl, 0);
    out8(0x1f7, 0xec);
  }
  // To itself: a vector, and now and then an NMI.
  local_apic_write(kApicCommandLow, 0x40040 | (uint32_t)random_below(16));
  if (random_below(4) != 0) return;
  // Only a fixed vector may go to "self" (Intel SDM volume 3, table 11-3), so the NMI goes by its number.
  local_apic_write(kApicCommandHigh, local_apic_read(kApicId) & 0xff000000u);
  local_apic_write(kApicCommandLow, 0x4400);
}
