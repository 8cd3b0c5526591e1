// What crosses a blkif ring, as sessions hold it (payload ids 140-159). Little-endian.
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// "<domain>/ring/<disk>/request": the request as the backend took it, and where it stood. The tail holds the
// pages of an indirect request that list its segments, then the segments, wherever they stood.
struct BlkRequestRecord {
  uint8_t operation;
  uint8_t indirect_op;   // of an indirect request; kNoIndirectOp of others
  uint16_t nr_segments;  // as the frontend says
  uint16_t handle;
  uint8_t flag;  // of a discard
  uint8_t reserved;
  uint64_t id;
  uint64_t sector_number;
  uint64_t nr_sectors;
  uint32_t slot;
  uint32_t req_prod, req_cons;
  uint32_t reserved2;
};
static_assert(sizeof(BlkRequestRecord) == 48);
inline constexpr uint8_t kNoIndirectOp = 0xff;

enum class BlkSegmentKind : uint8_t { data = 0, indirect_page = 1 };

struct BlkSegmentRecord {
  uint32_t gref;
  uint8_t first_sect, last_sect;
  uint8_t kind;  // BlkSegmentKind
  uint8_t reserved;
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
  bool operator==(const BlkIndicesRecord&) const = default;
};
static_assert(sizeof(BlkIndicesRecord) == 24);

// 140 is what sessions held of a request before there were indirect ones; it is still decoded.
extern const PayloadType kBlkRequestPayload;   // 143
extern const PayloadType kBlkResponsePayload;  // 141
extern const PayloadType kBlkIndicesPayload;   // 142

// Idempotent.
void register_blk_payload_types();

}  // namespace ringside
