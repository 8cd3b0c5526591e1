// What a disk's image did for which request.
#include <unordered_map>

#include "devices/disk/payloads.h"
#include "host/payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/xen_abi.h"
#include "viewer/story/links.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {

uint8_t image_operation_of(uint8_t blkif_operation, uint8_t indirect_operation) {
  if (blkif_operation == BLKIF_OP_INDIRECT) blkif_operation = indirect_operation;
  switch (blkif_operation) {
    case BLKIF_OP_READ: return static_cast<uint8_t>(ImageOperation::read);
    case BLKIF_OP_FLUSH_DISKCACHE: return static_cast<uint8_t>(ImageOperation::flush);
    case BLKIF_OP_DISCARD: return static_cast<uint8_t>(ImageOperation::discard);
    default: return static_cast<uint8_t>(ImageOperation::write);
  }
}

// ATA/ATAPI-6, table of commands. A command of another kind does nothing with the image.
uint8_t image_operation_of_ata(uint8_t opcode) {
  switch (opcode) {
    case 0xe7:  // FLUSH CACHE
    case 0xea: return static_cast<uint8_t>(ImageOperation::flush);
    case 0x30:  // WRITE SECTOR(S), EXT, WRITE DMA, EXT, WRITE MULTIPLE, EXT
    case 0x34:
    case 0xca:
    case 0x35:
    case 0xc5:
    case 0x39: return static_cast<uint8_t>(ImageOperation::write);
    default: return static_cast<uint8_t>(ImageOperation::read);
  }
}

}  // namespace

std::optional<Links::Extent> Links::extent_of(Row request) const {
  const auto payload = parts_.table.payload(request);
  switch (parts_.wires.role(parts_.table.wire(request)).part) {
    case WirePart::request: {
      BlkRequestRecord record{};
      if (!read_record(payload, record, offsetof(BlkRequestRecord, slot))) return std::nullopt;
      return Extent{image_operation_of(record.operation, record.indirect_op), record.sector_number,
                    record.nr_sectors};
    }
    case WirePart::first_request: {
      FirstBlkRequestRecord record{};
      if (!read_record(payload, record)) return std::nullopt;
      return Extent{image_operation_of(record.operation, record.operation), record.sector_number,
                    record.nr_sectors};
    }
    case WirePart::ata_command: {
      AtaCommandRecord record{};
      if (!read_record(payload, record)) return std::nullopt;
      return Extent{image_operation_of_ata(record.opcode), record.lba, record.count};
    }
    default: return std::nullopt;
  }
}

// The last one of its operations: with that the request is done.
Row Links::image_of(Row request, const Span& span) const {
  const auto extent = extent_of(request);
  if (!extent || span.end == kNoRow) return kNoRow;
  const WireRole& role = parts_.wires.role(parts_.table.wire(request));
  const std::string device(role.ring != kNone ? parts_.wires.rings()[role.ring].device
                                              : last_part(base_of(parts_.table.wire_of(request).name)));
  const uint32_t image = parts_.wires.image_of(device);
  if (image == kNone) return kNoRow;
  const std::vector<Row>& rows = parts_.table.wires()[image].rows;
  auto place = std::upper_bound(rows.begin(), rows.end(), span.end);
  for (size_t looked = 0; place != rows.begin() && looked < kLookMax; ++looked) {
    const Row row = *--place;
    if (row <= request) break;
    ImageRecord record{};
    if (!read_record(parts_.table.payload(row), record) || record.operation != extent->operation) continue;
    const bool flush = extent->operation == static_cast<uint8_t>(ImageOperation::flush);
    if (flush || (record.sector >= extent->sector && record.sector - extent->sector < extent->count))
      return row;
  }
  return kNoRow;
}

// Of those that are under way then.
Row Links::request_of_image(Row image) const {
  for (const uint32_t wire : lanes_of_image_[parts_.table.wire(image)]) {
    const std::vector<Row>& rows = parts_.table.wires()[wire].rows;
    auto place = std::lower_bound(rows.begin(), rows.end(), image);
    for (size_t looked = 0; place != rows.begin() && looked < kLookMax; ++looked) {
      const Row request = *--place;
      const Span* const span = spans_.span_of(request);
      if (span == nullptr || span->end == kNoRow || span->end < image) continue;
      if (image_of(request, *span) == image) return request;
    }
  }
  return kNoRow;
}

}  // namespace ringside::viewer
