// What the checker `ring` asks of rings of slots.
#include <fmt/format.h>

#include <cstddef>

#include "checkers/xen/crossing_record.h"
#include "checkers/xen/ring_checker.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

// How long an event may be under way before it counts as not sent.
constexpr Tick kEventLimit = milliseconds(1);

}  // namespace

// Each part is a function of its own, to which on_crossing() only jumps: what one needs of a frame costs the
// others nothing.
RingChecker::Look RingChecker::look_of(Part part) {
  switch (part) {
    case Part::hypercall: return look_at<&RingChecker::on_hypercall>;
    case Part::events: return look_at<&RingChecker::on_event>;
    case Part::indices: return look_at<&RingChecker::on_indices>;
    case Part::byte_indices: return look_at<&RingChecker::on_byte_indices>;
    case Part::request: return look_at<&RingChecker::on_request>;
    case Part::response: return look_at<&RingChecker::on_response>;
    case Part::none: break;
  }
  return [](RingChecker&, const Wire&, const Crossing&, const Verdict&, const Role&) {};
}

inline void RingChecker::compare(SlotRing& ring, uint32_t index, Sight sight) {
  if (!ring.is_as_noted(index)) [[unlikely]]
    note_change(ring, index, sight);
}

void RingChecker::note_change(SlotRing& ring, uint32_t index, Sight sight) {
  ring.note(index);
  if (ring.meddled) return;
  violate("changed_after_publish", wire_of(ring, sight.wire), sight.crossing,
          fmt::format("slot {} of request {} has changed since req_prod (now {}) passed it", ring.slot(index),
                      index, ring.req_prod));
}

// Those that have been published since the last look. A buffer is given back by its place in the ring, every
// other request by its id.
[[gnu::always_inline]] inline void RingChecker::read_responses(SlotRing& ring, uint32_t to, Sight sight) {
  if (index_before(ring.rsp_written, to)) ring.rsp_written = to;
  const uint32_t first = std::exchange(ring.rsp_prod, to);
  if (to - first > ring.slots) return;
  for (uint32_t index = first; index != to; ++index) {
    if (ring.kind == RingKind::net_rx) {
      if (index_before(index, ring.noted)) (void)ring.ids.remove(ring.noted_id(index));
      continue;
    }
    uint64_t id = 0;
    if (ring.kind == RingKind::blk) {
      id = ring.slot_value<uint64_t>(index);
    } else {
      const auto response = ring.slot_value<netif_tx_response>(index);
      if (response.status == NETIF_RSP_NULL) continue;
      id = response.id;
    }
    if (!ring.ids.remove(id)) [[unlikely]]
      tell_unasked(ring, index, id, sight);
  }
}

// Indices that make no sense end what can be said of the ring; false then.
[[gnu::always_inline]] inline bool RingChecker::look(SlotRing& ring, RingIndices now, Sight sight) {
  if (ring.halted) return false;
  const uint32_t asked = now.req_prod - ring.req_prod, answered = now.rsp_prod - ring.rsp_prod,
                 open = now.req_prod - now.rsp_prod;
  const bool backwards = static_cast<int32_t>(asked | answered) < 0;
  if (backwards || (open > ring.slots && static_cast<int32_t>(open) >= 0)) [[unlikely]] {
    halt(ring, now, sight);
    return false;
  }
  if ((asked | answered) == 0) return true;
  ring.moved_at = machine().clock.now;
  ring.req_prod = now.req_prod;
  if (answered != 0) read_responses(ring, now.rsp_prod, sight);
  return !ring.halted;
}

// Most answers are seen with the backend's indices.
bool RingChecker::look_at_answers(SlotRing& ring, RingIndices now, Sight sight) {
  return look(ring, now, sight);
}

void RingChecker::halt(SlotRing& ring, RingIndices now, Sight sight) {
  ring.halted = true;
  const auto broken = [&](std::string_view rule, std::string text) {
    violate(rule, wire_of(ring, sight.wire), sight.crossing, std::move(text));
  };
  if (index_before(now.req_prod, ring.req_prod))
    return broken("index_backwards", fmt::format("req_prod was {} and is {}", ring.req_prod, now.req_prod));
  if (index_before(now.rsp_prod, ring.rsp_prod))
    return broken("index_backwards", fmt::format("rsp_prod was {} and is {}", ring.rsp_prod, now.rsp_prod));
  broken("index_overrun", fmt::format("req_prod is {}, but only {} requests fit behind response {}",
                                      now.req_prod, ring.slots, now.rsp_prod));
}

// The frontend has had its turn: what it published must stay as it is.
void RingChecker::look_again(SlotRing& ring, Sight sight) {
  const RingIndices now = ring.indices();
  const bool answered = now.rsp_prod != ring.rsp_prod;
  const bool rests =
      now.req_prod == ring.req_prod && !answered && ring.fresh == now.req_prod && !ring.event_due_from;
  if (rests) return;
  if (!(answered ? look_at_answers(ring, now, sight) : look(ring, now, sight))) return;
  for (uint32_t index = std::exchange(ring.fresh, ring.noted); index != ring.noted; ++index) {
    if (!index_before(index, ring.rsp_written)) compare(ring, index, sight);
  }
  if (ring.noted != ring.req_prod) note_published(ring, ring.req_prod, sight);
  if (ring.event_due_from) look_for_late_event(ring, sight);
}

void RingChecker::note_published(SlotRing& ring, uint32_t to, Sight sight) {
  if (to - ring.noted > ring.slots) ring.noted = ring.fresh = to;
  for (; ring.noted != to; ++ring.noted) {
    ring.note(ring.noted);
    if (ring.kind != RingKind::net_rx) continue;
    const uint16_t id = ring.noted_id(ring.noted);
    if (!ring.ids.add(id) && !ring.meddled)
      violate("id_in_use", wire_of(ring, sight.wire), sight.crossing,
              fmt::format("buffer {} has id {}, and so has one that is not given back yet", ring.noted, id));
  }
}

void RingChecker::tell_unasked(SlotRing& ring, uint32_t index, uint64_t id, Sight sight) {
  if (ring.unsure()) return;
  const bool twice = ring.ids.was_removed(id);
  violate(twice ? "double_response" : "unasked_response", wire_of(ring, sight.wire), sight.crossing,
          fmt::format("response {} is to request id {}, {}", index, id,
                      twice ? "which has been answered" : "and there is no such request"));
}

void RingChecker::look_for_late_event(SlotRing& ring, Sight sight) {
  if (!ring.event_due_from || machine().clock.now <= saturating_add(*ring.event_due_from, kEventLimit))
    return;
  const Tick since = *ring.event_due_from;
  ring.event_due_from.reset();
  if (ring.meddled || !has_backend(ring.domain, ring.port)) return;
  violate("answer_event_missing", wire_of(ring, sight.wire), sight.crossing,
          fmt::format("responses up to {} were published at {} across rsp_event, and port {} got no event",
                      ring.rsp_prod, to_string(since), ring.port.value));
}

// The backend has looked, or has published responses. A wait of either end is seen elsewhere.
[[gnu::always_inline]] inline void RingChecker::on_indices(const Role& role, Sight sight, const Verdict&) {
  SlotRing* ring = role.group->ring;
  if (ring == nullptr || !ring->begins_with(sight.crossing->payload->data())) [[unlikely]]
    return on_indices_of_another(role, sight);
  // BlkIndicesRecord and netif's begin so.
  on_indices(*ring, record_at<RingIndices>(*sight.crossing), sight);
}

void RingChecker::on_indices_of_another(const Role& role, Sight sight) {
  const auto shown = record_at<RingIndices>(*sight.crossing);
  if (SlotRing* ring = ring_of(*role.group, shown)) on_indices(*ring, shown, sight);
}

[[gnu::always_inline]] inline void RingChecker::on_indices(SlotRing& ring, RingIndices shown, Sight sight) {
  ring.wire = &sight.wire;
  if (shown.rsp_prod != ring.rsp_prod) return on_answers(ring, shown, sight);
  if (look(ring, shown, sight)) look_for_unasked(ring, shown, sight);
}

void RingChecker::on_answers(SlotRing& ring, RingIndices shown, Sight sight) {
  const uint32_t published = ring.rsp_prod;
  if (!look(ring, shown, sight)) return;
  if (asks_event(published, shown.rsp_prod, shown.rsp_event) && !ring.event_due_from)
    ring.event_due_from = machine().clock.now;
  look_for_unasked(ring, shown, sight);
}

[[gnu::always_inline]] inline void RingChecker::look_for_unasked(SlotRing& ring, const RingIndices& shown,
                                                                 Sight sight) {
  ring.told = shown.req_prod;
  const auto req_cons = record_at<uint32_t>(*sight.crossing, offsetof(BlkIndicesRecord, req_cons));
  if (index_before(req_cons, shown.rsp_prod)) tell_untaken(ring, shown.rsp_prod, req_cons, sight);
}

void RingChecker::tell_untaken(SlotRing& ring, uint32_t rsp_prod, uint32_t req_cons, Sight sight) {
  if (ring.meddled) return;
  ring.halted = true;
  violate("unasked_response", wire_of(ring, sight.wire), sight.crossing,
          fmt::format("rsp_prod is {}, but only {} requests have been taken", rsp_prod, req_cons));
}

// Before the first indices, too.
void RingChecker::on_first_message(const Role& role, Sight sight, const Verdict& verdict) {
  if (find_only_ring_of(*role.group) != nullptr) role.look(*this, sight.wire, *sight.crossing, verdict, role);
}

[[gnu::always_inline]] inline void RingChecker::on_request(const Role& role, Sight sight,
                                                           const Verdict& verdict) {
  if (role.group->ring == nullptr) [[unlikely]]
    return on_first_message(role, sight, verdict);
  SlotRing& ring = *role.group->ring;
  if (ring.halted) return;
  if (meddled_with(*sight.crossing)) {
    ring.meddled = true;
    ring.noted = ring.fresh = ring.indices().req_prod;
    return;
  }
  if (sight.crossing->flags & Crossing::kDropped) ring.lost = true;
  uint32_t index = 0;
  uint64_t id = 0;
  if (ring.kind == RingKind::blk) {
    index = record_at<uint32_t>(*sight.crossing, offsetof(BlkRequestRecord, req_cons));
    id = record_at<uint64_t>(*sight.crossing, offsetof(BlkRequestRecord, id));
  } else if (ring.kind == RingKind::net_tx) {
    const auto record = record_at<NetTxRequestRecord>(*sight.crossing);
    index = record.req_cons;
    id = record.id;
  } else {
    index = record_at<NetRxRequestRecord>(*sight.crossing).req_cons;
  }
  if (index_before(index, ring.noted)) {
    compare(ring, index, sight);
  } else {
    note_published(ring, index + 1, sight);
  }
  // What the backend has taken is compared once more when the frontend has had its turn.
  if (index_before(index, ring.fresh)) ring.fresh = index;
  if (ring.kind == RingKind::net_rx || ring.ids.add(id) || ring.unsure()) return;
  violate("id_in_use", sight.wire, sight.crossing,
          fmt::format("request {} has id {}, and so has one that is not answered yet", index, id));
}

// It is about to be written into its slot, or a few.
[[gnu::always_inline]] inline void RingChecker::on_response(const Role& role, Sight sight,
                                                            const Verdict& verdict) {
  if (role.group->ring == nullptr) [[unlikely]]
    return on_first_message(role, sight, verdict);
  SlotRing& ring = *role.group->ring;
  if (meddled_with(*sight.crossing)) {
    ring.meddled = true;
    ring.fresh = ring.noted;
    return;
  }
  if (sight.crossing->flags & Crossing::kDropped) ring.lost = true;
  uint32_t slot = 0, more = 0;
  if (ring.kind == RingKind::blk) {
    slot = record_at<uint32_t>(*sight.crossing, offsetof(BlkResponseRecord, slot));
  } else if (ring.kind == RingKind::net_tx) {
    const auto record = record_at<NetTxResponseRecord>(*sight.crossing);
    slot = record.slot;
    more = record.extras;
  } else {
    slot = record_at<NetRxResponseRecord>(*sight.crossing).slot;
  }
  ring.rsp_written = ring.rsp_prod + ring.slot(slot - ring.rsp_prod) + 1 + more;
}

[[gnu::always_inline]] inline void RingChecker::frontend_gets_event(SlotRing& ring, const Verdict& verdict) {
  ring.event_due_from.reset();
  ring.event_lost = verdict.copies == 0 || !verdict.punctual();
  ring.rsp_event_before = ring.indices().rsp_event;
}

[[gnu::always_inline]] inline void RingChecker::on_hypercall(const Role& role, Sight sight, const Verdict&) {
  if (sight.crossing->direction != Direction::out) return;
  const auto operation = record_at<uint32_t>(*sight.crossing, offsetof(HypercallRecord, operation));
  const bool waits = operation == kBlock || operation == kPoll || operation == kBlockCompat;
  if (waits || operation == kYield) on_scheduling(*role.domain, waits, sight);
}

[[gnu::always_inline]] inline void RingChecker::on_event(const Role& role, Sight sight,
                                                         const Verdict& verdict) {
  const auto port = record_at<uint32_t>(*sight.crossing, offsetof(EventRecord, port));
  const auto operation =
      static_cast<EventOperation>(record_at<uint8_t>(*sight.crossing, offsetof(EventRecord, operation)));
  if (operation == EventOperation::send) return frontend_sends(*role.domain, port, sight);
  if (operation != EventOperation::deliver) return;
  for (const auto& ring : role.domain->slots) {
    if (ring->port.value == port) frontend_gets_event(*ring, verdict);
  }
}

void RingChecker::look_at_wait(SlotRing& ring, Sight sight) {
  const RingIndices now = ring.indices();
  const bool untold = asks_event(ring.told, now.req_prod, now.req_event);
  if (ring.halted || !has_backend(ring.domain, ring.port)) return;
  if (untold) {
    const uint32_t told = std::exchange(ring.told, now.req_prod);
    violate(
        "event_missing", wire_of(ring, sight.wire), sight.crossing,
        fmt::format("the guest waits; it has published requests {} to {}, req_event is {}, and port {} got "
                    "no event since",
                    told, now.req_prod - 1, now.req_event, ring.port.value));
  }
  if (index_before(now.rsp_prod, now.rsp_event)) return;  // the next response brings an event
  if (ring.event_due_from || ring.event_lost || ring.meddled) return;
  const bool waits_for_more = now.req_prod != now.rsp_prod || now.rsp_event != ring.rsp_event_before;
  const Domain* domain = machine().hypervisor->find_domain(ring.domain);
  if (!waits_for_more || machine().hypervisor->channels.is_pending(*domain, ring.port)) return;
  ring.event_lost = true;  // told once, until the next event
  violate("final_check_missing", wire_of(ring, sight.wire), sight.crossing,
          fmt::format(
              "the guest waits, and rsp_event is {} where rsp_prod is {}: no response will bring an event",
              now.rsp_event, now.rsp_prod));
}

void RingChecker::end(SlotRing& ring, const Wire& wire) {
  const uint32_t open = ring.req_prod - ring.rsp_prod;
  const bool settled = machine().clock.now > saturating_add(ring.moved_at, kEventLimit);
  if (open == 0 || !settled || ring.kind == RingKind::net_rx || ring.meddled || ring.lost || ring.halted ||
      !has_backend(ring.domain, ring.port))
    return;
  violate("unanswered", wire, nullptr,
          fmt::format("{} of the requests up to {} have no response", open, ring.req_prod));
}

}  // namespace ringside
