// How the answers of each kind of request are told.
#include <cstddef>

#include "devices/disk/payloads.h"
#include "host/9p/messages.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/payloads.h"
#include "viewer/story/device_facts.h"
#include "viewer/story/record.h"
#include "viewer/story/slot_ring.h"
#include "viewer/story/spans.h"
#include "viewer/story/store_message.h"

namespace ringside::viewer {

// One at a time: a domain has one virtual CPU. A call that does not return (sched_op/shutdown) stays open.
void Spans::take_hypercall(Row row, const WireRole& role) {
  Track& track = tracks_[role.lane];
  if (table_.direction(row) == Direction::out) {
    track.current = begin(role, row);
    return;
  }
  if (track.current == kNone) return;
  int64_t result = 0;
  const auto payload = table_.payload(row);
  if (payload.size() >= sizeof(HypercallRecord))
    std::memcpy(&result, payload.data() + offsetof(HypercallRecord, result), sizeof result);
  constexpr int64_t kErrorLeast = -4095;
  end(role, track.current, row, result < 0 && result >= kErrorLeast);
  track.current = kNone;
}

// Those of one number are answered in their order.
void Spans::take_store(Row row, const WireRole& role) {
  const auto payload = table_.payload(row);
  xsd_sockmsg head{};
  if (!read_record(payload, head, offsetof(xsd_sockmsg, len)) || is_dropped(table_, row)) return;
  const uint64_t key = uint64_t{head.tx_id} << 32 | head.req_id;
  Track& track = tracks_[role.lane];
  if (table_.direction(row) == Direction::out) {
    track.open.add(key, begin(role, row));
  } else if (head.type != XS_WATCH_EVENT) {
    const auto span = track.open.take(key);
    if (!span) return;
    end(role, *span, row, head.type == XS_ERROR);
    facts_->take_answer(table_, lanes_[role.lane].spans[*span].begin, row);
  }
}

void Spans::take_indices(Row row, const WireRole& role) {
  SlotIndices now{};
  if (!read_record(table_.payload(row), now)) return;
  Track& track = tracks_[role.lane];
  if (!track.is_known || is_before(now.req_cons, track.next_index)) restart(track, now.req_cons);
  // Taken, and the session does not have how.
  track.next_index = now.req_cons;
  while (track.first_published < track.published.size() &&
         !is_before(now.req_cons, track.published[track.first_published].req_prod))
    ++track.first_published;
  if (wires_.rings()[role.ring].kind != RingState::Kind::net_rx) publish(track, now.req_prod, row);
}

void Spans::take_slot(Row row, const WireRole& role, uint32_t index, uint64_t id) {
  Track& track = tracks_[role.lane];
  if (!track.is_known || is_before(index, track.next_index)) restart(track, index);
  track.next_index = index + 1;
  while (track.first_published < track.published.size() &&
         !is_before(index, track.published[track.first_published].req_prod))
    ++track.first_published;
  Row from = row;
  // A receive buffer lies in its ring for as long as no frame comes: it is under way once it is used.
  const bool receives = wires_.rings()[role.ring].kind == RingState::Kind::net_rx;
  if (!receives && track.first_published < track.published.size()) {
    const Published& published = track.published[track.first_published];
    from = published.row;
    if (published.req_prod == track.next_index) ++track.first_published;
  }
  const uint32_t span = begin(role, from);
  track.requests.emplace_back(row, span);
  track.open.add(id, span);
}

void Spans::take_request(Row row, const WireRole& role) {
  const auto payload = table_.payload(row);
  if (role.part == WirePart::request) {
    BlkRequestRecord request{};
    if (read_record(payload, request, offsetof(BlkRequestRecord, reserved2)))
      take_slot(row, role, request.req_cons, request.id);
  } else if (role.part == WirePart::first_request) {
    FirstBlkRequestRecord request{};
    if (read_record(payload, request)) take_slot(row, role, request.req_cons, request.id);
  } else if (table_.wire_of(row).payload_type == kNetTxRequestPayload.id) {
    NetTxRequestRecord request{};
    if (read_record(payload, request)) take_slot(row, role, request.req_cons, request.id);
  } else {
    NetRxRequestRecord request{};
    if (read_record(payload, request)) take_slot(row, role, request.req_cons, request.id);
  }
}

// One that a fault keeps from the frontend does not end anything; one that a fault doubles ends it once.
void Spans::take_response(Row row, const WireRole& role) {
  if (is_dropped(table_, row)) return;
  const auto payload = table_.payload(row);
  OpenSpans& open = tracks_[role.lane].open;
  if (role.part == WirePart::response) {
    BlkResponseRecord response{};
    if (read_record(payload, response, offsetof(BlkResponseRecord, reserved)))
      end(role, open.take(response.id), row, response.status != 0);
  } else if (table_.wire_of(row).payload_type == kNetTxResponsePayload.id) {
    NetTxResponseRecord response{};
    if (read_record(payload, response, offsetof(NetTxResponseRecord, extras)))
      end(role, open.take(response.id), row, response.status < 0);
  } else {
    NetRxResponseRecord response{};
    if (read_record(payload, response)) end(role, open.take(response.id), row, response.status < 0);
  }
}

void Spans::take_control(Row row, const WireRole& role) {
  if (is_dropped(table_, row) && role.part == WirePart::control_response) return;
  OpenSpans& open = tracks_[role.lane].open;
  if (role.part == WirePart::control_request) {
    NetControlRequestRecord request{};
    if (read_record(table_.payload(row), request, offsetof(NetControlRequestRecord, type)))
      open.add(request.id, begin(role, row));
  } else {
    NetControlResponseRecord response{};
    if (read_record(table_.payload(row), response, offsetof(NetControlResponseRecord, data)))
      end(role, open.take(response.id), row, response.status != 0);
  }
}

// A ring has all of a message's answer; a request that was flushed gets none (flush(5)).
void Spans::take_ninep(Row row, const WireRole& role) {
  const auto payload = table_.payload(row);
  constexpr size_t kTypeAt = sizeof(P9MessageRecord) + 4, kOldTagAt = kTypeAt + 3;
  if (payload.size() < kOldTagAt) return;
  const auto tag_at = [](std::span<const uint8_t> bytes, size_t at) {
    return static_cast<uint16_t>(bytes[at] | bytes[at + 1] << 8);
  };
  const uint64_t ring = uint64_t{payload[offsetof(P9MessageRecord, ring)]} << 16;
  OpenSpans& open = tracks_[role.lane].open;
  const uint64_t key = ring | tag_at(payload, kTypeAt + 1);
  if (role.part == WirePart::ninep_request) {
    open.add(key, begin(role, row));
    return;
  }
  if (is_dropped(table_, row)) return;
  const uint8_t type = payload[kTypeAt];
  const auto span = open.take(key);
  if (!span) return;
  end(role, *span, row, type == ninep::Rlerror || type == ninep::Rerror);
  if (type != ninep::Rflush) return;
  const auto request = table_.payload(lanes_[role.lane].spans[*span].begin);
  if (request.size() >= kOldTagAt + 2 && request[kTypeAt] == ninep::Tflush)
    end(role, open.take(ring | tag_at(request, kOldTagAt)), row, true);
}

// A channel has one command at a time.
void Spans::take_ata(Row row, const WireRole& role) {
  Track& track = tracks_[role.lane];
  if (role.part == WirePart::ata_command) {
    track.current = begin(role, row);
    return;
  }
  if (track.current == kNone || is_dropped(table_, row)) return;
  AtaCompletionRecord completion{};
  (void)read_record(table_.payload(row), completion, 0);
  constexpr uint8_t kErr = 0x01, kDf = 0x20;  // ATA/ATAPI-6, 7.15.6
  end(role, track.current, row, (completion.status & (kErr | kDf)) != 0);
  track.current = kNone;
}

}  // namespace ringside::viewer
