// What crosses a blkif ring, as sessions hold it (payload ids 140-159). Little-endian.
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// "<domain>/ring/<disk>/request": the request as the backend took it, and where it stood. A discard has its
// flag in nr_segments, as in the ABI, and its length in nr_sectors. The tail holds the segments.
struct BlkRequestRecord {
  uint8_t operation;
  uint8_t nr_segments;
  uint16_t handle;
  uint32_t slot;
  uint64_t id;
  uint64_t sector_number;
  uint64_t nr_sectors;
  uint32_t req_prod, req_cons;
};
static_assert(sizeof(BlkRequestRecord) == 40);

struct BlkSegmentRecord {
  uint32_t gref;
  uint8_t first_sect, last_sect;
  uint8_t reserved[2];
};
static_assert(sizeof(BlkSegmentRecord) == 8);

// "<domain>/ring/<disk>/response".
struct BlkResponseRecord {
  uint64_t id;
  uint64_t latency;  // picoseconds since the request was taken
  uint32_t slot;
  int16_t status;
  uint8_t operation;
  uint8_t reserved;
};
static_assert(sizeof(BlkResponseRecord) == 24);

// "<domain>/ring/<disk>/indices": the shared page's header as the backend saw it.
struct BlkIndicesRecord {
  uint32_t req_prod, req_event, rsp_prod, rsp_event;
  uint32_t req_cons;  // the backend's own
  uint32_t in_flight;
};
static_assert(sizeof(BlkIndicesRecord) == 24);

extern const PayloadType kBlkRequestPayload;   // 140
extern const PayloadType kBlkResponsePayload;  // 141
extern const PayloadType kBlkIndicesPayload;   // 142

// Idempotent.
void register_blk_payload_types();

}  // namespace ringside
