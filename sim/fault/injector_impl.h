// The parts of the fault injector, for sim/fault/*.cpp only.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/fault/fault_injector.h"
#include "sim/fault/fault_strike.h"
#include "sim/fault/payload_field.h"
#include "sim/near_names.h"
#include "sim/random.h"

namespace ringside {

// What stands in a crossing of the wire "fault".
inline constexpr uint8_t kRefused = 255;
std::vector<uint8_t> fault_payload(uint8_t action, uint64_t sequence, Tick at, std::string_view text);

// Those that need no crossing.
constexpr bool strikes_by_itself(FaultKind kind) {
  return kind == FaultKind::spurious || kind == FaultKind::crash || kind == FaultKind::stall;
}

struct FaultInjector::Impl {
  struct Fault {
    Fault(FaultSpec given, Random given_stream) : spec(std::move(given)), stream(given_stream) {}
    FaultSpec spec;
    Random stream;
    uint64_t drawn = 0;  // from the stream
    uint64_t times = 0;
    uint64_t first_struck = 0;  // the sequence of that crossing
    const Fault* after = nullptr;
    bool matched = false;   // a wire
    bool sensible = false;  // on a wire
    std::string objection;  // why it is not on another
  };

  // A fault on one of the wires that it matches. What decides at each crossing stands together.
  struct PlacedFault {
    Fault* fault = nullptr;
    uint64_t matched = 0;  // crossings
    uint64_t first = 1, last = UINT64_MAX;
    Tick from, until;
    std::optional<Direction> direction;
    bool narrow = false;   // by direction, time or after()
    bool chooses = false;  // by every() or chance()
    std::vector<FieldCondition> conditions;
    FaultStrike strike;
  };

  struct Stall {
    Tick until;  // never: for ever
    bool active = false;
    bool held_since = false;  // since the event of its end was scheduled
    uint64_t count = 0, bytes = 0;
  };

  struct WireState {
    const Wire* wire = nullptr;
    uint64_t crossings = 0;
    bool unusual = false;         // it has waiting faults, or is stalled
    std::vector<Fault*> waiting;  // faults that match, until the wire's first crossing or check()
    std::vector<PlacedFault> placed;
    Stall stall;
  };

  // Made by a spurious or rewriting fault, and not done yet.
  struct Pending {
    const Wire* wire;
    bool rewrite;
    std::vector<uint8_t> payload;
  };

  Impl(FaultInjector& the_owner, Wiring& the_wiring, EventQueue& the_events, uint64_t the_seed)
      : owner(the_owner), wiring(the_wiring), events(the_events), seed(the_seed) {}

  // --- placing (fault_injector.cpp) ---
  Result<> place(FaultSpec spec);
  void take_back();
  Result<> find_after(Fault& fault);
  bool settle(WireState& state, Fault& fault);
  void settle_waiting(WireState& state);
  void refuse(const Fault& fault);
  bool is_own(const Wire& wire) const { return &wire.payload_type() == &kFaultPayload; }
  Wire& fault_wire();
  tl::unexpected<Error> objection_to(const Fault& fault) const;
  bool is_wrong(const Fault& fault) const;
  bool may_strike(const WireState& state, const Fault& fault) const {
    return !is_own(*state.wire) && wire_matches(fault.spec.place.wire, state.wire->name());
  }
  bool wants(const WireState& state) const {
    if (is_own(*state.wire)) return false;
    return scout != nullptr || !state.waiting.empty() || !state.placed.empty() || state.stall.active;
  }
  const Fault* find(std::string_view name) const {
    for (const Fault& fault : faults) {
      if (fault.spec.name == name) return &fault;
    }
    return nullptr;
  }

  // --- striking (injector_strikes.cpp) ---
  void on_crossing(WireState& state, Crossing& crossing, Verdict& verdict);
  static bool is_due(PlacedFault& placed, const Crossing& crossing) {
    if (placed.narrow && !is_within(placed, crossing)) return false;
    for (const FieldCondition& condition : placed.conditions) {
      if (!condition.matches(*crossing.payload)) return false;
    }
    const uint64_t n = ++placed.matched;
    if (n < placed.first || n > placed.last) return false;
    return !placed.chooses || is_chosen(placed, n);
  }
  static bool is_within(const PlacedFault& placed, const Crossing& crossing);
  static bool is_chosen(PlacedFault& placed, uint64_t n);
  // `first` of the wire's faults is due; which of those behind it are is asked here.
  void strike(WireState& state, size_t first, Crossing& crossing, Verdict& verdict);
  void ask_scout(WireState& state, Crossing& crossing, Verdict& verdict);
  void strike_at_time(Fault& fault);
  // What is not done on the crossing itself. `payload`: what a spurious one or a rewritten entry begins as.
  void act(WireState& state, const FaultStrike& strike, std::span<const uint8_t> payload);
  void make(const Wire& wire, bool rewrite, Tick at, std::vector<uint8_t> payload);
  void make_pending(uint64_t number);
  void begin_stall(WireState& state, Tick time);
  void end_stall(WireState& state);
  void hold(WireState& state, Crossing& crossing, Verdict& verdict);
  void visit_state(StateVisitor& visitor) const;

  FaultInjector& owner;
  Wiring& wiring;
  EventQueue& events;
  const uint64_t seed;
  FaultScout* scout = nullptr;
  FaultTargets* targets = nullptr;
  Wire* own_wire = nullptr;                       // "fault"; made with the first fault
  std::deque<Fault> faults;                       // they point at each other
  std::vector<std::unique_ptr<WireState>> wires;  // by Wire::index(); null until the injector has heard of it
  std::map<uint64_t, Pending> pending;
  uint64_t last_pending = 0;
  const Wire* making = nullptr;  // its stimulus or rewriter is at work: what passes is nobody's to strike
  bool checked = false;
};

}  // namespace ringside
