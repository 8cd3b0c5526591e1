// What crosses a 9P share's rings, as sessions hold it (payload ids 180-189).
#pragma once

#include <cstdint>

#include "sim/field_table.h"

namespace ringside {

// "<domain>/9p/<share>/T" and ".../R": through which ring a message went, and behind it the message, size[4]
// first. In a session file it is a packet that Wireshark takes for 9P over TCP (exported PDU, see the .cpp).
struct P9MessageRecord {
  uint16_t domain;
  uint8_t device;
  uint8_t ring;
};
static_assert(sizeof(P9MessageRecord) == 4);

// "<domain>/ring/<share>/<ring>/indices": the shared page's indices as the backend saw them.
struct P9IndicesRecord {
  uint32_t out_prod, out_cons, in_prod, in_cons;
  uint32_t in_flight;  // messages taken and not answered
  uint32_t waiting;    // answers for which the ring has no room
};
static_assert(sizeof(P9IndicesRecord) == 24);

extern const PayloadType kP9RequestPayload;   // 180
extern const PayloadType kP9ResponsePayload;  // 181
extern const PayloadType kP9IndicesPayload;   // 182

// Idempotent.
void register_9pfs_payload_types();

}  // namespace ringside
