#include "hv-model/backends/backend_death.h"

#include <algorithm>

namespace ringside {

BackendDeath::BackendDeath(XenStoreClient& store, Hypervisor& hypervisor, const DevicePaths& paths,
                           Tick back_after, std::function<void()> come_back)
    : events_(hypervisor.events), paths_(paths) {
  const Tick gone = saturating_add(hypervisor.clock.now, kTeardown);
  teardown_ = events_.schedule(gone, "toolstack/backend_gone", [this, &store] {
    teardown_ = {};
    (void)store.remove(paths_.backend);
  });
  if (back_after.ps == 0) return;
  const Tick back = std::max(gone, saturating_add(hypervisor.clock.now, back_after));
  return_ = events_.schedule(back, "toolstack/backend_back", [this, then = std::move(come_back)] {
    return_ = {};
    const auto last = then;  // it may destroy this
    last();
  });
}

BackendDeath::~BackendDeath() {
  events_.cancel(teardown_);
  events_.cancel(return_);
}

void BackendDeath::visit_state(StateVisitor& visitor) const {
  visitor.number("backend_gone_at", teardown_.at.ps);
  visitor.number("backend_back_at", return_.at.ps);
}

}  // namespace ringside
