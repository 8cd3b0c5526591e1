// Virtual time on the SystemC kernel. The machine's run loop is the body of one SC_THREAD; the event queue
// and any SystemC module (a device's shell, or somebody's own TLM model) share its time.
//
// Order at one tick: SystemC's processes first, then our events by (tick, sequence), then instructions.
// This header includes no SystemC, so that only sim/systemc/ and shells pay for it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sim/clock.h"
#include "sim/event_queue.h"

namespace ringside {

class Timeline {
 public:
  // Each Timeline is a SystemC simulation of its own: several machines live in one process.
  Timeline();
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  Clock& clock();
  const Clock& clock() const;
  EventQueue& events();

  // Makes this the simulation in which SystemC modules are constructed.
  void enter();

  // Runs `body` as the SC_THREAD and returns when it has returned. Call it once. False when a process of a
  // module ended the simulation by an error: then `failure()` says which, and the body was left where it was.
  bool run(std::function<void()> body);
  // The same for a body that pauses: it returns false when it wants to be called again, by another
  // run_part(). Modules do not hear of a pause.
  bool run_part(std::function<bool()> body);
  const std::string& failure() const;

  // --- Within the body ---
  // The earliest tick at which anything but the guest wants to act.
  Tick next_tick() const;
  // Moves the clock to `to` (never back), and lets everything due by then happen in its order: SystemC's
  // processes and our events. Where no process wants to act, SystemC's time lags behind the clock.
  void advance_to(Tick to);
  // Brings SystemC's own time to the clock, for whoever is about to call a module or to change a signal.
  // Does nothing unless the body called, directly or through what it calls.
  void catch_up_modules();
  // Lets signals that have just been written take their values. The same holds.
  void settle_signals();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "2.3.4", as loaded.
std::string systemc_version();

}  // namespace ringside
