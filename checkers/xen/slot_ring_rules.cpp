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

// Indices that make no sense end what can be said of the ring; false then.
[[gnu::always_inline]] inline bool RingChecker::look(SlotRing& ring, const RingIndices& now, Sight sight) {
  if (ring.halted) return false;
  const uint32_t asked = now.req_prod - ring.req_prod, answered = now.rsp_prod - ring.rsp_prod,
                 open = now.req_prod - now.rsp_prod;
  const bool backwards = static_cast<int32_t>(asked | answered) < 0;
  if (backwards || (open > ring.slots && static_cast<int32_t>(open) >= 0)) [[unlikely]]
    return halt(ring, now, sight);
  if ((asked | answered) == 0) return true;
  ring.moved_at = machine().clock.now;
  ring.req_prod = now.req_prod;
  if (answered != 0) read_responses(ring, now.rsp_prod, sight);
  return !ring.halted;
}

bool RingChecker::halt(SlotRing& ring, const RingIndices& now, Sight sight) {
  ring.halted = true;
  const auto broken = [&](std::string_view rule, std::string text) {
    violate(rule, wire_of(ring, sight.wire), sight.crossing, std::move(text));
    return false;
  };
  if (index_before(now.req_prod, ring.req_prod))
    return broken("index_backwards", fmt::format("req_prod was {} and is {}", ring.req_prod, now.req_prod));
  if (index_before(now.rsp_prod, ring.rsp_prod))
    return broken("index_backwards", fmt::format("rsp_prod was {} and is {}", ring.rsp_prod, now.rsp_prod));
  return broken("index_overrun", fmt::format("req_prod is {}, but only {} requests fit behind response {}",
                                             now.req_prod, ring.slots, now.rsp_prod));
}

// The frontend has had its turn: what it published must stay as it is.
void RingChecker::look_again(SlotRing& ring, Sight sight) {
  const RingIndices now = ring.indices();
  const bool rests = now.req_prod == ring.req_prod && now.rsp_prod == ring.rsp_prod &&
                     ring.fresh == now.req_prod && !ring.event_due_from;
  if (rests || !look(ring, now, sight)) return;
  for (; ring.fresh != ring.noted; ++ring.fresh) {
    if (!index_before(ring.fresh, ring.rsp_written)) compare(ring, ring.fresh, sight);
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

// Those that have been published since the last look. A buffer is given back by its place in the ring, every
// other request by its id.
void RingChecker::read_responses(SlotRing& ring, uint32_t to, Sight sight) {
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
    if (ring.ids.remove(id) || ring.unsure()) [[likely]]
      continue;
    const bool twice = ring.ids.was_removed(id);
    violate(twice ? "double_response" : "unasked_response", wire_of(ring, sight.wire), sight.crossing,
            fmt::format("response {} is to request id {}, {}", index, id,
                        twice ? "which has been answered" : "and there is no such request"));
  }
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
[[gnu::always_inline]] inline void RingChecker::on_indices(SlotRing& ring, const RingIndices& shown,
                                                           uint32_t req_cons, Sight sight) {
  const uint32_t published = ring.rsp_prod;
  if (!look(ring, shown, sight)) return;
  ring.told = shown.req_prod;
  if (asks_event(published, shown.rsp_prod, shown.rsp_event) && !ring.event_due_from)
    ring.event_due_from = machine().clock.now;
  if (!index_before(req_cons, shown.rsp_prod) || ring.meddled) return;
  ring.halted = true;
  violate("unasked_response", wire_of(ring, sight.wire), sight.crossing,
          fmt::format("rsp_prod is {}, but only {} requests have been taken", shown.rsp_prod, req_cons));
}

[[gnu::always_inline]] inline void RingChecker::on_indices(Group& group, Sight sight) {
  struct Seen {  // BlkIndicesRecord and netif's begin so
    RingIndices shown;
    uint32_t req_cons;
  };
  const auto [shown, req_cons] = record_at<Seen>(*sight.crossing);
  SlotRing* ring = group.ring;
  if (ring == nullptr || !same_indices(ring->indices(), shown)) [[unlikely]] {
    ring = ring_of(group, shown);
    if (ring == nullptr) return;
  }
  ring->wire = &sight.wire;
  on_indices(*ring, shown, req_cons, sight);
}

[[gnu::always_inline]] inline void RingChecker::on_request(SlotRing& ring, Sight sight) {
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
[[gnu::always_inline]] inline void RingChecker::on_response(SlotRing& ring, Sight sight) {
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

[[gnu::always_inline]] inline void RingChecker::on_event(DomainRings& domain, Sight sight,
                                                         const Verdict& verdict) {
  const auto record = record_at<EventRecord>(*sight.crossing);
  const auto operation = static_cast<EventOperation>(record.operation);
  if (operation == EventOperation::send) return frontend_sends(domain, record.port, sight);
  if (operation != EventOperation::deliver) return;
  for (const auto& ring : domain.slots) {
    if (ring->port.value == record.port) frontend_gets_event(*ring, verdict);
  }
}

void RingChecker::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  const Role& role = roles_[wire.index()];
  const Sight sight{wire, &crossing};
  switch (role.part) {
    case Part::indices: return on_indices(*role.group, sight);
    case Part::events: return on_event(*role.domain, sight, verdict);
    case Part::hypercall: return on_hypercall(*role.domain, sight);
    case Part::byte_indices: return on_byte_indices(*role.group, sight);
    case Part::request:
      if (SlotRing* ring = only_ring_of(*role.group)) on_request(*ring, sight);
      break;
    case Part::response:
      if (SlotRing* ring = only_ring_of(*role.group)) on_response(*ring, sight);
      break;
    case Part::none: break;
  }
}

void RingChecker::frontend_waits(SlotRing& ring, Sight sight) {
  const RingIndices now = ring.indices();
  const bool untold = asks_event(ring.told, now.req_prod, now.req_event);
  const bool in_order = !untold && index_before(now.rsp_prod, now.rsp_event);
  if (in_order || ring.halted || !has_backend(ring.domain, ring.port)) return;
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
