#include "hv-model/backends/net/net_device.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "hv-model/payloads.h"
#include "hv-model/xen_error.h"

namespace ringside {

namespace {

constexpr const char* kWatchToken = "vif";

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

NetDevice::NetDevice(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, SwitchPort& port,
                     const NetBackendConfig& config, DevicePaths paths, std::function<void()> on_removed)
    : XenbusDevice(store, paths.backend, paths.frontend),
      config_(config),
      paths_(std::move(paths)),
      on_removed_(std::move(on_removed)),
      interface_(hypervisor, frontend, port, config) {
  show_states_on(hypervisor.wiring.add(fmt::format("{}/xenbus/{}", frontend.name, config.name),
                                       WireKind::sampled, kXenbusStatePayload));
  announce();
  backend_switch_state(XenbusState::init_wait);
  watch_other_end();
}

NetDevice::~NetDevice() {
  unwatch_nodes();
  unwatch_hotplug();
}

// xenbus_dev_is_online.
bool NetDevice::is_online() { return read_own("online").value_or("0") == "1"; }

void NetDevice::announce() {
  const NetBackendConfig& config = config_;
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
void NetDevice::other_end_changed(XenbusState seen) {
  if (removed_) return;
  switch (seen) {
    case XenbusState::initialising: set_backend_state(XenbusState::init_wait); break;
    case XenbusState::initialised: break;
    case XenbusState::connected: set_backend_state(XenbusState::connected); break;
    case XenbusState::closing: set_backend_state(XenbusState::closing); break;
    case XenbusState::closed:
      set_backend_state(XenbusState::closed);
      if (!is_online()) remove();
      break;
    case XenbusState::unknown: remove(); break;
    default: fail(XEN_EINVAL, fmt::format("saw state {} at frontend", static_cast<unsigned>(seen))); break;
  }
}

// Goes there by the shortest way that xen-netback's essay above set_backend_state allows.
void NetDevice::set_backend_state(XenbusState wanted) {
  using enum XenbusState;
  while (backend_state_ != wanted) {
    switch (backend_state_) {
      case initialising: backend_switch_state(wanted == closed ? closed : init_wait); break;
      case closed: backend_switch_state(wanted == closing ? closing : init_wait); break;
      case init_wait:
        if (wanted != connected) {
          backend_switch_state(closing);
          break;
        }
        connect();
        // DEVIATES: xen-netback - it writes Connected behind the Closing of an error. Here the error stands.
        if (failed_) {
          backend_state_ = closing;
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

void NetDevice::backend_switch_state(XenbusState state) {
  backend_state_ = state;
  if (!watching_hotplug_) switch_state(state);
}

void NetDevice::connect() {
  const uint32_t queues_max = config_.queues_max;
  const auto text = read_other("multi-queue-num-queues");
  const uint32_t queues = text ? parse_unsigned(*text).value_or(1) : 1;
  failed_ = true;
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
  failed_ = false;
  interface_.start();
  unwatch_hotplug();
  watch_hotplug();
}

// read_xenbus_vif_flags. A frontend that does not ask for copies gets them all the same, with what holds for
// one that says nothing.
void NetDevice::read_features() {
  NetFeatures features;
  if (!frontend_flag("request-rx-copy")) {
    interface_.notice(NoticeKind::unusual,
                      "the frontend does not write request-rx-copy: its other features are not read");
    return interface_.set_features(features);
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
  interface_.set_features(features);
}

bool NetDevice::frontend_flag(std::string_view name) {
  const auto text = read_other(name);
  const auto number = text ? parse_unsigned(*text) : std::nullopt;
  return number.value_or(0) != 0;
}

void NetDevice::read_rate() {
  const auto text = read_own("rate");
  interface_.set_rate(text ? parse_rate(*text) : NetRate{});
}

// connect_ctrl_ring.
bool NetDevice::connect_control() {
  const auto text = read_other("ctrl-ring-ref");
  const auto reference = text ? parse_unsigned(*text) : std::nullopt;
  if (!reference) return true;  // the frontend has none
  const auto port_text = read_other("event-channel-ctrl");
  const auto port = port_text ? parse_unsigned(*port_text) : std::nullopt;
  int64_t error = port_text ? XEN_ERANGE : XEN_ENOENT;
  if (!port) {
    fail(error, fmt::format("reading {}/event-channel-ctrl", other_path()));
  } else {
    error = -interface_.connect_control(GrantRef{*reference}, EventPort{*port});
    if (error == 0) return true;
    fail(error, fmt::format("mapping shared-frame {} port {}", *reference, *port));
  }
  fail(error, "connecting control ring");
  return false;
}

bool NetDevice::connect_queues(uint32_t count) {
  if (count == 1) return connect_queue(other_path(), false);
  for (uint32_t i = 0; i < count; ++i) {
    if (!connect_queue(fmt::format("{}/queue-{}", other_path(), i), true)) return false;
  }
  return true;
}

// connect_data_rings.
bool NetDevice::connect_queue(const std::string& folder, bool several) {
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
  const int64_t error = interface_.connect_queue(
      {GrantRef{*tx_ring}, GrantRef{*rx_ring}, EventPort{*tx_port}, EventPort{*rx_port}}, several);
  if (error == 0) return true;
  fail(-error,
       fmt::format("mapping shared-frames {}/{} port tx {} rx {}", *tx_ring, *rx_ring, *tx_port, *rx_port));
  return false;
}

// backend_disconnect.
void NetDevice::disconnect() {
  unwatch_nodes();
  interface_.disconnect();
}

void NetDevice::remove() {
  set_backend_state(XenbusState::closed);
  removed_ = true;
  unwatch_hotplug();
  switch_state(XenbusState::closed);
  (void)store().remove(own_path() + "/hotplug-status");
  if (is_online()) return;
  // The toolstack has waited for this.
  on_removed_();
}

void NetDevice::watch_nodes() {
  if (std::exchange(watching_nodes_, true)) return;
  (void)store().watch(own_path() + "/rate", kWatchToken, [this](const std::string&) { read_rate(); });
  (void)store().watch(other_path() + "/request-multicast-control", kWatchToken, [this](const std::string&) {
    interface_.set_multicast_control(frontend_flag("request-multicast-control"));
  });
}

void NetDevice::unwatch_nodes() {
  if (!std::exchange(watching_nodes_, false)) return;
  (void)store().unwatch(own_path() + "/rate", kWatchToken);
  (void)store().unwatch(other_path() + "/request-multicast-control", kWatchToken);
}

// While it is watched, the state in XenStore waits for the script's word "connected".
void NetDevice::watch_hotplug() {
  if (std::exchange(watching_hotplug_, true)) return;
  (void)store().watch(own_path() + "/hotplug-status", kWatchToken, [this](const std::string&) {
    if (!watching_hotplug_ || read_own("hotplug-status").value_or("") != "connected") return;
    switch_state(backend_state_);
    unwatch_hotplug();
  });
}

void NetDevice::unwatch_hotplug() {
  if (!std::exchange(watching_hotplug_, false)) return;
  (void)store().unwatch(own_path() + "/hotplug-status", kWatchToken);
}

void NetDevice::visit_state(StateVisitor& visitor) const {
  XenbusDevice::visit_state(visitor);
  visitor.number("backend_state", static_cast<uint64_t>(backend_state_));
  visitor.number("watching_nodes", watching_nodes_);
  visitor.number("watching_hotplug", watching_hotplug_);
  visitor.number("removed", removed_);
  interface_.visit_state(visitor);
}

}  // namespace ringside
