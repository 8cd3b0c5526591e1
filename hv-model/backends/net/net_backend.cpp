// The XenBus side: the nodes that the toolstack writes (libxl_nic.c), and the walk of states of
// drivers/net/xen-netback/xenbus.c. The device itself is made when the toolstack has written its nodes and
// goes when they go.
#include "hv-model/backends/net/net_backend.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "host/network/internet.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/backends/net/net_interface.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"
#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr const char* kScript = "/etc/xen/scripts/vif-bridge";
constexpr const char* kWatchToken = "vif";
// What a hotplug script takes, and how long libxl waits for a device to close (LIBXL_DESTROY_TIMEOUT).
constexpr Tick kScriptTime = milliseconds(50);
constexpr Tick kDetachTimeout = seconds(10);

// libxl__set_xenstore_nic.
void create_nodes(XenStoreClient& store, const DevicePaths& paths, DomainId frontend,
                  const NetBackendConfig& config) {
  const std::string handle = fmt::format("{}", config.handle), mac = to_string(config.mac);
  StoreNodes backend{{"script", kScript}, {"mac", mac}};
  if (config.rate_interval_usec != 0)
    backend.emplace_back("rate", fmt::format("{},{}", config.rate_bytes, config.rate_interval_usec));
  if (config.mtu != 1500) backend.emplace_back("mtu", fmt::format("{}", config.mtu));
  backend.insert(backend.end(),
                 {{"bridge", config.bridge}, {"handle", handle}, {"type", "vif"}, {"hotplug-status", ""}});
  create_device_nodes(
      store, paths, frontend,
      {{"handle", handle}, {"mac", mac}, {"trusted", "1"}, {"mtu", fmt::format("{}", config.mtu)}}, backend);
  // The frontend may read its MTU, and not write it.
  (void)store.set_permissions(paths.frontend + "/mtu", {"n0", fmt::format("r{}", frontend.value)});
}

// xen_net_read_rate: "bytes,usec", or no limit.
NetRate parse_rate(std::string_view text) {
  uint64_t bytes = 0, usec = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, bytes);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ',') return {};
  const auto second = std::from_chars(first.ptr + 1, end, usec);
  if (second.ec != std::errc{} || second.ptr != end) return {};
  return {bytes, std::min<uint64_t>(usec, 1'000'000'000)};
}

// xen_net_read_mac.
bool is_mac(std::string_view text) {
  for (int i = 0; i < 6; ++i) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), byte, 16);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (i == 5) return text.empty();
    if (!text.starts_with(':')) return false;
    text.remove_prefix(1);
  }
  return false;
}

}  // namespace

struct NetBackend::Device final : XenbusDevice {
  Device(NetBackend& the_owner, DevicePaths the_paths)
      : XenbusDevice(the_owner.store_, the_paths.backend, the_paths.frontend),
        owner(the_owner),
        paths(std::move(the_paths)),
        interface(the_owner.hypervisor_, the_owner.frontend_, the_owner.port_, the_owner.config_) {
    announce();
    backend_switch_state(XenbusState::init_wait);
    watch_other_end();
  }
  ~Device() override {
    unwatch_nodes();
    unwatch_hotplug();
  }

  void announce();
  void other_end_changed(XenbusState seen) override;
  void set_backend_state(XenbusState wanted);
  void backend_switch_state(XenbusState state);
  void connect();
  bool connect_control();
  bool connect_queues(uint32_t count);
  bool connect_queue(const std::string& folder, bool several);
  void read_features();
  bool frontend_flag(std::string_view name, bool missing = false);
  void read_rate();
  void disconnect();
  void remove();
  void watch_nodes();
  void unwatch_nodes();
  void watch_hotplug();
  void unwatch_hotplug();

  void visit_state(StateVisitor& visitor) const override;

  NetBackend& owner;
  const DevicePaths paths;
  NetInterface interface;
  // What the backend is in; the node lags behind it while the hotplug script runs.
  XenbusState backend_state = XenbusState::initialising;
  bool watching_nodes = false, watching_hotplug = false;
  bool failed = false;   // connecting has failed: there is an error in XenStore
  bool removed = false;  // the device is gone: only the toolstack can bring it back
};

// netback_probe.
void NetBackend::Device::announce() {
  const NetBackendConfig& config = owner.config_;
  const char* gso = config.gso ? "1" : "0";
  const char* multicast = config.multicast_control ? "1" : "0";
  for (const auto& [name, value] :
       StoreNodes{{"feature-sg", "1"},
                  {"feature-gso-tcpv4", gso},
                  {"feature-gso-tcpv6", gso},
                  {"feature-ipv6-csum-offload", "1"},
                  {"feature-rx-copy", "1"},
                  {"feature-rx-flip", "0"},
                  {"feature-multicast-control", multicast},
                  {"feature-dynamic-multicast-control", multicast},
                  {"feature-split-event-channels", config.split_event_channels ? "1" : "0"},
                  {"multi-queue-max-queues", fmt::format("{}", config.queues_max)},
                  {"feature-ctrl-ring", config.control_ring ? "1" : "0"}}) {
    write_own(name, value);
  }
}

// frontend_changed.
void NetBackend::Device::other_end_changed(XenbusState seen) {
  if (removed) return;
  switch (seen) {
    case XenbusState::initialising: set_backend_state(XenbusState::init_wait); break;
    case XenbusState::initialised: break;
    case XenbusState::connected: set_backend_state(XenbusState::connected); break;
    case XenbusState::closing: set_backend_state(XenbusState::closing); break;
    case XenbusState::closed:
      set_backend_state(XenbusState::closed);
      if (read_own("online").value_or("0") != "1") remove();
      break;
    case XenbusState::unknown: remove(); break;
    default: fail(XEN_EINVAL, fmt::format("saw state {} at frontend", static_cast<unsigned>(seen))); break;
  }
}

// Goes there by the shortest way that xen-netback's essay above set_backend_state allows.
void NetBackend::Device::set_backend_state(XenbusState wanted) {
  using enum XenbusState;
  while (backend_state != wanted) {
    switch (backend_state) {
      case initialising: backend_switch_state(wanted == closed ? closed : init_wait); break;
      case closed: backend_switch_state(wanted == closing ? closing : init_wait); break;
      case init_wait:
        if (wanted != connected) {
          backend_switch_state(closing);
          break;
        }
        connect();
        // DEVIATES: xen-netback - it writes Connected behind the Closing of an error. Here the error stands.
        if (failed) {
          backend_state = closing;
          return;
        }
        backend_switch_state(connected);
        break;
      case connected:
        disconnect();
        backend_switch_state(closing);
        break;
      default: backend_switch_state(closed); break;
    }
  }
}

void NetBackend::Device::backend_switch_state(XenbusState state) {
  backend_state = state;
  if (!watching_hotplug) switch_state(state);
}

void NetBackend::Device::connect() {
  const uint32_t queues_max = owner.config_.queues_max;
  const auto text = read_other("multi-queue-num-queues");
  const uint32_t queues = text ? parse_unsigned(*text).value_or(1) : 1;
  failed = true;
  if (queues > queues_max) {
    return fail(XEN_EINVAL,
                fmt::format("guest requested {} queues, exceeding the maximum of {}.", queues, queues_max));
  }
  if (!is_mac(read_own("mac").value_or("")))
    return fail(XEN_ENOENT, fmt::format("parsing {}/mac", own_path()));
  read_features();
  read_rate();
  unwatch_nodes();
  watch_nodes();
  if (!connect_control()) return disconnect();
  if (queues == 0) {
    fail(XEN_ENOMEM, "allocating queues");
    return disconnect();
  }
  if (!connect_queues(queues)) return disconnect();
  failed = false;
  interface.start();
  unwatch_hotplug();
  watch_hotplug();
}

// read_xenbus_vif_flags. A frontend that does not ask for copies gets them all the same, with what holds for
// one that says nothing.
void NetBackend::Device::read_features() {
  NetFeatures features;
  if (!frontend_flag("request-rx-copy")) {
    interface.notice(NoticeKind::unusual,
                     "the frontend does not write request-rx-copy: its other features are not read");
    return interface.set_features(features);
  }
  if (!frontend_flag("feature-rx-notify")) {
    features.drain_timeout = milliseconds(30);
    features.stall_timeout = {};
  }
  features.can_sg = frontend_flag("feature-sg");
  features.gso_tcpv4 = frontend_flag("feature-gso-tcpv4");
  features.gso_tcpv6 = frontend_flag("feature-gso-tcpv6");
  features.ip_csum = !frontend_flag("feature-no-csum-offload");
  features.ipv6_csum = frontend_flag("feature-ipv6-csum-offload");
  interface.set_features(features);
}

bool NetBackend::Device::frontend_flag(std::string_view name, bool missing) {
  const auto text = read_other(name);
  const auto number = text ? parse_unsigned(*text) : std::nullopt;
  return number ? *number != 0 : missing;
}

void NetBackend::Device::read_rate() {
  const auto text = read_own("rate");
  interface.set_rate(text ? parse_rate(*text) : NetRate{});
}

// connect_ctrl_ring.
bool NetBackend::Device::connect_control() {
  const auto text = read_other("ctrl-ring-ref");
  const auto reference = text ? parse_unsigned(*text) : std::nullopt;
  if (!reference) return true;  // the frontend has none
  const auto port_text = read_other("event-channel-ctrl");
  const auto port = port_text ? parse_unsigned(*port_text) : std::nullopt;
  int64_t error = port_text ? XEN_ERANGE : XEN_ENOENT;
  if (!port) {
    fail(error, fmt::format("reading {}/event-channel-ctrl", other_path()));
  } else {
    error = -interface.connect_control(GrantRef{*reference}, EventPort{*port});
    if (error == 0) return true;
    fail(error, fmt::format("mapping shared-frame {} port {}", *reference, *port));
  }
  fail(error, "connecting control ring");
  return false;
}

bool NetBackend::Device::connect_queues(uint32_t count) {
  if (count == 1) return connect_queue(other_path(), false);
  for (uint32_t i = 0; i < count; ++i) {
    if (!connect_queue(fmt::format("{}/queue-{}", other_path(), i), true)) return false;
  }
  return true;
}

// connect_data_rings.
bool NetBackend::Device::connect_queue(const std::string& folder, bool several) {
  bool there = true;
  const auto number = [&](std::string_view name) -> std::optional<uint32_t> {
    const auto text = store().read(fmt::format("{}/{}", folder, name));
    there = there && text.has_value();
    return text ? parse_unsigned(*text) : std::nullopt;
  };
  const auto tx_ring = number("tx-ring-ref"), rx_ring = number("rx-ring-ref");
  if (!tx_ring || !rx_ring) {
    fail(there ? XEN_EINVAL : XEN_ENOENT, fmt::format("reading {}/ring-ref", folder));
    return false;
  }
  // Split event channels first, then a single one.
  auto tx_port = number("event-channel-tx"), rx_port = number("event-channel-rx");
  if (!tx_port || !rx_port) {
    there = true;
    tx_port = rx_port = number("event-channel");
    if (!tx_port) {
      fail(there ? XEN_ERANGE : XEN_ENOENT, fmt::format("reading {}/event-channel(-tx/rx)", folder));
      return false;
    }
  }
  const int64_t error = interface.connect_queue(
      {GrantRef{*tx_ring}, GrantRef{*rx_ring}, EventPort{*tx_port}, EventPort{*rx_port}}, several);
  if (error == 0) return true;
  fail(-error,
       fmt::format("mapping shared-frames {}/{} port tx {} rx {}", *tx_ring, *rx_ring, *tx_port, *rx_port));
  return false;
}

// backend_disconnect.
void NetBackend::Device::disconnect() {
  unwatch_nodes();
  interface.disconnect();
}

// netback_remove.
void NetBackend::Device::remove() {
  if (removed) return;
  set_backend_state(XenbusState::closed);
  removed = true;
  unwatch_hotplug();
  switch_state(XenbusState::closed);
  (void)store().remove(own_path() + "/hotplug-status");
  if (read_own("online").value_or("0") == "1") return;
  // The toolstack has waited for this. It runs the script once more, then forgets the device.
  Hypervisor& hypervisor = owner.hypervisor_;
  hypervisor.events.cancel(owner.removal_);
  owner.removal_ = hypervisor.events.schedule(saturating_add(hypervisor.clock.now, kScriptTime),
                                              "toolstack/vif_removed", [back_end = &owner] {
                                                back_end->removal_ = {};
                                                back_end->forget();
                                              });
}

void NetBackend::Device::watch_nodes() {
  if (std::exchange(watching_nodes, true)) return;
  (void)store().watch(own_path() + "/rate", kWatchToken, [this](const std::string&) { read_rate(); });
  (void)store().watch(other_path() + "/request-multicast-control", kWatchToken, [this](const std::string&) {
    interface.set_multicast_control(frontend_flag("request-multicast-control"));
  });
}

void NetBackend::Device::unwatch_nodes() {
  if (!std::exchange(watching_nodes, false)) return;
  (void)store().unwatch(own_path() + "/rate", kWatchToken);
  (void)store().unwatch(other_path() + "/request-multicast-control", kWatchToken);
}

// While it is watched, the state in XenStore waits for the script's word "connected".
void NetBackend::Device::watch_hotplug() {
  if (std::exchange(watching_hotplug, true)) return;
  (void)store().watch(own_path() + "/hotplug-status", kWatchToken, [this](const std::string&) {
    if (!watching_hotplug || read_own("hotplug-status").value_or("") != "connected") return;
    switch_state(backend_state);
    unwatch_hotplug();
  });
}

void NetBackend::Device::unwatch_hotplug() {
  if (!std::exchange(watching_hotplug, false)) return;
  (void)store().unwatch(own_path() + "/hotplug-status", kWatchToken);
}

void NetBackend::Device::visit_state(StateVisitor& visitor) const {
  XenbusDevice::visit_state(visitor);
  visitor.number("backend_state", static_cast<uint64_t>(backend_state));
  visitor.number("watching_nodes", watching_nodes);
  visitor.number("watching_hotplug", watching_hotplug);
  visitor.number("removed", removed);
  interface.visit_state(visitor);
}

NetBackend::NetBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, SwitchPort& port,
                       const NetBackendConfig& config)
    : hypervisor_(hypervisor), store_(store), frontend_(frontend), port_(port), config_(config) {
  port_.set_link(false);
}

NetBackend::~NetBackend() {
  for (EventQueue::Handle* handle : {&script_, &removal_, &detach_limit_}) hypervisor_.events.cancel(*handle);
}

bool NetBackend::attached() const { return device_ != nullptr; }

void NetBackend::create(bool script_has_run) {
  const DevicePaths paths = device_paths("vif", frontend_.id, config_.handle);
  create_nodes(store_, paths, frontend_.id, config_);
  device_ = std::make_unique<Device>(*this, paths);
  const auto script_done = [this, node = paths.backend + "/hotplug-status"] {
    script_ = {};
    (void)store_.write(node, "connected");
  };
  if (script_has_run) return script_done();
  script_ = hypervisor_.events.schedule(saturating_add(hypervisor_.clock.now, kScriptTime),
                                        "toolstack/vif_script", script_done);
}

void NetBackend::attach() {
  if (!device_) create(true);
}

void NetBackend::attach_running() {
  if (!device_) create(false);
}

void NetBackend::detach(bool forced) {
  if (!device_) return;
  request_device_removal(store_, device_->paths);
  if (forced) return forget();
  if (device_->removed || device_->state() == XenbusState::closed) {
    device_->removed = false;
    return device_->remove();
  }
  hypervisor_.events.cancel(detach_limit_);
  detach_limit_ = hypervisor_.events.schedule(
      saturating_add(hypervisor_.clock.now, kDetachTimeout), "toolstack/detach_limit", [this] {
        detach_limit_ = {};
        if (!device_ || device_->removed) return;
        device_->interface.notice(NoticeKind::unusual,
                                  "the device cannot be detached: its frontend did not close it within 10s");
      });
}

// The device's end: the interface goes, then both ends' nodes.
void NetBackend::forget() {
  for (EventQueue::Handle* handle : {&script_, &removal_, &detach_limit_}) hypervisor_.events.cancel(*handle);
  const DevicePaths paths = device_->paths;
  device_.reset();
  remove_device_nodes(store_, paths);
}

void NetBackend::visit_state(StateVisitor& visitor) const {
  visitor.number("attached", device_ != nullptr);
  visitor.number("script", script_.at.ps);
  visitor.number("removal", removal_.at.ps);
  visitor.number("detach_limit", detach_limit_.at.ps);
  if (device_) device_->visit_state(visitor);
}

}  // namespace ringside
