#include "hv-model/backends/blk/blk_layout.h"

#include <xen/io/protocols.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

constexpr BlkLayout kX86_64{.slot_bytes = sizeof(blkif_request),
                            .id = offsetof(blkif_request, id),
                            .sector_number = offsetof(blkif_request, sector_number),
                            .segments = offsetof(blkif_request, seg),
                            .indirect_handle = offsetof(blkif_request_indirect, handle),
                            .indirect_grefs = offsetof(blkif_request_indirect, indirect_grefs),
                            .response_bytes = sizeof(blkif_response)};
static_assert(kX86_64.slot_bytes == kBlkSlotBytesMax);
static_assert(offsetof(blkif_request_discard, nr_sectors) == kX86_64.segments);
static_assert(offsetof(blkif_request_discard, id) == kX86_64.id);
static_assert(offsetof(blkif_request_indirect, id) == kX86_64.id);
static_assert(offsetof(blkif_request_indirect, sector_number) == kX86_64.sector_number);
static_assert(offsetof(blkif_response, operation) == 8 && offsetof(blkif_response, status) == 10);

// The four bytes of padding before `id` are missing.
constexpr BlkLayout kX86_32{.slot_bytes = 108,
                            .id = 4,
                            .sector_number = 12,
                            .segments = 20,
                            .indirect_handle = 20,
                            .indirect_grefs = 24,
                            .response_bytes = 12};

template <class Number>
Number number_at(std::span<const uint8_t> bytes, uint32_t offset) {
  Number number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

}  // namespace

const BlkLayout* blk_layout_of(std::string_view protocol) {
  if (protocol == XEN_IO_PROTO_ABI_X86_64) return &kX86_64;
  if (protocol == XEN_IO_PROTO_ABI_X86_32) return &kX86_32;
  return nullptr;
}

const BlkLayout& blk_native_layout() { return kX86_64; }

void read_blk_segments(std::span<const uint8_t> bytes, size_t count, BlkRequest& request) {
  count = std::min(count, bytes.size() / sizeof(blkif_request_segment));
  for (size_t i = 0; i < count; ++i) {
    blkif_request_segment segment;
    std::memcpy(&segment, bytes.data() + i * sizeof segment, sizeof segment);
    request.segments.push_back({segment.gref, segment.first_sect, segment.last_sect, 0, 0});
    if (segment.last_sect >= segment.first_sect)
      request.head.nr_sectors += segment.last_sect - segment.first_sect + 1u;
  }
}

void read_blk_request(const BlkLayout& layout, std::span<const uint8_t> slot, BlkRequest& request) {
  BlkRequestRecord& head = request.head;
  request.segments.clear();
  request.indirect_grefs.fill(0);
  request.fault = {};
  head = {};
  head.operation = slot[0];
  head.indirect_op = kNoIndirectOp;
  head.handle = number_at<uint16_t>(slot, 2);
  head.id = number_at<uint64_t>(slot, layout.id);
  head.sector_number = number_at<uint64_t>(slot, layout.sector_number);
  switch (head.operation) {
    case BLKIF_OP_DISCARD:
      head.flag = slot[1];
      head.nr_sectors = number_at<uint64_t>(slot, layout.segments);
      break;
    case BLKIF_OP_INDIRECT:
      head.indirect_op = slot[1];
      head.nr_segments = number_at<uint16_t>(slot, 2);
      head.handle = number_at<uint16_t>(slot, layout.indirect_handle);
      std::memcpy(request.indirect_grefs.data(), slot.data() + layout.indirect_grefs,
                  sizeof request.indirect_grefs);
      break;
    default:
      head.nr_segments = slot[1];
      read_blk_segments(slot.subspan(layout.segments, kBlkSegmentsMax * sizeof(blkif_request_segment)),
                        head.nr_segments, request);
      break;
  }
}

void write_blk_request(const BlkLayout& layout, const BlkRequest& request, std::span<uint8_t> slot) {
  const BlkRequestRecord& head = request.head;
  const auto put = [&slot](uint32_t offset, const auto& number) {
    std::memcpy(slot.data() + offset, &number, sizeof number);
  };
  slot[0] = head.operation;
  put(layout.id, head.id);
  put(layout.sector_number, head.sector_number);
  switch (head.operation) {
    case BLKIF_OP_DISCARD:
      slot[1] = head.flag;
      put(2, head.handle);
      put(layout.segments, head.nr_sectors);
      break;
    case BLKIF_OP_INDIRECT:
      slot[1] = head.indirect_op;
      put(2, head.nr_segments);
      put(layout.indirect_handle, head.handle);
      put(layout.indirect_grefs, request.indirect_grefs);
      break;
    default: {
      slot[1] = static_cast<uint8_t>(head.nr_segments);
      put(2, head.handle);
      const size_t count = std::min(request.segments.size(), kBlkSegmentsMax);
      for (size_t i = 0; i < count; ++i) {
        const BlkSegmentRecord& segment = request.segments[i];
        const blkif_request_segment abi{segment.gref, segment.first_sect, segment.last_sect};
        put(layout.segments + static_cast<uint32_t>(i * sizeof abi), abi);
      }
      break;
    }
  }
}

std::span<const uint8_t> write_blk_response(const BlkLayout& layout, const BlkResponseRecord& response,
                                            std::span<uint8_t, 16> into) {
  std::ranges::fill(into, uint8_t{0});
  std::memcpy(into.data(), &response.id, sizeof response.id);
  into[8] = response.operation;
  std::memcpy(into.data() + 10, &response.status, sizeof response.status);
  return into.first(layout.response_bytes);
}

}  // namespace ringside
