#include "host/payloads.h"

#include <cstddef>

namespace ringside {

namespace {

constexpr FieldName kOperations[] = {{0, "read"}, {1, "write"}, {2, "flush"}, {3, "discard"}};
constexpr FieldName kStatuses[] = {{0, "ok"}, {1, "out_of_range"}, {2, "io_error"}, {3, "not_supported"}};
constexpr Field kImageFields[] = {
    {"operation", offsetof(ImageRecord, operation), 1, FieldFormat::enumeration, kOperations},
    {"status", offsetof(ImageRecord, status), 1, FieldFormat::enumeration, kStatuses},
    {"sector", offsetof(ImageRecord, sector), 8},
    {"count", offsetof(ImageRecord, count), 8},
    {"latency", offsetof(ImageRecord, latency), 8, FieldFormat::duration},
    {"digest", offsetof(ImageRecord, digest), 8, FieldFormat::hex},
};

constexpr Field kImageDataFields[] = {
    {"operation", offsetof(ImageDataRecord, operation), 1, FieldFormat::enumeration, kOperations},
    {"status", offsetof(ImageDataRecord, status), 1, FieldFormat::enumeration, kStatuses},
    {"sector", offsetof(ImageDataRecord, sector), 8},
    {"count", offsetof(ImageDataRecord, count), 8},
    {"disk_sectors", offsetof(ImageDataRecord, disk_sectors), 8},
};

constexpr NamedFault kImageFaults[] = {
    {"medium_error", "the medium cannot be read or written there", "fail(-5)"},
    {"torn_write", "only the first sector reaches the medium, and all is well", "corrupt(count,1)"},
    {"misdirected", "the operation goes to sector 0", "corrupt(sector,0)"},
    {"slow_sector", "the drive tries again and again", "delay(2s)"},
};

}  // namespace

const PayloadType kImagePayload{.id = 20,
                                .name = "image",
                                .title = "An operation of a disk image, complete",
                                .size = sizeof(ImageRecord),
                                .fields = kImageFields,
                                .group = "image",
                                .faults = kImageFaults};

const PayloadType kImageDataPayload{.id = 21,
                                    .name = "image_data",
                                    .title = "What an operation of a disk image read or wrote",
                                    .size = sizeof(ImageDataRecord),
                                    .fields = kImageDataFields,
                                    .tail = TailKind::bytes,
                                    .tail_name = "data",
                                    .group = "image"};

void register_host_payload_types() {
  PayloadRegistry::instance().add(kImagePayload);
  PayloadRegistry::instance().add(kImageDataPayload);
}

}  // namespace ringside
