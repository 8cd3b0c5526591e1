#include "machine/xen_nics.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {

namespace {

// libxl counts what may pass in an interval (libxl_nic.c, libxlu_vif.c).
uint64_t bytes_per_interval(const VifScenario& vif) {
  const uint64_t usec = vif.rate_interval.ps / microseconds(1).ps;
  return vif.rate / 1'000'000 * usec + vif.rate % 1'000'000 * usec / 1'000'000;
}

}  // namespace

NetBackend& XenNics::add(const NicScenario& nic, uint64_t seed, SwitchPort& port, Domain& domain) {
  NetBackendConfig config;
  config.name = nic.name;
  config.handle = static_cast<uint32_t>(std::count_if(
      nics_.begin(), nics_.end(), [&](const Nic& other) { return other.scenario->domain == nic.domain; }));
  config.mac = nic.mac;
  config.bridge = nic.network;
  config.mtu = static_cast<uint32_t>(nic.vif.mtu);
  config.queues_max = static_cast<uint32_t>(nic.vif.queues);
  config.gso = nic.vif.gso;
  config.split_event_channels = nic.vif.split_event_channels;
  config.multicast_control = nic.vif.multicast_control;
  config.control_ring = nic.vif.control_ring;
  if (nic.vif.rate != 0) {
    config.rate_bytes = bytes_per_interval(nic.vif);
    config.rate_interval_usec = static_cast<uint32_t>(nic.vif.rate_interval.ps / microseconds(1).ps);
  }
  config.loss_ppm = static_cast<uint32_t>(nic.vif.loss_ppm);
  config.seed = seed;
  nics_.push_back({&nic, std::make_unique<NetBackend>(hypervisor_, store_, domain, port, config)});
  if (nic.vif.attached) nics_.back().backend->attach();
  return *nics_.back().backend;
}

void XenNics::list_components(Components& into) const {
  for (const Nic& nic : nics_) into.emplace_back("vif/" + nic.scenario->name, nic.backend.get());
}

Result<NetBackend*> XenNics::find(const std::string& device) const {
  for (const Nic& nic : nics_) {
    if (nic.scenario->name == device) return nic.backend.get();
  }
  return fail(fmt::format("'{}' is no network interface", device));
}

Result<> XenNics::attach(Domain&, const std::string& device) {
  const auto backend = find(device);
  if (!backend) return tl::unexpected(backend.error());
  if ((*backend)->attached()) return fail(fmt::format("'{}' is attached already", device));
  (*backend)->attach_running();
  return {};
}

Result<> XenNics::detach(Domain&, const std::string& device, bool forced) {
  const auto backend = find(device);
  if (!backend) return tl::unexpected(backend.error());
  if (!(*backend)->attached()) return fail(fmt::format("'{}' is not attached", device));
  (*backend)->detach(forced);
  return {};
}

}  // namespace ringside
