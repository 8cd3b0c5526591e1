// Input: bytes that reach a guest from outside the machine. Whoever they come from (the scenario's script, a
// person at a terminal, a recorded session), they are delivered at one place of the run loop, after the
// events due, and recorded there with their exact time. A replay takes them from the session alone.
#pragma once

#include <poll.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "machine/scenario.h"
#include "sim/tick.h"

namespace ringside {

struct PendingInput {
  std::string wire;  // full name: "dom1/console/in"
  std::vector<uint8_t> bytes;
};

// Whatever gives input. Sources are asked in order at each stop of the run loop.
class InputSource {
 public:
  virtual ~InputSource() = default;
  // The next tick at which this source has something, as far as it knows; Tick::never() otherwise.
  virtual Tick next_tick() const = 0;
  // What is due at `now`, one at a time.
  virtual std::optional<PendingInput> take(Tick now, uint64_t instructions) = 0;
  // Whether something may still come although next_tick() is never() (a person at a terminal).
  virtual bool may_come() const { return false; }
  // What a wait for this source watches, and what it does when there is something: it reads, without waiting.
  virtual void add_descriptors(std::vector<pollfd>& into) const { (void)into; }
  virtual void look() {}
  // For a source without descriptors: the machine is idle until `until` (never: for good); the tick to go to.
  virtual Tick wait(Tick now, Tick until) {
    (void)now;
    return until;
  }
  // In a child of a fork that goes on as the machine: what belonged to the parent is this process's now.
  virtual void take_over() {}
};

// The machine is idle until `until`, and some of these may have something before: waits for all of them at
// once, until one has, or `stop` is set. Virtual time keeps pace with the host's meanwhile; returns the tick
// to go to.
Tick wait_for_input(std::span<InputSource* const> sources, Tick now, Tick until, const volatile bool* stop);

// The scenario's [[input]]: each waits for its text on the console of its domain, behind the place where the
// one before it matched, or for its time. They are taken in their order, per domain; those of a further
// console wait for texts on that one, in an order of their own.
class ScriptedInput : public InputSource {
 public:
  explicit ScriptedInput(const Scenario& scenario);
  // "dom1" for the domain's first console, "dom1/console1" for a further one.
  void on_console(const std::string& console, std::string_view bytes);

  Tick next_tick() const override;
  std::optional<PendingInput> take(Tick now, uint64_t instructions) override;

 private:
  struct Script {
    std::string console;  // as in on_console()
    std::deque<InputScenario> waiting;
    std::string unmatched;  // console output that no expectation has consumed
  };
  void match(Script& script);

  std::vector<Script> scripts_;
  std::deque<PendingInput> ready_;
};

}  // namespace ringside
