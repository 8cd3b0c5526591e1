#include "sim/event_queue.h"

#include "sim/hash.h"

namespace ringside {

EventQueue::Handle EventQueue::schedule(Tick at, const char* name, Action action) {
  const Handle handle{at, ++last_sequence_};
  events_.emplace(std::pair(handle.at, handle.sequence), Event{name, std::move(action)});
  return handle;
}

void EventQueue::cancel(Handle& handle) {
  if (handle) events_.erase(std::pair(handle.at, handle.sequence));
  handle = {};
}

void EventQueue::run_due(Tick now) {
  while (!events_.empty() && events_.begin()->first.first <= now) {
    auto node = events_.extract(events_.begin());
    node.mapped().action();
  }
}

uint64_t EventQueue::digest() const {
  uint64_t running = last_sequence_;
  for (const auto& [key, event] : events_) {
    running = hash_mix(running, key.first.ps);
    running = hash_mix(running, key.second);
    running = hash_mix(running, hash64(std::string_view(event.name)));
  }
  return running;
}

}  // namespace ringside
