#include "viewer/story/slot_ring.h"

#include <bit>
#include <cstddef>

#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {

RingSlot& slot_at(RingState& shown, uint32_t index) { return shown.slots[index & (shown.size - 1)]; }

// Does `what` for the indices of [from, to), the last `size` of them at most.
template <class What>
void for_indices(const RingState& shown, uint32_t from, uint32_t to, const What& what) {
  if (!is_before(from, to)) return;
  if (to - from > shown.size) from = to - shown.size;
  for (uint32_t index = from; index != to; ++index) what(index);
}

constexpr size_t kIndicesNeeded = sizeof(SlotIndices);

}  // namespace

void SlotRing::apply(RingState& shown, const StoryParts& parts, Row row, WirePart part) {
  const auto payload = parts.table.payload(row);
  shown.last = row;
  switch (part) {
    case WirePart::indices:
      if (SlotIndices now{}; read_record(payload, now, kIndicesNeeded)) on_indices(shown, parts, now, row);
      break;
    case WirePart::request:
      if (BlkRequestRecord request{}; read_record(payload, request, offsetof(BlkRequestRecord, reserved2)))
        on_request(shown, parts, request.slot, request.req_prod, request.req_cons, row);
      break;
    case WirePart::first_request:
      if (FirstBlkRequestRecord request{}; read_record(payload, request))
        on_request(shown, parts, request.slot, request.req_prod, request.req_cons, row);
      break;
    case WirePart::net_request:
      if (parts.table.wire_of(row).payload_type == kNetTxRequestPayload.id) {
        if (NetTxRequestRecord request{}; read_record(payload, request))
          on_request(shown, parts, request.slot, request.req_prod, request.req_cons, row);
      } else if (NetRxRequestRecord request{}; read_record(payload, request)) {
        on_request(shown, parts, request.slot, request.req_prod, request.req_cons, row);
      }
      break;
    case WirePart::response:
      if (BlkResponseRecord response{}; read_record(payload, response, offsetof(BlkResponseRecord, reserved)))
        on_response(shown, parts, response.slot, row);
      break;
    case WirePart::net_response:
      // Of both ways the slot is the first field.
      if (uint32_t slot = 0; read_record(payload, slot)) on_response(shown, parts, slot, row);
      break;
    default: break;
  }
}

void SlotRing::open(RingState& shown, const StoryParts& parts, uint32_t req_cons, uint32_t rsp_prod,
                    Row row) {
  is_open_ = true;
  if (shown.kind != RingState::Kind::blk) {
    shown.size = kNetSlots;
    is_size_known_ = true;
  } else if (++looks_ <= kLooksMax) {
    const auto slots = parts.facts.block_slots(parts.table, parts.wires.rings()[ring_], row);
    shown.size = slots.value_or(kBlkSlots);
    is_size_known_ = slots.has_value();
  }
  shown.slots.assign(shown.size, {});
  shown.req_prod = published_ = shown.req_cons = req_cons;
  shown.rsp_prod = shown.rsp_cons = rsp_prod;
  // Requests of a time that the session does not have.
  for_indices(shown, rsp_prod, req_cons, [&](uint32_t index) {
    RingSlot& slot = slot_at(shown, index);
    slot.state = SlotState::taken;
    slot.index = index;
  });
}

// Where nobody said how large the ring is, what is in it does.
void SlotRing::grow(RingState& shown, uint32_t slots) {
  if (slots <= shown.size || slots > kSlotsMax) return;
  std::vector<RingSlot> old(std::bit_ceil(slots));
  old.swap(shown.slots);
  shown.size = static_cast<uint32_t>(shown.slots.size());
  for (const RingSlot& slot : old) {
    if (slot.published != kNoRow || slot.request != kNoRow || slot.state != SlotState::empty)
      slot_at(shown, slot.index) = slot;
  }
}

void SlotRing::on_indices(RingState& shown, const StoryParts& parts, const SlotIndices& now, Row row) {
  if (!is_open_ || is_before(now.req_cons, shown.req_cons) || is_before(now.rsp_prod, shown.rsp_prod))
    open(shown, parts, now.req_cons, now.rsp_prod, row);
  if (!is_size_known_) grow(shown, now.req_prod - now.rsp_prod);
  shown.req_event = now.req_event;
  shown.rsp_event = now.rsp_event;
  publish(shown, now.req_prod, row);
  shown.req_prod = now.req_prod;
  take(shown, now.req_cons);
  answer(shown, now.rsp_prod);
  // A frontend that has seen all asks for an event with the next one: RING_FINAL_CHECK_FOR_RESPONSES. One
  // that asks for a later one shows nothing by it.
  const uint32_t seen = now.rsp_event - 1;
  if (now.rsp_prod - seen <= shown.size) consume(shown, seen);
}

// One that publishes more than fits is broken, and no backend takes any of it.
void SlotRing::publish(RingState& shown, uint32_t req_prod, Row row) {
  if (req_prod - shown.req_cons > shown.size) return;
  for_indices(shown, published_, req_prod, [&](uint32_t index) {
    slot_at(shown, index) = {SlotState::published, index, row, kNoRow, kNoRow};
  });
  if (is_before(published_, req_prod)) published_ = req_prod;
  // Its slots held responses that the frontend must have seen.
  const uint32_t seen = published_ - shown.size;
  if (is_before(shown.rsp_cons, seen) && !is_before(shown.rsp_prod, seen)) consume(shown, seen);
}

void SlotRing::take(RingState& shown, uint32_t req_cons) {
  for_indices(shown, shown.req_cons, req_cons, [&](uint32_t index) {
    RingSlot& slot = slot_at(shown, index);
    if (slot.index == index && slot.state == SlotState::published) slot.state = SlotState::taken;
  });
  shown.req_cons = req_cons;
}

void SlotRing::answer(RingState& shown, uint32_t rsp_prod) {
  for_indices(shown, shown.rsp_prod, rsp_prod, [&](uint32_t index) {
    RingSlot& slot = slot_at(shown, index);
    if (slot.state == SlotState::empty) slot.index = index;
    if (slot.index == index) slot.state = SlotState::answered;
  });
  shown.rsp_prod = rsp_prod;
}

void SlotRing::consume(RingState& shown, uint32_t rsp_cons) {
  if (!is_before(shown.rsp_cons, rsp_cons)) return;
  for_indices(shown, shown.rsp_cons, rsp_cons, [&](uint32_t index) {
    RingSlot& slot = slot_at(shown, index);
    if (slot.index == index && slot.state == SlotState::answered) slot.state = SlotState::empty;
  });
  shown.rsp_cons = rsp_cons;
}

void SlotRing::on_request(RingState& shown, const StoryParts& parts, uint32_t slot, uint32_t req_prod,
                          uint32_t index, Row row) {
  if (!is_open_ || is_before(index, shown.req_cons)) open(shown, parts, index, index, row);
  if (slot >= kSlotsMax) return;
  if (slot >= shown.size) grow(shown, slot + 1);
  if (!is_size_known_) grow(shown, req_prod - shown.rsp_prod);
  publish(shown, req_prod, row);
  shown.req_prod = req_prod;
  take(shown, index);
  RingSlot& taken = slot_at(shown, index);
  if (taken.index != index || taken.state != SlotState::published)
    taken = {SlotState::taken, index, kNoRow, kNoRow, kNoRow};
  taken.state = SlotState::taken;
  taken.request = row;
  shown.req_cons = index + 1;
}

// One that a fault keeps back is in the ring once the indices say so.
void SlotRing::on_response(RingState& shown, const StoryParts& parts, uint32_t slot, Row row) {
  if (!is_punctual(parts.table, row) || slot >= kSlotsMax) return;
  if (!is_open_) open(shown, parts, 0, 0, row);
  if (slot >= shown.size) grow(shown, slot + 1);
  if (slot >= shown.size) return;
  const uint32_t index = shown.rsp_prod + ((slot - shown.rsp_prod) & (shown.size - 1));
  RingSlot& answered = shown.slots[slot];
  if (answered.index != index) answered = {SlotState::answered, index, kNoRow, kNoRow, kNoRow};
  answered.state = SlotState::answered;
  answered.response = row;
  if (parts.wires.rings()[ring_].indices == kNone) answer(shown, index + 1);
}

}  // namespace ringside::viewer
