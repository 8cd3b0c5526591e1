#include "sim/fault/fault_injector.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/fault/injector_impl.h"

namespace ringside {

namespace {

bool has_wildcard(std::string_view glob) { return glob.find_first_of("*?") != glob.npos; }

}  // namespace

std::string FaultSite::place() const {
  std::string name = wire.name();
  for (char& c : name) {
    if (c == ' ' || c == '@' || c == '[' || c == ']' || c == '"' || c == ':') c = '?';
  }
  return fmt::format("{}@{}", name, nth);
}

FaultInjector::FaultInjector(Wiring& wiring, EventQueue& events, uint64_t seed)
    : impl_(std::make_unique<Impl>(*this, wiring, events, seed)) {
  wiring.set_first_tap(*this);
}

FaultInjector::~FaultInjector() { impl_->wiring.remove_tap(*this); }

// What the fault is on that wire, found once. An objection is remembered for check() and unmatched().
bool FaultInjector::Impl::settle(WireState& state, Fault& fault) {
  const auto object = [&](const Error& error) {
    if (fault.objection.empty()) fault.objection = error.message;
    return false;
  };
  auto strike = FaultStrike::create(fault.spec.action, *state.wire, targets);
  if (!strike) return object(strike.error());
  if (fault.spec.place.at) {
    if (!strikes_by_itself(strike->kind))
      return object({ExitCode::bad_input, fmt::format("{} needs a crossing, so it cannot stand at a time",
                                                      to_string(strike->kind))});
    fault.sensible = true;
    return true;
  }
  const FaultPlace& place = fault.spec.place;
  PlacedFault placed;
  placed.fault = &fault;
  placed.first = place.first;
  placed.last = place.last;
  placed.from = place.from;
  placed.until = place.until;
  placed.direction = place.direction;
  placed.narrow =
      place.direction || place.from != Tick{0} || place.until != Tick::never() || !place.after.empty();
  placed.chooses = place.every != 1 || place.chance_ppm != 1'000'000;
  placed.strike = std::move(*strike);
  for (const FaultCondition& given : fault.spec.place.conditions) {
    auto condition = FieldCondition::create(state.wire->payload_type(), given);
    if (!condition) return object(condition.error());
    placed.conditions.push_back(std::move(*condition));
  }
  fault.sensible = true;
  state.placed.push_back(std::move(placed));
  wiring.tap_first(*state.wire, true);
  return true;
}

// Before check() not all is known that a wire takes (who can crash), so what does not fit waits.
void FaultInjector::Impl::settle_waiting(WireState& state) {
  const std::vector<Fault*> waiting = std::move(state.waiting);
  state.waiting.clear();
  for (Fault* fault : waiting) {
    if (settle(state, *fault)) continue;
    if (!checked) {
      fault->objection.clear();
      state.waiting.push_back(fault);
    } else if (!has_wildcard(fault->spec.place.wire)) {
      refuse(*fault);
    }
  }
  state.unusual = !state.waiting.empty() || state.stall.active;
}

// A fault that was meant for this wire by name cannot be done on it, and the wire has come only now.
void FaultInjector::Impl::refuse(const Fault& fault) {
  std::vector<uint8_t> payload =
      fault_payload(kRefused, 0, wiring.clock().now, fault.spec.text + ": " + fault.objection);
  (void)fault_wire().pass(Direction::in, payload);
}

Wire& FaultInjector::Impl::fault_wire() {
  if (own_wire == nullptr) own_wire = &wiring.add("fault", WireKind::sampled, kFaultPayload);
  return *own_wire;
}

tl::unexpected<Error> FaultInjector::Impl::objection_to(const Fault& fault) const {
  return ringside::fail(fmt::format("fault '{}': {}", fault.spec.text, fault.objection));
}

bool FaultInjector::Impl::is_wrong(const Fault& fault) const {
  if (fault.objection.empty()) return false;
  return !fault.sensible || !has_wildcard(fault.spec.place.wire);
}

// All but what begins to act; taken back where it is wrong.
Result<> FaultInjector::Impl::place(FaultSpec spec) {
  for (const Fault& other : faults) {
    if (!spec.name.empty() && other.spec.name == spec.name)
      return ringside::fail(fmt::format("fault '{}': another fault has the name '{}': '{}'", spec.text,
                                        spec.name, other.spec.text));
  }
  Random stream = Random(seed).fork("fault/" + spec.text);
  Fault& fault = faults.emplace_back(std::move(spec), std::move(stream));
  for (const auto& state : wires) {
    if (!may_strike(*state, fault)) continue;
    fault.matched = true;
    (void)settle(*state, fault);
  }
  if (!is_wrong(fault)) return {};
  auto error = objection_to(fault);
  take_back();
  return error;
}

void FaultInjector::Impl::take_back() {
  for (const auto& state : wires) {
    if (!state->placed.empty() && state->placed.back().fault == &faults.back()) state->placed.pop_back();
    wiring.tap_first(*state->wire, wants(*state));
  }
  faults.pop_back();
}

Result<> FaultInjector::Impl::find_after(Fault& fault) {
  const std::string& after = fault.spec.place.after;
  if (after.empty()) return {};
  fault.after = find(after);
  if (fault.after != nullptr) return {};
  std::vector<std::string> names;
  for (const Fault& other : faults) {
    if (!other.spec.name.empty()) names.push_back(other.spec.name);
  }
  return ringside::fail(fmt::format("fault '{}': no fault is named '{}'{}", fault.spec.text, after,
                                    did_you_mean(near_names(after, names, 1))));
}

Result<> FaultInjector::try_on(const FaultSpec& fault) {
  SIM_TRY(impl_->place(fault));
  const Result<> found = impl_->find_after(impl_->faults.back());
  impl_->take_back();
  return found;
}

Result<> FaultInjector::add(FaultSpec spec) {
  Impl& impl = *impl_;
  SIM_TRY(impl.place(std::move(spec)));
  (void)impl.fault_wire();
  Impl::Fault& fault = impl.faults.back();
  if (fault.spec.place.at) {
    const Tick at = std::max(*fault.spec.place.at, impl.wiring.clock().now);
    impl.events.schedule(at, "fault/at", [&impl, &fault] { impl.strike_at_time(fault); });
  }
  return {};
}

Result<> FaultInjector::check() {
  Impl& impl = *impl_;
  impl.checked = true;
  for (const auto& state : impl.wires) impl.settle_waiting(*state);
  for (Impl::Fault& fault : impl.faults) {
    if (impl.is_wrong(fault)) return impl.objection_to(fault);
    SIM_TRY(impl.find_after(fault));
  }
  return {};
}

void FaultInjector::set_scout(FaultScout* scout) {
  impl_->scout = scout;
  for (const auto& state : impl_->wires) impl_->wiring.tap_first(*state->wire, impl_->wants(*state));
}

void FaultInjector::set_targets(FaultTargets* targets) { impl_->targets = targets; }
bool FaultInjector::empty() const { return impl_->faults.empty(); }

std::vector<std::string> FaultInjector::actions_of(const Wire& wire) const {
  return fault_actions_of(wire, impl_->targets);
}

void FaultInjector::on_wire_added(const Wire& wire) {
  Impl& impl = *impl_;
  // Wiring tells of each, in their order.
  impl.wires.push_back(std::make_unique<Impl::WireState>());
  Impl::WireState& state = *impl.wires.back();
  state.wire = &wire;
  for (Impl::Fault& fault : impl.faults) {
    if (!impl.may_strike(state, fault)) continue;
    fault.matched = true;
    state.waiting.push_back(&fault);
  }
  state.unusual = !state.waiting.empty();
  if (impl.wants(state)) impl.wiring.tap_first(wire, true);
}

void FaultInjector::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  impl_->on_crossing(*impl_->wires[wire.index()], crossing, verdict);
}

std::vector<FaultInjector::Struck> FaultInjector::struck() const {
  std::vector<Struck> all;
  for (const Impl::Fault& fault : impl_->faults) all.push_back({fault.spec.text, fault.times});
  return all;
}

std::vector<std::string> FaultInjector::unmatched() const {
  std::vector<std::string> messages;
  for (const Impl::Fault& fault : impl_->faults) {
    if (fault.sensible) continue;
    if (!fault.objection.empty()) {
      messages.push_back(fmt::format("fault '{}': {}", fault.spec.text, fault.objection));
      continue;
    }
    if (fault.matched) continue;
    const std::string& glob = fault.spec.place.wire;
    const bool says_domain = glob.starts_with("dom");
    std::vector<std::string> names;
    for (const auto& state : impl_->wires) {
      const std::string& name = state->wire->name();
      if (impl_->is_own(*state->wire)) continue;
      const size_t slash = name.find('/');
      const bool cut = !says_domain && name.starts_with("dom") && slash != name.npos;
      names.push_back(cut ? name.substr(slash + 1) : name);
    }
    messages.push_back(fmt::format("fault '{}': no wire matches '{}'{}", fault.spec.text, glob,
                                   did_you_mean(near_names(glob, names, 3))));
  }
  return messages;
}

void FaultInjector::visit_state(StateVisitor& visitor) const { impl_->visit_state(visitor); }

}  // namespace ringside
