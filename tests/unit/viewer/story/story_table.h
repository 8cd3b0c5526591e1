// Tables made by hand, and those of real runs.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/xenstore_payloads.h"
#include "viewer/story/story.h"

namespace ringside::viewer::story_test {

using Bytes = std::vector<uint8_t>;

template <class Record>
Bytes bytes_of(const Record& record, std::string_view tail = {}) {
  Bytes bytes(sizeof record + tail.size());
  std::memcpy(bytes.data(), &record, sizeof record);
  std::copy(tail.begin(), tail.end(), bytes.begin() + sizeof record);
  return bytes;
}

// Crossings a microsecond apart, unless a test says otherwise.
struct Rows {
  Row add(const std::string& wire, uint16_t type, Direction direction, const Bytes& payload,
          uint8_t flags = Crossing::kCanonical) {
    const uint32_t index = table.add_wire(wire, WireKind::message, type, {});
    at += step;
    table.add(at, ++sequence, index, direction, flags, static_cast<uint32_t>(payload.size()), payload);
    return table.size() - 1;
  }

  // --- A block ring ---
  Row indices(uint32_t req_prod, uint32_t req_cons, uint32_t rsp_prod, uint32_t rsp_event,
              const std::string& ring = "dom1/ring/xvda") {
    return add(ring + "/indices", 142, Direction::in,
               bytes_of(BlkIndicesRecord{.req_prod = req_prod,
                                         .req_event = req_cons + 1,
                                         .rsp_prod = rsp_prod,
                                         .rsp_event = rsp_event,
                                         .req_cons = req_cons,
                                         .in_flight = req_cons - rsp_prod}));
  }
  Row request(uint32_t index, uint64_t id, uint32_t req_prod, uint32_t slots = 32, uint64_t sector = 0,
              uint32_t gref = 9) {
    BlkRequestRecord record{};
    record.nr_segments = 1;
    record.id = id;
    record.sector_number = sector;
    record.nr_sectors = 8;
    record.slot = index & (slots - 1);
    record.req_prod = req_prod;
    record.req_cons = index;
    Bytes bytes = bytes_of(record);
    const Bytes segment = bytes_of(BlkSegmentRecord{gref, 0, 7, 0, 0});
    bytes.insert(bytes.end(), segment.begin(), segment.end());
    return add("dom1/ring/xvda/request", 143, Direction::out, bytes);
  }
  Row response(uint32_t slot, uint64_t id, int16_t status = 0, uint8_t flags = Crossing::kCanonical) {
    BlkResponseRecord record{};
    record.id = id;
    record.slot = slot;
    record.status = status;
    return add("dom1/ring/xvda/response", 141, Direction::in, bytes_of(record), flags);
  }
  // --- What belongs to it ---
  Row event(EventOperation operation, uint32_t port, ChannelState state = ChannelState::interdomain,
            const std::string& domain = "dom1", uint16_t remote_domain = 0, uint32_t remote_port = 0,
            uint8_t flags = Crossing::kCanonical) {
    const bool out = operation == EventOperation::send || operation == EventOperation::alloc_unbound ||
                     operation == EventOperation::unmask || operation == EventOperation::close;
    return add(domain + "/evtchn", 101, out ? Direction::out : Direction::in,
               bytes_of(EventRecord{.port = port,
                                    .operation = static_cast<uint8_t>(operation),
                                    .state = static_cast<uint8_t>(state),
                                    .remote_domain = remote_domain,
                                    .remote_port = remote_port}),
               flags);
  }
  Row grant(GrantOperation operation, uint32_t ref, int16_t status = 0, uint16_t flags = GTF_permit_access,
            uint64_t frame = 0x100) {
    return add("dom1/grant", 102, Direction::in,
               bytes_of(GrantRecord{.operation = static_cast<uint8_t>(operation),
                                    .status = status,
                                    .ref = ref,
                                    .flags = flags,
                                    .frame = frame}));
  }
  Row store(uint32_t type, Direction direction, uint32_t request, std::string_view body,
            uint32_t transaction = 0, const std::string& wire = "dom1/xenstore") {
    return add(wire, 120, direction,
               bytes_of(xsd_sockmsg{type, request, transaction, static_cast<uint32_t>(body.size())}, body));
  }
  // Asked for and done.
  Row write(const std::string& path, const std::string& value, uint32_t transaction = 0) {
    ++store_request;
    store(XS_WRITE, Direction::out, store_request, path + '\0' + value, transaction);
    return store(XS_WRITE, Direction::in, store_request, std::string_view("OK\0", 3), transaction);
  }
  Row hypercall(uint32_t operation, bool returns, int64_t result = 0) {
    HypercallRecord record;
    record.operation = operation;
    record.phase = returns ? 1 : 0;
    record.result = result;
    return add("dom1/hypercall", 100, returns ? Direction::in : Direction::out, bytes_of(record));
  }
  // Body behind size[4] type[1] tag[2].
  Row ninep(uint8_t type, uint16_t tag, const Bytes& body = {}, uint8_t ring = 0,
            uint8_t flags = Crossing::kCanonical) {
    Bytes bytes = bytes_of(P9MessageRecord{1, 0, ring});
    const Bytes size = bytes_of(static_cast<uint32_t>(7 + body.size()));
    bytes.insert(bytes.end(), size.begin(), size.end());
    bytes.push_back(type);
    bytes.push_back(static_cast<uint8_t>(tag));
    bytes.push_back(static_cast<uint8_t>(tag >> 8));
    bytes.insert(bytes.end(), body.begin(), body.end());
    const bool answer = type % 2 != 0;
    return add(answer ? "dom1/9p/share/R" : "dom1/9p/share/T", answer ? 181 : 180,
               answer ? Direction::in : Direction::out, bytes, flags);
  }

  CrossingTable table;
  Tick at, step = microseconds(1);
  uint64_t sequence = 0;
  uint32_t store_request = 0;
};

// A run of a scenario, recorded and read again.
CrossingTable table_of_scenario(const std::string& name,
                                const std::vector<std::pair<std::string, std::string>>& overrides = {});

bool equal(const RingState& a, const RingState& b);
bool equal(const NinePState& a, const NinePState& b);
std::string text_of(const StoreNode& node);

inline const Lane& lane_of(const Story& story, const std::string& name) {
  for (const Lane& lane : story.lanes()) {
    if (lane.name == name) return lane;
  }
  FAIL("there is no lane " << name);
  return story.lanes().front();
}

}  // namespace ringside::viewer::story_test
