// The queue of everything that will happen at a time. The tie-break is stated: events run by
// (tick, sequence), where the sequence is the order in which they were scheduled. An event scheduled for a
// time that has passed runs at the next opportunity, after those that were due before it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "sim/tick.h"

namespace ringside {

class EventQueue {
 public:
  using Action = std::function<void()>;
  struct Handle {
    Tick at;
    uint64_t sequence = 0;  // 0: no event
    explicit operator bool() const { return sequence != 0; }
  };

  // `name` is for diagnosis; it must outlive the event (a literal).
  Handle schedule(Tick at, const char* name, Action action);
  // Cancelling an event that has run, or was cancelled, does nothing.
  void cancel(Handle& handle);

  bool empty() const { return events_.empty(); }
  // Tick::never() when empty.
  Tick next_tick() const { return events_.empty() ? Tick::never() : events_.begin()->first.first; }
  // Runs all events due at or before `now`, those that they schedule for then included.
  void run_due(Tick now);

  // A hash over the ticks, order and names of what is pending.
  uint64_t digest() const;

 private:
  struct Event {
    const char* name;
    Action action;
  };
  std::map<std::pair<Tick, uint64_t>, Event> events_;
  uint64_t last_sequence_ = 0;
};

}  // namespace ringside
