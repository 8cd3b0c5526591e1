#include "hv-model/recorded_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hv-model/payloads.h"
#include "sim/hash.h"

namespace ringside {

void EventRecording::learn(std::span<const uint8_t> payload, bool out, uint8_t flags, Tick at) {
  EventRecord record;
  if (payload.size() < sizeof record) return;
  std::memcpy(&record, payload.data(), sizeof record);
  const auto operation = static_cast<EventOperation>(record.operation);
  const auto state = static_cast<ChannelState>(record.state);
  std::vector<Channel>& uses = channels_[record.port];
  bool& open = open_[record.port];
  const auto begin = [&](bool bound_here) {
    Channel channel;
    channel.remote = record.remote_domain;
    channel.remote_port = record.remote_port;
    channel.bound_here = bound_here;
    channel.sent_at = at;
    channel.steps.resize(1);
    uses.push_back(std::move(channel));
    open = true;
  };
  switch (operation) {
    case EventOperation::alloc_unbound: return begin(false);
    case EventOperation::bind_interdomain:
      if (out) return begin(true);
      if (open) uses.back().steps.back().push_back({at - uses.back().sent_at, true, record.remote_port});
      return;
    case EventOperation::close:
      if (out) open = false;
      return;
    case EventOperation::send:
      if (!open || !out) return;
      uses.back().steps.emplace_back();
      uses.back().sent_at = at;
      return;
    case EventOperation::deliver:
      // A fault's doing is not the other end's.
      if (!open || (flags & Crossing::kDropped) != 0 || state != ChannelState::interdomain) return;
      // Xen raises one for the end that binds.
      if (uses.back().bound_here && !std::exchange(uses.back().told, true)) return;
      uses.back().steps.back().push_back({at - uses.back().sent_at});
      return;
    default: return;
  }
}

RecordedEvents::RecordedEvents(Hypervisor& hypervisor, std::string source, UnansweredRequests& unanswered)
    : hypervisor_(hypervisor), source_(std::move(source)), unanswered_(unanswered) {}

RecordedEvents::~RecordedEvents() {
  for (auto& [domain, side] : sides_) {
    for (auto& [port, live] : side.live) {
      for (auto& [number, event] : live.pending) hypervisor_.events.cancel(event);
    }
  }
}

void RecordedEvents::add(DomainId domain, EventRecording recording) {
  sides_[domain].recording = std::move(recording);
}

void RecordedEvents::cannot_answer(DomainId domain, const std::string& request, const std::string& why) {
  unanswered_.add("events", request, why);
  if (Domain* owner = hypervisor_.find_domain(domain)) {
    owner->notices.emit(NoticeKind::unhandled, "events",
                        fmt::format("{} cannot answer {}: {}", source_, request, why));
  }
}

void RecordedEvents::start(DomainId domain, EventPort port, DomainId remote, bool bound_here) {
  const auto found = sides_.find(domain);
  if (found == sides_.end()) return;
  Side& side = found->second;
  closed(domain, port);
  history_hash_ = hash_mix(hash_mix(history_hash_, port.value), hypervisor_.clock.now.ps);
  Live& live = side.live[port.value];
  const uint32_t use = side.uses[port.value]++;
  const auto recorded = side.recording.channels_.find(port.value);
  if (recorded != side.recording.channels_.end() && use < recorded->second.size()) {
    const auto& channel = recorded->second[use];
    if (channel.remote == remote.value && channel.bound_here == bound_here) live.recorded = &channel;
  }
  if (live.recorded == nullptr) {
    return cannot_answer(domain,
                         fmt::format("{} of port {} for domain {}", bound_here ? "binding" : "allocation",
                                     port.value, remote.value),
                         "the recording has no such channel at this port");
  }
  start_steps(domain, port, live, 0);
}

void RecordedEvents::allocated(DomainId domain, EventPort port, DomainId remote) {
  start(domain, port, remote, false);
}

bool RecordedEvents::can_bind(DomainId domain, DomainId remote, EventPort remote_port) {
  const auto side = sides_.find(domain);
  if (side == sides_.end()) return false;
  for (const auto& [port, uses] : side->second.recording.channels_) {
    for (const auto& channel : uses) {
      if (channel.bound_here && channel.remote == remote.value && channel.remote_port == remote_port.value)
        return true;
    }
  }
  cannot_answer(domain, fmt::format("binding to port {} of domain {}", remote_port.value, remote.value),
                "nobody has bound to it");
  return false;
}

void RecordedEvents::bound(DomainId domain, EventPort port, DomainId remote, EventPort) {
  start(domain, port, remote, true);
}

void RecordedEvents::sent(DomainId domain, EventPort port) {
  const auto side = sides_.find(domain);
  if (side == sides_.end()) return;
  const auto found = side->second.live.find(port.value);
  if (found == side->second.live.end() || found->second.recorded == nullptr) return;
  Live& live = found->second;
  ++live.sends;
  history_hash_ = hash_mix(hash_mix(history_hash_, ~uint64_t{port.value}), hypervisor_.clock.now.ps);
  if (live.sends >= live.recorded->steps.size()) {
    const uint64_t recorded = live.recorded->steps.size() - 1;
    return cannot_answer(domain, fmt::format("event {} on port {}", live.sends, port.value),
                         fmt::format("the recorded domain sent {}", recorded));
  }
  start_steps(domain, port, live, live.sends);
}

// In the recorded order, however close the domain's own sends are.
void RecordedEvents::start_steps(DomainId domain, EventPort port, Live& live, uint32_t sends) {
  for (const EventRecording::Step& step : live.recorded->steps[sends]) {
    live.last_due = std::max(live.last_due, saturating_add(hypervisor_.clock.now, step.delay));
    const uint64_t number = ++last_number_;
    live.pending[number] = hypervisor_.events.schedule(live.last_due, "recorded event",
                                                       [this, domain, port, number, &live, &step] {
                                                         live.pending.erase(number);
                                                         take_step(domain, port, step);
                                                       });
  }
}

void RecordedEvents::take_step(DomainId domain, EventPort port, const EventRecording::Step& step) {
  const auto& recorded = *sides_[domain].live[port.value].recorded;
  if (step.binds) {
    hypervisor_.channels.bind_from_outside(domain, port, DomainId{recorded.remote},
                                           EventPort{step.remote_port});
  } else {
    hypervisor_.channels.deliver_from_outside(domain, port);
  }
}

void RecordedEvents::closed(DomainId domain, EventPort port) {
  const auto side = sides_.find(domain);
  if (side == sides_.end()) return;
  const auto live = side->second.live.find(port.value);
  if (live == side->second.live.end()) return;
  for (auto& [number, event] : live->second.pending) hypervisor_.events.cancel(event);
  side->second.live.erase(live);
}

void RecordedEvents::visit_state(StateVisitor& visitor) const {
  visitor.number("history", history_hash_);
  for (const auto& [domain, side] : sides_) {
    for (const auto& [port, live] : side.live) {
      uint64_t value = hash_mix(port, live.sends);
      value = hash_mix(hash_mix(value, live.last_due.ps), live.pending.size());
      visitor.number(fmt::format("dom{}/port{}", domain.value, port), value);
    }
  }
}

}  // namespace ringside
