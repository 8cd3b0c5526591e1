// What faults do to events: copies, lateness, and events that nobody sent.
#include <algorithm>
#include <cstring>

#include "hv-model/event_channels.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"

namespace ringside {

void EventChannels::release(DomainId wired, const Verdict& verdict, DomainId domain, EventPort port,
                            const std::function<void()>& action) {
  Verdict one = verdict;
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (one.punctual()) {
      action();
    } else {
      // A port that is closed while the event is under way has lost it.
      tables_[wired].wire->release(one, "delayed event", [this, domain, port, action] {
        const Channel* target = channel(domain, port);
        if (target && target->state > ChannelState::reserved) action();
      });
    }
    if (one.behind == 0) one.delay = saturating_add(one.delay, kRepeatSpacing);
  }
}

// One that nobody sent: from the domain where the operation is `send`, else to it. Port 0 stands for all that
// are in use.
void EventChannels::raise_spurious(Domain& domain, std::span<const uint8_t> payload) {
  EventRecord record;
  std::memcpy(&record, payload.data(), std::min(payload.size(), sizeof record));
  const auto raise = [&](uint32_t port) {
    const Channel* target = channel(domain.id, {port});
    if (!target || target->state <= ChannelState::reserved) return;
    if (record.operation == static_cast<uint8_t>(EventOperation::send)) {
      (void)send(domain.id, {port});
    } else {
      deliver(domain, {port});
    }
  };
  if (record.port != 0) return raise(record.port);
  const size_t ports = tables_[domain.id].channels.size();
  for (uint32_t port = 1; port < ports; ++port) raise(port);
}

}  // namespace ringside
