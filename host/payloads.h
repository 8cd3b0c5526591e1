// Registers the payload types of host/ (ids 20-29), so that sessions, `ringside show` and the Wireshark
// dissector can decode them. Idempotent.
#pragma once

#include "sim/field_table.h"

namespace ringside {

// On "image/<disk>": one crossing for each operation of a disk image, when it is complete. Little-endian.
struct ImageRecord {
  uint8_t operation;  // ImageOperation
  uint8_t status;     // DiskImage::Status
  uint8_t reserved[6];
  uint64_t sector;
  uint64_t count;    // sectors
  uint64_t latency;  // picoseconds since it was asked for
  uint64_t digest;   // hash64 of the data that was read or written; 0 where there is none
};
static_assert(sizeof(ImageRecord) == 40);

// On "image/<disk>/data", where that was asked for: what an operation read or wrote, behind its head. A long
// one takes several. Of a failed one there is no data.
struct ImageDataRecord {
  uint8_t operation;  // ImageOperation
  uint8_t status;     // DiskImage::Status, as the guest got it
  uint8_t reserved[6];
  uint64_t sector;
  uint64_t count;         // sectors
  uint64_t disk_sectors;  // of the whole disk
};
static_assert(sizeof(ImageDataRecord) == 32);

enum class ImageOperation : uint8_t { read = 0, write = 1, flush = 2, discard = 3 };

extern const PayloadType kImagePayload;      // 20
extern const PayloadType kImageDataPayload;  // 21

void register_host_payload_types();

}  // namespace ringside
