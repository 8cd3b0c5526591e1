#include "hv-model/backends/blk/blk_request.h"

#include <algorithm>
#include <cstring>

#include "hv-model/xen_abi.h"
#include "sim/ids.h"

namespace ringside {

static_assert(kBlkSegmentsMax == BLKIF_MAX_SEGMENTS_PER_REQUEST);
static_assert(kBlkIndirectPagesMax == BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST);
static_assert(kBlkSegmentsPerPage == kPageSize / sizeof(blkif_request_segment));

namespace {

constexpr uint8_t kSectorsPerPage = kPageSize / kBlkSectorBytes;
// More than any request has: 8 pages of segments and the pages themselves.
constexpr size_t kTailMax = kBlkIndirectPagesMax * kBlkSegmentsPerPage + kBlkIndirectPagesMax;

// xen_vbd_translate.
std::string_view fault_of_range(uint64_t sector, uint64_t count, uint64_t disk_sectors) {
  if (count == 0) return {};
  if (sector + count < sector) return "its last sector passes 2^64";
  return sector + count > disk_sectors ? "it ends behind the last sector" : std::string_view{};
}

}  // namespace

bool BlkRequest::is_indirect() const { return head.operation == BLKIF_OP_INDIRECT; }
bool BlkRequest::is_read() const { return operation() == BLKIF_OP_READ; }
bool BlkRequest::moves_data() const { return operation() == BLKIF_OP_READ || operation() == BLKIF_OP_WRITE; }

size_t BlkRequest::indirect_pages() const {
  if (!is_indirect()) return 0;
  const size_t pages = (head.nr_segments + kBlkSegmentsPerPage - 1) / kBlkSegmentsPerPage;
  return pages <= kBlkIndirectPagesMax ? pages : 0;
}

uint64_t BlkRequest::segment_sectors() const {
  uint64_t sectors = 0;
  for (const BlkSegmentRecord& segment : segments) sectors += segment.last_sect - segment.first_sect + 1u;
  return sectors;
}

void BlkRequest::to_payload(std::vector<uint8_t>& payload) const {
  const size_t pages = indirect_pages();
  const size_t bytes = (pages + segments.size()) * sizeof(BlkSegmentRecord);
  payload.resize(sizeof head + bytes);
  std::memcpy(payload.data(), &head, sizeof head);
  uint8_t* tail = payload.data() + sizeof head;
  for (size_t i = 0; i < pages; ++i) {
    const BlkSegmentRecord page{indirect_grefs[i], 0, 0, static_cast<uint8_t>(BlkSegmentKind::indirect_page),
                                0};
    std::memcpy(tail, &page, sizeof page);
    tail += sizeof page;
  }
  if (!segments.empty()) std::memcpy(tail, segments.data(), segments.size() * sizeof(BlkSegmentRecord));
}

bool BlkRequest::from_payload(std::span<const uint8_t> payload) {
  if (payload.size() < sizeof head) return false;
  std::memcpy(&head, payload.data(), sizeof head);
  payload = payload.subspan(sizeof head);
  const size_t expected = segments.size();
  segments.clear();
  size_t pages = 0;
  for (size_t count = 0; payload.size() >= sizeof(BlkSegmentRecord) && count < kTailMax; ++count) {
    BlkSegmentRecord record;
    std::memcpy(&record, payload.data(), sizeof record);
    payload = payload.subspan(sizeof record);
    if (record.kind != static_cast<uint8_t>(BlkSegmentKind::indirect_page)) {
      segments.push_back(record);
    } else if (pages < kBlkIndirectPagesMax) {
      indirect_grefs[pages++] = record.gref;
    }
  }
  if (segments.size() < expected) segments.resize(expected);
  return true;
}

std::string_view fault_of_count(const BlkRequest& request, const BlkLimits& limits) {
  if (request.is_indirect()) {
    if (!request.moves_data()) return "its indirect operation is neither read nor write";
    if (request.head.nr_segments > limits.indirect_segments)
      return "it has more segments than feature-max-indirect-segments";
  }
  if (request.head.nr_segments == 0 && request.moves_data()) return "it has no segments";
  if (!request.is_indirect() && request.head.nr_segments > kBlkSegmentsMax)
    return "it has more than 11 segments";
  return {};
}

std::string_view fault_of_transfer(const BlkRequest& request, const BlkLimits& limits) {
  if (const std::string_view fault = fault_of_count(request, limits); !fault.empty()) return fault;
  if (!request.fault.empty()) return request.fault;
  if (request.segments.size() != request.head.nr_segments) return "it has not as many segments as it says";
  const unsigned unaligned = limits.sector_bytes / kBlkSectorBytes - 1;
  bool aligned = true;
  for (const BlkSegmentRecord& segment : request.segments) {
    if (segment.last_sect >= kSectorsPerPage) return "a segment ends behind its page";
    if (segment.last_sect < segment.first_sect) return "a segment ends before it starts";
    const unsigned count = segment.last_sect - segment.first_sect + 1u;
    aligned = aligned && ((request.head.sector_number | count) & unaligned) == 0;
  }
  if (limits.read_only && !request.is_read()) return "the disk is read-only";
  const std::string_view fault =
      fault_of_range(request.head.sector_number, request.segment_sectors(), limits.sectors);
  if (!fault.empty()) return fault;
  return aligned ? std::string_view{} : "it is not aligned to the disk's sectors";
}

std::string_view fault_of_discard(const BlkRequest& request, const BlkLimits& limits) {
  if (limits.read_only) return "the disk is read-only";
  return fault_of_range(request.head.sector_number, request.head.nr_sectors, limits.sectors);
}

}  // namespace ringside
