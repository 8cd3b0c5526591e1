// What crosses the rings of a virtual network interface, as sessions hold it (payload ids 150-157).
// Little-endian. Frames have a payload of their own, host/network/payloads.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "sim/field_table.h"

namespace ringside {

// "<domain>/ring/<vif>/tx/request": one slot, as the backend took it, and where it stood.
struct NetTxRequestRecord {
  uint32_t gref;
  uint16_t offset, flags, id, size;
  uint32_t slot;
  uint32_t req_prod, req_cons;
};
static_assert(sizeof(NetTxRequestRecord) == 24);

// ".../tx/extra" and ".../rx/extra": a slot with extra information. What its type does not use is zero.
struct NetExtraRecord {
  uint64_t address;  // MCAST_ADD, MCAST_DEL: the first byte is the highest of 48 bits
  uint32_t hash;
  uint16_t gso_size, gso_features;
  uint8_t type, flags;
  uint8_t gso_type;
  uint8_t hash_type, hash_algorithm;
  uint8_t reserved[3];
};
static_assert(sizeof(NetExtraRecord) == 24);

// ".../tx/response": `extras` more slots behind it hold NETIF_RSP_NULL.
struct NetTxResponseRecord {
  uint32_t slot;
  uint16_t id;
  int16_t status;
  uint16_t extras;
  uint16_t reserved;
};
static_assert(sizeof(NetTxResponseRecord) == 12);

// ".../rx/request": a buffer, when it is used.
struct NetRxRequestRecord {
  uint32_t gref;
  uint16_t id, pad;
  uint32_t slot;
  uint32_t req_prod, req_cons;
};
static_assert(sizeof(NetRxRequestRecord) == 20);

// ".../rx/response".
struct NetRxResponseRecord {
  uint32_t slot;
  uint16_t id, offset, flags;
  int16_t status;  // bytes, or negative
};
static_assert(sizeof(NetRxResponseRecord) == 12);

// ".../tx/indices" and ".../rx/indices": the shared page's header as the backend saw it.
struct NetIndicesRecord {
  uint32_t req_prod, req_event, rsp_prod, rsp_event;
  uint32_t req_cons;  // the backend's own
  uint32_t waiting;   // rx: frames for which there was no buffer yet
};
static_assert(sizeof(NetIndicesRecord) == 24);

// ".../ctrl/request" and ".../ctrl/response".
struct NetControlRequestRecord {
  uint16_t id, type;
  uint32_t data[3];
  uint32_t slot;
};
static_assert(sizeof(NetControlRequestRecord) == 20);
struct NetControlResponseRecord {
  uint16_t id, type;
  uint32_t status;
  uint32_t data;
  uint32_t slot;
};
static_assert(sizeof(NetControlResponseRecord) == 16);

extern const PayloadType kNetTxRequestPayload;        // 150
extern const PayloadType kNetExtraPayload;            // 151
extern const PayloadType kNetTxResponsePayload;       // 152
extern const PayloadType kNetRxRequestPayload;        // 153
extern const PayloadType kNetRxResponsePayload;       // 154
extern const PayloadType kNetIndicesPayload;          // 155
extern const PayloadType kNetControlRequestPayload;   // 156
extern const PayloadType kNetControlResponsePayload;  // 157

// A slot's record as a payload, and what a fault has left of it: bytes that did not arrive are zero.
template <class Record>
void put_record(std::vector<uint8_t>& payload, const Record& record) {
  payload.resize(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
}
template <class Record>
Record record_of(std::span<const uint8_t> payload) {
  Record record{};
  std::memcpy(&record, payload.data(), std::min(payload.size(), sizeof record));
  return record;
}

// Idempotent.
void register_net_payload_types();

}  // namespace ringside
