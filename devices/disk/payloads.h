// What crosses an ATA disk's wires, as sessions hold it (payload ids 210-219). Little-endian.
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// "<domain>/ata/<disk>/command": a command as the drive took it from its registers.
struct AtaCommandRecord {
  uint64_t lba;       // as the drive understood it, CHS translated
  uint32_t count;     // sectors, or the Sector Count register where the command has no address
  uint16_t features;  // 48-bit commands: two bytes
  uint8_t opcode;
  uint8_t device;  // the Device register
  uint8_t dma;     // 1: the data moves by DMA
  uint8_t reserved[7];
};
static_assert(sizeof(AtaCommandRecord) == 24);

// "<domain>/ata/<disk>/completion": its end, as the drive's registers will show it.
struct AtaCompletionRecord {
  uint64_t lba;      // of the command; of the failing sector where there was one
  uint64_t latency;  // picoseconds since the command was taken
  uint32_t count;    // as in the command
  uint8_t opcode;
  uint8_t status;
  uint8_t error;
  uint8_t interrupt_lost;  // 1: a fault keeps INTRQ low
};
static_assert(sizeof(AtaCompletionRecord) == 24);

extern const PayloadType kAtaCommandPayload;     // 210
extern const PayloadType kAtaCompletionPayload;  // 211

// Idempotent.
void register_disk_payload_types();

}  // namespace ringside
