// The first tap of every wire: it strikes the crossings that faults name. What it did stands in the
// crossing's flags, and in a crossing of its own on the wire "fault", before it; so a session shows it, and a
// replay, which has the same scenario and the same inputs, does it again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/event_queue.h"
#include "sim/fault/fault_spec.h"
#include "sim/state.h"

namespace ringside {

extern const PayloadType kFaultPayload;  // id 5: the action, the sequence of the crossing; the spec as text

// What is struck, or might be.
struct FaultSite {
  const Wire& wire;
  const Crossing& crossing;
  uint64_t nth;               // of all canonical crossings of this wire, from 1
  std::string place() const;  // the same in the grammar of faults: "dom1/ring/xvda/request@3"
};

// Who is asked at each site what to do there: a campaign (it forks, and answers in the child), a listing of
// sites. Called after the faults of the scenario have struck, and not for a wire on which no action makes
// sense.
class FaultScout {
 public:
  virtual ~FaultScout() = default;
  // Null: nothing. What it points to is used at once.
  virtual const FaultAction* on_site(const FaultSite& site) = 0;
};

// Backends that can die, for `crash`. The machine plays it.
class FaultTargets {
 public:
  virtual ~FaultTargets() = default;
  // The backend (or device) behind this wire dies now, from the event queue; after `back_after` (0: never) a
  // new one takes its place. False: nothing behind this wire can.
  virtual bool crash(const Wire& wire, Tick back_after) = 0;
  virtual bool can_crash(const Wire& wire) const = 0;
};

class FaultInjector : public Tap, public Stateful {
 public:
  // `seed` is the scenario's: chance() draws from a stream of its own for each fault.
  FaultInjector(Wiring& wiring, EventQueue& events, uint64_t seed);
  ~FaultInjector() override;

  // From now on. Wires may come later. What makes no sense on a wire is an error at once where the wire
  // exists and is meant by its name, or where a glob matches wires and it makes sense on none of them; on
  // wires that come it is a crossing "refused" on the wire "fault".
  Result<> add(FaultSpec fault);
  // What add() would say, without doing it; and a name that no fault has is an error here, too.
  Result<> try_on(const FaultSpec& fault);
  // The machine has been made: the errors that add() would have had for the wires that have come since, and
  // faults that wait for one of a name that no fault has.
  Result<> check();
  void set_scout(FaultScout* scout);
  void set_targets(FaultTargets* targets);
  bool empty() const;
  // fault_actions_of() this machine's wire: what can crash is known here.
  std::vector<std::string> actions_of(const Wire& wire) const;

  // After the machine has been made, and at the end of a run: faults whose glob matches no wire at all, each
  // with near names; empty when all is well.
  std::vector<std::string> unmatched() const;
  // How often each fault has struck, in the order of add().
  struct Struck {
    std::string text;
    uint64_t times;
  };
  std::vector<Struck> struck() const;

  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;
  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
