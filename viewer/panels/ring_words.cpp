#include "viewer/panels/ring_words.h"

#include <fmt/format.h>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

constexpr uint32_t kSlotsMax = 65536;  // an e1000 ring has at most so many

}  // namespace

bool has_slots(RingState::Kind kind) { return kind != RingState::Kind::bytes; }

uint32_t slots_of(const RingState& ring) { return std::min(ring.size, kSlotsMax); }

SlotState slot_state(const RingState& ring, uint32_t slot) {
  if (ring.kind == RingState::Kind::descriptors) {
    const uint32_t size = slots_of(ring);
    if (size == 0) return SlotState::empty;
    const uint32_t head = ring.head % size, tail = ring.tail % size;
    return (slot + size - head) % size < (tail + size - head) % size ? SlotState::taken : SlotState::empty;
  }
  return slot < ring.slots.size() ? ring.slots[slot].state : SlotState::empty;
}

RingGlide::Indices ring_indices(const RingState& ring) {
  if (ring.kind == RingState::Kind::descriptors) return {ring.head, ring.tail, 0, 0, 0, 0};
  if (ring.kind == RingState::Kind::bytes)
    return {ring.out.prod, ring.out.cons, ring.in.prod, ring.in.cons, 0, 0};
  return {ring.req_prod, ring.req_cons, ring.req_event, ring.rsp_prod, ring.rsp_cons, ring.rsp_event};
}

std::vector<CircleHand> ring_hands(const Theme& theme, const RingState& ring, const RingGlide& glide) {
  using Tip = CircleHand::Tip;
  // Requests in one colour and responses in another; whose index it is, the tip tells.
  const Color request = theme.message, response = theme.call;
  if (ring.kind == RingState::Kind::descriptors)
    return {{fmt::format("head {}", ring.head), glide.index(0), theme.signal, Tip::consumer},
            {fmt::format("tail {}", ring.tail), glide.index(1), request, Tip::producer}};
  return {{fmt::format("req_prod {}", ring.req_prod), glide.index(0), request, Tip::producer},
          {fmt::format("req_cons {}", ring.req_cons), glide.index(1), request, Tip::consumer},
          {fmt::format("req_event {}", ring.req_event), glide.index(2), request, Tip::event},
          {fmt::format("rsp_prod {}", ring.rsp_prod), glide.index(3), response, Tip::producer},
          {fmt::format("rsp_cons {}", ring.rsp_cons), glide.index(4), response, Tip::consumer},
          {fmt::format("rsp_event {}", ring.rsp_event), glide.index(5), response, Tip::event}};
}

uint32_t in_flight(const RingState& ring) {
  const uint32_t size = slots_of(ring);
  if (ring.kind == RingState::Kind::descriptors)
    return size == 0 ? 0 : (ring.tail % size + size - ring.head % size) % size;
  return std::min(ring.req_prod - ring.rsp_prod, size);
}

std::string_view in_flight_word(RingState::Kind kind) {
  switch (kind) {
    case RingState::Kind::net_rx: return "buffers wait";
    case RingState::Kind::descriptors: return "are the device's";
    default: return "in flight";
  }
}

uint32_t next_slot(const RingState& ring) {
  const uint32_t size = std::max(slots_of(ring), 1U);
  return (ring.kind == RingState::Kind::descriptors ? ring.tail : ring.req_prod) % size;
}

std::vector<std::string> ring_sentences(const RingState& ring) {
  if (ring.kind == RingState::Kind::descriptors) {
    const uint32_t mine = in_flight(ring);
    return {fmt::format("From head {} up to tail {}: {} the device's to use; the others are the driver's.",
                        ring.head, ring.tail,
                        mine == 0   ? "none are"
                        : mine == 1 ? "one is"
                                    : fmt::format("{} are", mine))};
  }
  // An event is sent when the producer comes to the threshold (RING_PUSH_..._AND_CHECK_NOTIFY).
  const auto sentence = [](std::string_view who, std::string_view what, uint32_t threshold, uint32_t now) {
    const std::string_view side = what == "request" ? "req" : "rsp";
    const auto left = static_cast<int32_t>(threshold - now);
    if (left > 0)
      return fmt::format("The next event to the {}: at {}_prod {}, {} {}{} from now.", who, side, threshold,
                         left, what, left == 1 ? "" : "s");
    return fmt::format("No more events to the {}: {}_prod has {} {}_event.", who, side,
                       left == 0 ? "reached" : "passed", side);
  };
  return {sentence("backend", "request", ring.req_event, ring.req_prod),
          sentence("frontend", "response", ring.rsp_event, ring.rsp_prod)};
}

std::vector<uint32_t> slots_of_row(const RingState& ring, Row row) {
  std::vector<uint32_t> slots;
  if (row == kNoRow) return slots;
  for (size_t i = 0; i < ring.slots.size(); ++i) {
    const RingSlot& slot = ring.slots[i];
    if (slot.published == row || slot.request == row || slot.response == row)
      slots.push_back(static_cast<uint32_t>(i));
  }
  return slots;
}

Row last_row_of(const RingSlot& slot) {
  if (slot.response != kNoRow && slot.state != SlotState::published && slot.state != SlotState::taken)
    return slot.response;
  if (slot.request != kNoRow && slot.state != SlotState::published) return slot.request;
  return slot.published;
}

}  // namespace ringside::viewer
