// What the injector does while a machine runs.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "sim/fault/injector_impl.h"
#include "sim/payloads.h"

namespace ringside {

namespace {

struct FaultRecord {
  uint8_t action;
  uint8_t reserved[7];
  uint64_t crossing;
  uint64_t at;
};
static_assert(sizeof(FaultRecord) == 24);

constexpr FieldName kActionNames[] = {{1, "drop"},      {2, "duplicate"}, {3, "delay"},
                                      {4, "reorder"},   {5, "corrupt"},   {6, "fail"},
                                      {7, "truncate"},  {8, "stall"},     {9, "crash"},
                                      {10, "spurious"}, {11, "rewrite"},  {kRefused, "refused"}};
constexpr Field kFaultFields[] = {
    {"action", offsetof(FaultRecord, action), 1, FieldFormat::enumeration, kActionNames},
    {"crossing", offsetof(FaultRecord, crossing), 8, FieldFormat::decimal},
    {"at", offsetof(FaultRecord, at), 8, FieldFormat::duration},
};

uint8_t number_of(FaultKind kind) { return static_cast<uint8_t>(static_cast<uint8_t>(kind) + 1); }

// What a stalled wire keeps: more than that is lost, as at any full buffer.
constexpr uint64_t kHeldCrossingsMax = 65536, kHeldBytesMax = 64 << 20;

}  // namespace

const PayloadType kFaultPayload{
    .id = 5,
    .name = "fault",
    .title = "A fault that struck: the crossing that follows, or of itself (crossing 0)",
    .size = sizeof(FaultRecord),
    .fields = kFaultFields,
    .tail = TailKind::text,
    .tail_name = "spec"};

std::vector<uint8_t> fault_payload(uint8_t action, uint64_t sequence, Tick at, std::string_view text) {
  const FaultRecord record{action, {}, sequence, at.ps};
  std::vector<uint8_t> payload(sizeof record + text.size());
  std::memcpy(payload.data(), &record, sizeof record);
  std::copy(text.begin(), text.end(), payload.begin() + sizeof record);
  return payload;
}

void FaultInjector::Impl::on_crossing(WireState& state, Crossing& crossing, Verdict& verdict) {
  // What only exact watching sees is not the run's own.
  if ((crossing.flags & Crossing::kCanonical) == 0) return;
  if (state.wire == making) [[unlikely]] {
    crossing.flags |= Crossing::kInjected;
    return;
  }
  if (state.unusual && !state.waiting.empty()) [[unlikely]]
    settle_waiting(state);
  ++state.crossings;
  for (PlacedFault& placed : state.placed) {
    if (!is_due(placed, crossing)) [[likely]]
      continue;
    strike(state, static_cast<size_t>(&placed - state.placed.data()), crossing, verdict);
    break;
  }
  if (scout != nullptr) ask_scout(state, crossing, verdict);
  if (state.unusual && state.stall.active) [[unlikely]]
    hold(state, crossing, verdict);
}

bool FaultInjector::Impl::is_within(const PlacedFault& placed, const Crossing& crossing) {
  if (placed.direction && *placed.direction != crossing.direction) return false;
  if (crossing.at < placed.from || crossing.at >= placed.until) return false;
  const Fault* after = placed.fault->after;
  if (placed.fault->spec.place.after.empty()) return true;
  return after != nullptr && after->times != 0 && after->first_struck < crossing.sequence;
}

bool FaultInjector::Impl::is_chosen(PlacedFault& placed, uint64_t n) {
  Fault& fault = *placed.fault;
  const FaultPlace& place = fault.spec.place;
  if ((n - place.first + 1) % place.every != 0) return false;
  if (place.chance_ppm == 1'000'000) return true;
  ++fault.drawn;
  return fault.stream.below(1'000'000) < place.chance_ppm;
}

// All are judged by what the sender sent, then all are done.
void FaultInjector::Impl::strike(WireState& state, size_t first, Crossing& crossing, Verdict& verdict) {
  std::vector<const PlacedFault*> due{&state.placed[first]};
  for (size_t i = first + 1; i < state.placed.size(); ++i) {
    if (is_due(state.placed[i], crossing)) due.push_back(&state.placed[i]);
  }
  const uint64_t sequence = wiring.last_sequence() + due.size();
  std::vector<std::vector<uint8_t>> payloads;
  for (const PlacedFault* placed : due) {
    Fault& fault = *placed->fault;
    payloads.push_back(fault_payload(number_of(placed->strike.kind), sequence, crossing.at, fault.spec.text));
    if (fault.times++ == 0) fault.first_struck = sequence;
  }
  wiring.show_before(crossing, fault_wire(), payloads, Crossing::kCanonical);
  for (const PlacedFault* placed : due) {
    placed->strike.apply(crossing, verdict);
    act(state, placed->strike, *crossing.payload);
  }
}

void FaultInjector::Impl::ask_scout(WireState& state, Crossing& crossing, Verdict& verdict) {
  const Wire& wire = *state.wire;
  if (wire.kind() == WireKind::sampled && !wire.rewriter() && !wire.stimulus() &&
      !wire.payload_type().is_moment)
    return;
  const FaultSite site{wire, crossing, state.crossings};
  const FaultAction* action = scout->on_site(site);
  if (action == nullptr) return;
  FaultSpec spec;
  spec.place.wire = wire.name();
  spec.place.first = spec.place.last = state.crossings;
  spec.action = *action;
  spec.text = site.place() + " " + action->text;
  Fault& fault = faults.emplace_back(std::move(spec), Random(seed));
  fault.matched = true;
  const auto strike = FaultStrike::create(*action, wire, targets);
  if (!strike) {
    fault.objection = strike.error().message;
    return refuse(fault);
  }
  fault.sensible = true;
  fault.times = 1;
  fault.first_struck = wiring.last_sequence() + 1;
  std::vector<uint8_t> payload =
      fault_payload(number_of(strike->kind), fault.first_struck, crossing.at, fault.spec.text);
  wiring.show_before(crossing, fault_wire(), {&payload, 1}, Crossing::kCanonical);
  strike->apply(crossing, verdict);
  act(state, *strike, *crossing.payload);
}

void FaultInjector::Impl::strike_at_time(Fault& fault) {
  // By number: a tap may make a wire while it looks.
  for (size_t i = 0; i < wires.size(); ++i) {
    WireState& state = *wires[i];
    if (!may_strike(state, fault)) continue;
    const auto strike = FaultStrike::create(fault.spec.action, *state.wire, targets);
    if (!strike) continue;
    std::vector<uint8_t> payload =
        fault_payload(number_of(strike->kind), 0, wiring.clock().now, fault.spec.text);
    (void)fault_wire().pass(Direction::in, payload);
    if (fault.times++ == 0) fault.first_struck = wiring.last_sequence();
    const std::vector<uint8_t> blank(state.wire->payload_type().size);
    act(state, *strike, blank);
  }
}

void FaultInjector::Impl::act(WireState& state, const FaultStrike& strike, std::span<const uint8_t> payload) {
  const Tick now = wiring.clock().now;
  switch (strike.kind) {
    case FaultKind::stall: return begin_stall(state, strike.time);
    case FaultKind::crash:
      events.schedule(now, "fault/crash", [this, wire = state.wire, back_after = strike.time] {
        if (targets != nullptr) (void)targets->crash(*wire, back_after);
      });
      return;
    case FaultKind::spurious:
    case FaultKind::rewrite: {
      std::vector<uint8_t> changed(payload.begin(), payload.end());
      for (const FaultChange& change : strike.changes) change.apply(changed);
      const bool rewrite = strike.kind == FaultKind::rewrite;
      return make(*state.wire, rewrite, rewrite ? saturating_add(now, strike.time) : now, std::move(changed));
    }
    default: return;
  }
}

void FaultInjector::Impl::make(const Wire& wire, bool rewrite, Tick at, std::vector<uint8_t> payload) {
  const uint64_t number = ++last_pending;
  pending.emplace(number, Pending{&wire, rewrite, std::move(payload)});
  events.schedule(at, rewrite ? "fault/rewrite" : "fault/spurious", [this, number] { make_pending(number); });
}

void FaultInjector::Impl::make_pending(uint64_t number) {
  const auto place = pending.find(number);
  const Pending made = std::move(place->second);
  pending.erase(place);
  const Wire::Stimulus& maker = made.rewrite ? made.wire->rewriter() : made.wire->stimulus();
  if (!maker) return;  // its device has gone
  making = made.wire;
  maker(made.payload);
  making = nullptr;
}

void FaultInjector::Impl::begin_stall(WireState& state, Tick time) {
  Stall& stall = state.stall;
  wiring.tap_first(*state.wire, true);
  const Tick until = time.ps == 0 ? Tick::never() : saturating_add(wiring.clock().now, time);
  if (stall.active) {
    stall.until = std::max(stall.until, until);
    return;
  }
  stall = {until, true, false, 0, 0};
  state.unusual = true;
  if (until != Tick::never())
    events.schedule(until, "fault/stall_ends", [this, &state] { end_stall(state); });
}

// Everything that was held is released by events of the stall's last tick. The stall is over only when they
// have run, so that nothing overtakes them: it looks once more behind the last of them.
void FaultInjector::Impl::end_stall(WireState& state) {
  Stall& stall = state.stall;
  if (stall.until == Tick::never()) return;
  if (wiring.clock().now < stall.until || stall.held_since) {
    stall.held_since = false;
    events.schedule(stall.until, "fault/stall_ends", [this, &state] { end_stall(state); });
    return;
  }
  stall = {};
  state.unusual = !state.waiting.empty();
}

void FaultInjector::Impl::hold(WireState& state, Crossing& crossing, Verdict& verdict) {
  Stall& stall = state.stall;
  if (verdict.copies == 0) return;
  crossing.flags |= Crossing::kInjected;
  ++stall.count;
  stall.bytes += crossing.payload->size();
  if (stall.until == Tick::never() || stall.count > kHeldCrossingsMax || stall.bytes > kHeldBytesMax) {
    verdict.copies = 0;
    crossing.flags |= Crossing::kDropped;
    return;
  }
  const Tick now = wiring.clock().now;
  if (now >= stall.until) stall.until = now + picoseconds(1);
  stall.held_since = true;
  verdict.delay = std::max(verdict.delay, stall.until - now);
  verdict.behind = 0;
  crossing.flags |= Crossing::kDelayed;
}

void FaultInjector::Impl::visit_state(StateVisitor& visitor) const {
  for (const Fault& fault : faults) {
    visitor.text("fault", fault.spec.text);
    visitor.number("times", fault.times);
    visitor.number("drawn", fault.drawn);
  }
  for (const auto& known : wires) {
    const WireState& state = *known;
    if (state.placed.empty() && !state.stall.active) continue;
    visitor.text("wire", state.wire->name());
    for (const PlacedFault& placed : state.placed) visitor.number("matched", placed.matched);
    if (!state.stall.active) continue;
    visitor.number("stalled_until", state.stall.until.ps);
    visitor.number("held_since", state.stall.held_since ? 1 : 0);
    visitor.number("held", state.stall.count);
    visitor.number("held_bytes", state.stall.bytes);
  }
  for (const auto& [number, made] : pending) {
    visitor.text(made.rewrite ? "rewrites" : "makes", made.wire->name());
    visitor.bytes("payload", made.payload);
  }
}

}  // namespace ringside
