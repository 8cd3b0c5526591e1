// The toolstack's side: the nodes that it writes (libxl_nic.c), attaching and detaching. The device itself
// (net_device.h) is made when the nodes are there and goes when they go.
#include "hv-model/backends/net/net_backend.h"

#include <fmt/format.h>

#include <utility>

#include "host/network/internet.h"
#include "hv-model/backends/backend_death.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/backends/net/net_device.h"

namespace ringside {

namespace {

constexpr const char* kScript = "/etc/xen/scripts/vif-bridge";
// What a hotplug script takes, and how long libxl waits for a device to close (LIBXL_DESTROY_TIMEOUT).
constexpr Tick kScriptTime = milliseconds(50);
constexpr Tick kDetachTimeout = seconds(10);

// libxl__set_xenstore_nic.
StoreNodes backend_nodes(const NetBackendConfig& config) {
  StoreNodes backend{{"script", kScript}, {"mac", to_string(config.mac)}};
  if (config.rate_interval_usec != 0)
    backend.emplace_back("rate", fmt::format("{},{}", config.rate_bytes, config.rate_interval_usec));
  if (config.mtu != 1500) backend.emplace_back("mtu", fmt::format("{}", config.mtu));
  backend.insert(backend.end(), {{"bridge", config.bridge},
                                 {"handle", fmt::format("{}", config.handle)},
                                 {"type", "vif"},
                                 {"hotplug-status", ""}});
  return backend;
}

void create_nodes(XenStoreClient& store, const DevicePaths& paths, DomainId frontend,
                  const NetBackendConfig& config) {
  create_device_nodes(store, paths, frontend,
                      {{"handle", fmt::format("{}", config.handle)},
                       {"mac", to_string(config.mac)},
                       {"trusted", "1"},
                       {"mtu", fmt::format("{}", config.mtu)}},
                      backend_nodes(config));
  // The frontend may read its MTU, and not write it.
  (void)store.set_permissions(paths.frontend + "/mtu", {"n0", fmt::format("r{}", frontend.value)});
}

}  // namespace

NetBackend::NetBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, SwitchPort& port,
                       const NetBackendConfig& config)
    : hypervisor_(hypervisor), store_(store), frontend_(frontend), port_(port), config_(config) {
  port_.set_link(false);
}

NetBackend::~NetBackend() {
  for (EventQueue::Handle* handle : {&script_, &removal_, &detach_limit_}) hypervisor_.events.cancel(*handle);
}

bool NetBackend::attached() const { return device_ != nullptr || death_ != nullptr; }

void NetBackend::create(bool script_has_run) {
  const DevicePaths paths = device_paths("vif", frontend_.id, config_.handle);
  create_nodes(store_, paths, frontend_.id, config_);
  make_device(paths, script_has_run);
}

void NetBackend::make_device(const DevicePaths& paths, bool script_has_run) {
  device_ = std::make_unique<NetDevice>(hypervisor_, store_, frontend_, port_, config_, paths,
                                        [this] { forget_later(); });
  const auto script_done = [this, node = paths.backend + "/hotplug-status"] {
    script_ = {};
    (void)store_.write(node, "connected");
  };
  if (script_has_run) return script_done();
  script_ = hypervisor_.events.schedule(saturating_add(hypervisor_.clock.now, kScriptTime),
                                        "toolstack/vif_script", script_done);
}

void NetBackend::attach() {
  if (!attached()) create(true);
}

void NetBackend::attach_running() {
  if (!attached()) create(false);
}

// The device's destructor ends its channels and mappings, and writes nothing.
void NetBackend::crash(Tick back_after) {
  if (!device_) return;
  const DevicePaths paths = device_->paths();
  hypervisor_.events.cancel(script_);
  // The toolstack's detaching goes on: it finds nothing to wait for.
  const bool leaving = static_cast<bool>(removal_) || static_cast<bool>(detach_limit_);
  device_.reset();
  death_ = std::make_unique<BackendDeath>(
      store_, hypervisor_, paths, leaving ? Tick{} : back_after, [this, paths] {
        create_backend_nodes(store_, paths, frontend_.id, backend_nodes(config_));
        make_device(paths, false);
        death_.reset();
      });
  if (leaving) forget_later();
}

void NetBackend::detach(bool forced) {
  if (!attached()) return;
  // Nobody is left to close a dead one.
  if (!device_) return forget();
  request_device_removal(store_, device_->paths());
  if (forced) return forget();
  if (device_->removed() || device_->state() == XenbusState::closed) return device_->remove();
  hypervisor_.events.cancel(detach_limit_);
  detach_limit_ = hypervisor_.events.schedule(
      saturating_add(hypervisor_.clock.now, kDetachTimeout), "toolstack/detach_limit", [this] {
        detach_limit_ = {};
        if (!device_ || device_->removed()) return;
        device_->interface().notice(
            NoticeKind::unusual, "the device cannot be detached: its frontend did not close it within 10s");
      });
}

// The toolstack runs its script once more, then forgets the device.
void NetBackend::forget_later() {
  hypervisor_.events.cancel(removal_);
  removal_ = hypervisor_.events.schedule(saturating_add(hypervisor_.clock.now, kScriptTime),
                                         "toolstack/vif_removed", [this] { forget(); });
}

// The device's end: the interface goes, then both ends' nodes.
void NetBackend::forget() {
  for (EventQueue::Handle* handle : {&script_, &removal_, &detach_limit_}) hypervisor_.events.cancel(*handle);
  const DevicePaths paths = device_ ? device_->paths() : death_->paths();
  device_.reset();
  death_.reset();
  remove_device_nodes(store_, paths);
}

void NetBackend::visit_state(StateVisitor& visitor) const {
  visitor.number("attached", attached());
  visitor.number("script", script_.at.ps);
  visitor.number("removal", removal_.at.ps);
  visitor.number("detach_limit", detach_limit_.at.ps);
  if (device_) device_->visit_state(visitor);
  if (death_) death_->visit_state(visitor);
}

}  // namespace ringside
