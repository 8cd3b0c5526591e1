#include "hv-model/backends/blk/blk_request.h"

#include <algorithm>
#include <cstring>

#include "hv-model/xen_abi.h"
#include "sim/ids.h"

namespace ringside {

static_assert(kBlkSegmentsMax == BLKIF_MAX_SEGMENTS_PER_REQUEST);

namespace {

constexpr uint8_t kSectorsPerPage = kPageSize / kBlkSectorBytes;

// xen_vbd_translate.
std::string_view fault_of_range(uint64_t sector, uint64_t count, uint64_t disk_sectors) {
  if (count == 0) return {};
  if (sector + count < sector) return "its last sector passes 2^64";
  return sector + count > disk_sectors ? "it ends behind the last sector" : std::string_view{};
}

}  // namespace

std::vector<uint8_t> BlkRequest::to_payload() const {
  const size_t used =
      head.operation == BLKIF_OP_DISCARD ? 0 : std::min<size_t>(head.nr_segments, kBlkSegmentsMax);
  std::vector<uint8_t> payload(sizeof head + used * sizeof(BlkSegmentRecord));
  std::memcpy(payload.data(), &head, sizeof head);
  std::memcpy(payload.data() + sizeof head, segments.data(), used * sizeof(BlkSegmentRecord));
  return payload;
}

std::optional<BlkRequest> BlkRequest::from_payload(std::span<const uint8_t> payload) {
  BlkRequest request;
  if (payload.size() < sizeof request.head) return std::nullopt;
  std::memcpy(&request.head, payload.data(), sizeof request.head);
  payload = payload.subspan(sizeof request.head);
  std::memcpy(request.segments.data(), payload.data(), std::min(payload.size(), sizeof request.segments));
  return request;
}

bool BlkRequest::is_read() const { return head.operation == BLKIF_OP_READ; }

uint64_t BlkRequest::segment_sectors() const {
  uint64_t sectors = 0;
  for (const BlkSegmentRecord& segment : used_segments())
    sectors += segment.last_sect - segment.first_sect + 1u;
  return sectors;
}

std::string_view fault_of_transfer(const BlkRequest& request, uint64_t disk_sectors, bool read_only) {
  const bool moves_data = request.head.operation == BLKIF_OP_READ || request.head.operation == BLKIF_OP_WRITE;
  if (request.head.nr_segments == 0 && moves_data) return "it has no segments";
  if (request.head.nr_segments > kBlkSegmentsMax) return "it has more than 11 segments";
  for (const BlkSegmentRecord& segment : request.used_segments()) {
    if (segment.last_sect >= kSectorsPerPage) return "a segment ends behind its page";
    if (segment.last_sect < segment.first_sect) return "a segment ends before it starts";
  }
  if (read_only && !request.is_read()) return "the disk is read-only";
  return fault_of_range(request.head.sector_number, request.segment_sectors(), disk_sectors);
}

std::string_view fault_of_discard(const BlkRequest& request, uint64_t disk_sectors, bool read_only) {
  if (read_only) return "the disk is read-only";
  return fault_of_range(request.head.sector_number, request.head.nr_sectors, disk_sectors);
}

}  // namespace ringside
