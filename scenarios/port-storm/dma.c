// Tables for DMA with everything wrong in them: they lie where there is no memory, point there, are
// misaligned, have no end, say zero bytes. Whatever a device writes for it can only go to the sandbox or
// nowhere.
#include "guest/pc/pc.h"
#include "guest/pc/ports.h"
#include "scenarios/port-storm/storm.h"

enum {
  kRegions = 512,
  kBusMasterTable = 4,
  kBusMasterStatus = 2,
  kReadDma = 0xc8,
  kWriteDma = 0xca,
  kReadDmaExt = 0x25,

  kRingBytesMax = 0x100000,  // RDLEN and TDLEN have 13 bits of 128 bytes
  kReceiveBaseLow = 0x2800,
  kTransmitBaseLow = 0x3800,
  kReceiveControl = 0x0100,
  kTransmitControl = 0x0400,
};

struct region {
  uint32_t address;
  uint16_t count, flags;
};

static struct region* regions;

void start_disk_dma(void) {
  if (!board.has_ide || board.mild) return;
  ++tally.disk_transfers;
  if (!regions) regions = allocate(kRegions * sizeof *regions, 4096);
  for (unsigned i = 0; i < kRegions; ++i) {
    const uint64_t address = dma_address();
    regions[i] = (struct region){address >> 32 ? nowhere() : (uint32_t)address, (uint16_t)random_value(),
                                 (uint16_t)(random_below(4) ? 0 : random_value())};
  }
  const uint16_t base = (uint16_t)(board.ide_ports.address + (random_below(4) ? 0 : 8));
  const uint16_t command = base == board.ide_ports.address ? 0x1f0 : 0x170;
  const int from_disk = random_below(4) != 0;
  out32((uint16_t)(base + kBusMasterTable), random_below(3) ? (uint32_t)(uintptr_t)regions : nowhere());
  out8((uint16_t)(base + kBusMasterStatus), 0x66);
  out8((uint16_t)(command + 2), (uint8_t)random_value());
  out8((uint16_t)(command + 3), (uint8_t)random_value());
  out8((uint16_t)(command + 4), (uint8_t)random_below(4));
  out8((uint16_t)(command + 5), 0);
  out8((uint16_t)(command + 6), 0xe0);
  // The direction of the engine and that of the command need not agree.
  static const uint8_t commands[] = {kReadDma, kWriteDma, kReadDmaExt, kReadDma};
  out8((uint16_t)(command + 7), commands[random_below(4)]);
  out8(base, (uint8_t)(from_disk ? 0x09 : 0x01));
  for (uint64_t i = random_below(64); i != 0; --i) port_pause();
  note_value(in8((uint16_t)(base + kBusMasterStatus)));
  // Sometimes it is stopped in the middle, sometimes left to the next healing.
  if (random_below(2)) out8(base, 0);
}

static uint64_t *receive_ring, *transmit_ring;

static void put(unsigned offset, uint32_t value) {
  mmio_write32((uint8_t*)board.nic_memory.address + offset, value);
}

static void set_ring(unsigned base_low, const uint64_t* ring) {
  const int is_there = random_below(4) != 0;
  put(base_low, is_there ? (uint32_t)(uintptr_t)ring : nowhere());
  put(base_low + 4, random_below(8) ? 0 : (uint32_t)random_value());
  put(base_low + 8, (uint32_t)(random_below(2) ? random_below(0x40) * 128 : random_value()));
  put(base_low + 0x10, (uint32_t)(random_below(2) ? random_below(64) : random_value()));
}

void start_nic_dma(void) {
  if (!board.has_nic) return;
  ++tally.nic_transfers;
  if (!receive_ring) {
    receive_ring = allocate(kRingBytesMax, 4096);
    transmit_ring = allocate(kRingBytesMax, 4096);
    for (unsigned i = 0; i < kRingBytesMax / 16; ++i) receive_ring[2 * i] = dma_address();
  }
  // Received frames are written where these say, so only their addresses are chosen; those to be sent may say
  // anything.
  for (unsigned i = 0; i < 64; ++i) {
    receive_ring[2 * i] = dma_address();
    receive_ring[2 * i + 1] = random_value();
    transmit_ring[2 * i] = random_below(4) ? dma_address() : random_value();
    transmit_ring[2 * i + 1] = random_below(2) ? random_value() : random_below(2048) | random_value() << 24;
  }
  set_ring(kReceiveBaseLow, receive_ring);
  set_ring(kTransmitBaseLow, transmit_ring);
  // Loopback brings what is sent back to the receiver.
  put(kReceiveControl, 0x2 | ((uint32_t)random_value() & ~0x80000000u));
  put(kTransmitControl, 0x2 | ((uint32_t)random_value() & 0x03fffff8u));
  for (unsigned i = 0; i < 4; ++i) {
    put(0x2818, (uint32_t)(random_below(4) ? random_below(64) : random_value()));
    put(0x3818, (uint32_t)(random_below(4) ? random_below(64) : random_value()));
    for (uint64_t wait = random_below(16); wait != 0; --wait) port_pause();
  }
  put(kReceiveControl, 0);
  put(kTransmitControl, 0);
}
