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

}  // namespace

const PayloadType kImagePayload{.id = 20,
                                .name = "image",
                                .title = "An operation of a disk image, complete",
                                .size = sizeof(ImageRecord),
                                .fields = kImageFields,
                                .group = "image"};

void register_host_payload_types() { PayloadRegistry::instance().add(kImagePayload); }

}  // namespace ringside
