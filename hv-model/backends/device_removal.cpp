#include "hv-model/backends/device_removal.h"

#include "hv-model/xenbus.h"

namespace ringside {

namespace {
constexpr Tick kLimit = seconds(10);  // LIBXL_DESTROY_TIMEOUT
constexpr const char* kToken = "device-removal";
}  // namespace

DeviceRemoval::DeviceRemoval(XenStoreClient& store, Hypervisor& hypervisor, const DevicePaths& paths,
                             bool forced, std::function<void()> closed, std::function<void()> late)
    : store_(store),
      hypervisor_(hypervisor),
      state_node_(paths.backend + "/state"),
      closed_(std::move(closed)) {
  if (forced) (void)store.remove(paths.frontend);
  if (parse_xenbus_state(store.read(state_node_).value_or("")) != XenbusState::closed)
    request_device_removal(store, paths);
  // It fires at once for the state that is there.
  (void)store.watch(state_node_, kToken, [this](const std::string&) { look(); });
  limit_ = hypervisor.events.schedule(saturating_add(hypervisor.clock.now, kLimit), "toolstack/detach",
                                      std::move(late));
}

DeviceRemoval::~DeviceRemoval() {
  hypervisor_.events.cancel(limit_);
  (void)store_.unwatch(state_node_, kToken);
}

void DeviceRemoval::look() {
  const auto state = store_.read(state_node_);
  if (state && parse_xenbus_state(*state) != XenbusState::closed) return;
  const auto closed = closed_;  // it may destroy this
  closed();
}

}  // namespace ringside
