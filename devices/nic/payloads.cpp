#include "devices/nic/payloads.h"

namespace ringside {

namespace {

constexpr FieldName kRings[] = {{0, "receive"}, {1, "transmit"}};
constexpr FieldName kRingEvents[] = {{0, "tail_written"}, {1, "head_moved"}};
constexpr Field kNicRingFields[] = {
    {"ring", offsetof(NicRingRecord, ring), 1, FieldFormat::enumeration, kRings},
    {"event", offsetof(NicRingRecord, event), 1, FieldFormat::enumeration, kRingEvents},
    {"head", offsetof(NicRingRecord, head), 4},
    {"tail", offsetof(NicRingRecord, tail), 4},
    {"descriptors", offsetof(NicRingRecord, descriptors), 4},
};

}  // namespace

const PayloadType kNicRingPayload{.id = 221,
                                  .name = "nic_ring",
                                  .title = "The indices of a network controller's descriptor ring",
                                  .size = sizeof(NicRingRecord),
                                  .fields = kNicRingFields,
                                  .group = "nic"};

void register_nic_payload_types() {
  register_network_payload_types();
  PayloadRegistry::instance().add(kNicRingPayload);
}

}  // namespace ringside
