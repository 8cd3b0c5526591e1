// A block request, from the ring to the disk: copied from shared memory, shown on the wire as a payload that
// a fault may change, and judged only then, as xen-blkback judges it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "hv-model/backends/blk/blk_payloads.h"

namespace ringside {

// BLKIF_MAX_SEGMENTS_PER_REQUEST.
inline constexpr size_t kBlkSegmentsMax = 11;
inline constexpr uint64_t kBlkSectorBytes = 512;

struct BlkRequest {
  BlkRequestRecord head{};
  std::array<BlkSegmentRecord, kBlkSegmentsMax> segments{};  // as many as are valid; the rest is zero

  std::vector<uint8_t> to_payload() const;
  // Nothing when a fault has cut the head; segments that were cut off are zero.
  static std::optional<BlkRequest> from_payload(std::span<const uint8_t> payload);

  bool is_read() const;
  // Sectors that the segments hold. The request must have been judged sound.
  uint64_t segment_sectors() const;
  std::span<const BlkSegmentRecord> used_segments() const {
    return std::span(segments).first(head.nr_segments);
  }
};

// What is wrong with a read, write, barrier or flush in itself and on a disk of that size; empty when it is
// sound. xen-blkback answers each with BLKIF_RSP_ERROR (dispatch_rw_block_io, xen_vbd_translate).
std::string_view fault_of_transfer(const BlkRequest& request, uint64_t disk_sectors, bool read_only);
// The same for a discard.
std::string_view fault_of_discard(const BlkRequest& request, uint64_t disk_sectors, bool read_only);

}  // namespace ringside
