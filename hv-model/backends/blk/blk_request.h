// A block request, from the ring to the disk: copied from shared memory, shown on the wire as a payload that
// a fault may change, and judged only then, as xen-blkback judges it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hv-model/backends/blk/blk_payloads.h"

namespace ringside {

inline constexpr size_t kBlkSegmentsMax = 11;       // BLKIF_MAX_SEGMENTS_PER_REQUEST
inline constexpr size_t kBlkIndirectPagesMax = 8;   // BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST
inline constexpr size_t kBlkSegmentsPerPage = 512;  // in a page of an indirect request
inline constexpr uint64_t kBlkSectorBytes = 512;

struct BlkRequest {
  BlkRequestRecord head{};
  // Of an indirect request: the pages that list its segments.
  std::array<uint32_t, kBlkIndirectPagesMax> indirect_grefs{};
  // Those that could be fetched: at most 11 of the ring's slot, or what the pages list.
  std::vector<BlkSegmentRecord> segments;
  // What went wrong while it was fetched; empty when nothing did. Not part of the payload.
  std::string_view fault;

  bool is_indirect() const;
  // What is asked for, by an indirect request or not: a BLKIF_OP_. A response carries it.
  uint8_t operation() const { return is_indirect() ? head.indirect_op : head.operation; }
  bool is_read() const;
  bool moves_data() const;  // a read or a write, not a flush or barrier that may go without
  // How many pages list the segments; 0 when it is not indirect, or names more than fit into 8 pages.
  size_t indirect_pages() const;
  // Sectors that the segments hold. The request must have been judged sound.
  uint64_t segment_sectors() const;

  void to_payload(std::vector<uint8_t>& payload) const;
  // False when a fault has cut the head; segments that were cut off are zero.
  bool from_payload(std::span<const uint8_t> payload);
};

// What a disk allows.
struct BlkLimits {
  uint64_t sectors = 0;
  bool read_only = false;
  uint32_t sector_bytes = 512;       // of the medium; quantities stay in units of 512
  uint32_t indirect_segments = 256;  // at most, of an indirect request; 0: such requests are not known
};

// What is wrong with a read, write, barrier or flush, indirect or not, in itself and on a disk with these
// limits; empty when it is sound. xen-blkback answers each with BLKIF_RSP_ERROR (dispatch_rw_block_io,
// xen_blkbk_parse_indirect, xen_vbd_translate).
std::string_view fault_of_transfer(const BlkRequest& request, const BlkLimits& limits);
// The part of it that is judged before the segments of an indirect request are fetched.
std::string_view fault_of_count(const BlkRequest& request, const BlkLimits& limits);
// The same for a discard.
std::string_view fault_of_discard(const BlkRequest& request, const BlkLimits& limits);

}  // namespace ringside
