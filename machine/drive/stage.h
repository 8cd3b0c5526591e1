// What stands under a driven backend in the place of a machine: time, events, wires.
#pragma once

#include <algorithm>

#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/wire.h"

namespace ringside {

struct DriveStage {
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};

  // Until then, with all that is due.
  void run_until(Tick at) {
    while (events.next_tick() <= at) run_next();
    clock.now = std::max(clock.now, at);
  }
  // The next events, whenever they are. False where there is none.
  bool run_next() {
    if (events.empty()) return false;
    clock.now = std::max(clock.now, events.next_tick());
    events.run_due(clock.now);
    return true;
  }
  // Until `done`, as long as something happens, and no longer than `limit` of virtual time.
  template <class Done>
  bool run_until_done(const Done& done, Tick limit) {
    const Tick end = saturating_add(clock.now, limit);
    while (!done()) {
      if (events.next_tick() > end || !run_next()) return done();
    }
    return true;
  }
};

// How long a backend may take for an answer that others wait for.
inline constexpr Tick kDriveAnswerLimit = seconds(60);

}  // namespace ringside
