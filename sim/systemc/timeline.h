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

  // Runs `body` as the SC_THREAD and returns when it has returned. Call it once.
  void run(std::function<void()> body);

  // --- Within the body ---
  // The earliest tick at which anything but the guest wants to act.
  Tick next_tick() const;
  // Moves SystemC's time and the clock to `to` (never back), then runs all events due by then.
  void advance_to(Tick to);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// "2.3.4", as loaded.
std::string systemc_version();

}  // namespace ringside
