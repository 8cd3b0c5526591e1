// Registers the payload types of devices/nic/ (ids 221-223) and the one of Ethernet's wires (220), so that
// sessions, `ringside show` and the Wireshark dissector can decode them. Idempotent.
#pragma once

#include <cstdint>

#include "host/network/payloads.h"
#include "sim/field_table.h"

namespace ringside {

// On "nic/<nic>/ring": a descriptor ring's indices, when software has written the tail (the doorbell) and
// when the controller has moved the head.
struct NicRingRecord {
  uint8_t ring;   // NicRing
  uint8_t event;  // NicRingEvent
  uint8_t reserved[2];
  uint32_t head;
  uint32_t tail;
  uint32_t descriptors;  // in the ring
};
static_assert(sizeof(NicRingRecord) == 16);
enum class NicRing : uint8_t { receive = 0, transmit = 1 };
enum class NicRingEvent : uint8_t { tail_written = 0, head_moved = 1 };
extern const PayloadType kNicRingPayload;

// On "eth/<nic>/link": a fault pulls the cable, or puts it back.
struct NicLinkRecord {
  uint8_t up;
  uint8_t reserved[7];
  uint64_t duration;  // picoseconds until it is back; 0: it stays as it is
};
static_assert(sizeof(NicLinkRecord) == 16);
extern const PayloadType kNicLinkPayload;

// On "nic/<nic>/error": errors that the next frames have, as their descriptors report them (SDM 3.2.3.2,
// 3.3.3.2).
struct NicErrorRecord {
  uint8_t receive_errors;
  uint8_t transmit_status;
  uint8_t reserved[2];
};
static_assert(sizeof(NicErrorRecord) == 4);
extern const PayloadType kNicErrorPayload;

void register_nic_payload_types();

}  // namespace ringside
