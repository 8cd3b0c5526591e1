// The XenBus side: the nodes that the toolstack writes (libxl_9pfs.c), and QEMU's walk of states
// (hw/xen/xen-legacy-backend.c, hw/9pfs/xen-9p-backend.c). Kept of Linux's backends is that what was wrong
// stands in an error node: QEMU tells only its own log.
#include "hv-model/backends/9pfs/p9_backend.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/9pfs/p9_ring.h"
#include "hv-model/backends/backend_death.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/backends/device_removal.h"
#include "hv-model/xen_error.h"
#include "hv-model/xenbus.h"
#include "sim/assert.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
constexpr std::string_view kVersions = "1";

StoreNodes backend_nodes(const NinePfsConfig& config) {
  return {{"path", config.path}, {"security_model", config.security_model}};
}

// What libxl writes for a share, at both ends. Where the tag stands is not as 9pfs.pandoc has it, but as
// libxl writes and Linux's frontend reads it.
DevicePaths create_nodes(XenStoreClient& store, DomainId frontend, const NinePfsConfig& config) {
  const DevicePaths paths = device_paths("9pfs", frontend, config.device);
  create_device_nodes(store, paths, frontend, {{"tag", config.tag}}, backend_nodes(config));
  return paths;
}

P9Share make_share(Hypervisor& hypervisor, Domain& frontend, NinePService& service,
                   const NinePfsConfig& config) {
  const std::string base = fmt::format("{}/9p/{}/", frontend.name, config.name);
  return {hypervisor,
          frontend,
          service,
          config,
          hypervisor.wiring.add(base + "T", WireKind::message, kP9RequestPayload),
          hypervisor.wiring.add(base + "R", WireKind::message, kP9ResponsePayload)};
}

}  // namespace

// The device while it is attached: from the toolstack's writing of its nodes to their end.
class NinePfsBackend::Device final : public XenbusDevice {
 public:
  Device(Hypervisor& the_hypervisor, XenStoreClient& the_store, Domain& the_frontend,
         NinePService& the_service, const NinePfsConfig& the_config, DevicePaths the_paths)
      : XenbusDevice(the_store, the_paths.backend, the_paths.frontend),
        paths(std::move(the_paths)),
        hypervisor(the_hypervisor),
        share(make_share(the_hypervisor, the_frontend, the_service, the_config)) {
    share.service.set_complaint(
        [this](NoticeKind kind, std::string what) { share.notice(kind, std::move(what)); });
    publish();
    watch_other_end();
  }
  ~Device() override {
    disconnect();
    share.service.set_complaint({});
  }

  // What the frontend may choose from, then InitWait.
  void publish();
  void other_end_changed(XenbusState seen) override;
  void closed();
  void connect();
  std::optional<uint32_t> frontend_number(const std::string& name, uint32_t least, uint32_t most);
  bool connect_ring(uint8_t number);
  void ring_broken(const std::string& why);
  void disconnect();

  void visit_state(StateVisitor& visitor) const override;

  const DevicePaths paths;
  Hypervisor& hypervisor;
  P9Share share;
  std::vector<std::shared_ptr<P9Ring>> rings;
  bool removed = false;  // the device is gone: only the toolstack could bring it back
};

void NinePfsBackend::Device::publish() {
  write_own("versions", std::string(kVersions));
  write_own("max-rings", fmt::format("{}", share.config.max_rings));
  write_own("max-ring-page-order", fmt::format("{}", share.config.max_ring_page_order));
  switch_state(XenbusState::init_wait);
}

void NinePfsBackend::Device::other_end_changed(XenbusState seen) {
  if (removed) return;
  switch (seen) {
    case XenbusState::initialising:
      if (state() == XenbusState::closed) publish();
      break;
    case XenbusState::init_wait: break;
    case XenbusState::initialised:
    case XenbusState::connected:
      if (state() == XenbusState::init_wait) connect();
      break;
    case XenbusState::closing:
      disconnect();
      switch_state(XenbusState::closing);
      break;
    case XenbusState::closed: closed(); break;
    case XenbusState::unknown:  // its folder is gone, or what stands there is no state
      disconnect();
      switch_state(XenbusState::closed);
      removed = true;
      break;
    default: fail(XEN_EINVAL, fmt::format("saw state {} at frontend", static_cast<unsigned>(seen))); break;
  }
}

void NinePfsBackend::Device::closed() {
  disconnect();
  switch_state(XenbusState::closed);
  if (read_own("online").value_or("0") != "1") removed = true;
}

void NinePfsBackend::Device::connect() {
  disconnect();
  const std::string version = read_other("version").value_or("");
  if (version != kVersions) {
    // DEVIATES: xen-9p-backend.c - it does not look; 9pfs.pandoc says that the frontend has to choose.
    fail(XEN_EINVAL, fmt::format("version '{}' is not among {}", version.substr(0, 63), kVersions));
    return;
  }
  const std::optional<uint32_t> count = frontend_number("num-rings", 1, share.config.max_rings);
  if (!count) return;
  for (uint32_t number = 0; number < *count; ++number) {
    if (connect_ring(static_cast<uint8_t>(number))) continue;
    disconnect();
    return;
  }
  switch_state(XenbusState::connected);
}

std::optional<uint32_t> NinePfsBackend::Device::frontend_number(const std::string& name, uint32_t least,
                                                                uint32_t most) {
  const auto text = read_other(name);
  const std::optional<uint32_t> number = text ? parse_unsigned(*text) : std::nullopt;
  if (!number) {
    fail(text ? XEN_EINVAL : XEN_ENOENT, fmt::format("reading {}/{}", other_path(), name));
  } else if (*number < least || *number > most) {
    fail(XEN_EINVAL, fmt::format("{} is {}, where {} to {} can be", name, *number, least, most));
    return std::nullopt;
  }
  return number;
}

bool NinePfsBackend::Device::connect_ring(uint8_t number) {
  const auto reference = frontend_number(fmt::format("ring-ref{}", number), 0, UINT32_MAX);
  if (!reference) return false;
  const auto remote_port = frontend_number(fmt::format("event-channel-{}", number), 0, UINT32_MAX);
  if (!remote_port) return false;
  auto memory =
      FlexRing::map(hypervisor, share.frontend.id, GrantRef{*reference}, share.config.max_ring_page_order);
  if (!memory) {
    fail(XEN_EINVAL, fmt::format("ring-ref{} {}: {}", number, *reference, memory.error()));
    return false;
  }
  const int64_t port =
      hypervisor.channels.bind_interdomain(kBackendDomain, share.frontend.id, EventPort{*remote_port});
  if (port < 0) {
    fail(-port, fmt::format("binding event-channel-{} port {}", number, *remote_port));
    return false;
  }
  rings.push_back(P9Ring::connect(share, number, std::move(*memory), EventPort{static_cast<uint32_t>(port)},
                                  [this](const std::string& why) { ring_broken(why); }));
  return true;
}

void NinePfsBackend::Device::ring_broken(const std::string& why) {
  disconnect();
  fail(XEN_EINVAL, why);
}

// The rings hold themselves while they run, so that one may be closed from within.
void NinePfsBackend::Device::disconnect() {
  if (rings.empty()) return;
  for (const auto& ring : rings) ring->close();
  rings.clear();
  share.service.reset();
}

void NinePfsBackend::Device::visit_state(StateVisitor& visitor) const {
  XenbusDevice::visit_state(visitor);
  visitor.number("removed", removed);
  visitor.number("dialect", static_cast<uint64_t>(share.dialect));
  visitor.number("rings", rings.size());
  for (const auto& ring : rings) ring->visit_state(visitor);
}

NinePfsBackend::NinePfsBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend,
                               NinePService& service, const NinePfsConfig& config)
    : hypervisor_(hypervisor), store_(store), frontend_(frontend), service_(service), config_(config) {
  SIM_ASSERT(config.max_rings >= 1 && config.max_rings <= NinePfsConfig::kRingsMax);
  SIM_ASSERT(config.max_ring_page_order >= 1 && config.max_ring_page_order <= NinePfsConfig::kRingOrderMax);
  (void)attach();
}

NinePfsBackend::~NinePfsBackend() = default;

Result<> NinePfsBackend::attach() {
  if (attached()) return fail(fmt::format("share '{}' is attached already", config_.name));
  device_ = std::make_unique<Device>(hypervisor_, store_, frontend_, service_, config_,
                                     create_nodes(store_, frontend_.id, config_));
  return {};
}

Result<> NinePfsBackend::detach(bool forced) {
  if (!attached()) return fail(fmt::format("share '{}' is not attached", config_.name));
  removal_.reset();
  const DevicePaths paths = device_ ? device_->paths : death_->paths();
  const auto closed = [this, paths] { forget(paths); };
  const auto late = [this] {
    removal_.reset();
    frontend_.notices.emit(NoticeKind::unusual, "9pfs/" + config_.name,
                           "the frontend has not closed the share ten seconds after it was asked to; it "
                           "stays attached");
  };
  // Nobody is left to close a dead one.
  if (!device_) {
    forget(paths);
    return {};
  }
  removal_ = std::make_unique<DeviceRemoval>(store_, hypervisor_, paths, forced, closed, late);
  return {};
}

void NinePfsBackend::forget(const DevicePaths& given) {
  const DevicePaths paths = given;  // it may be a part of what goes
  removal_.reset();
  device_.reset();
  death_.reset();
  remove_device_nodes(store_, paths);
}

// The device's destructor ends its channels and mappings, and writes nothing.
void NinePfsBackend::crash(Tick back_after) {
  if (!device_) return;
  const DevicePaths paths = device_->paths;
  device_.reset();
  death_ = std::make_unique<BackendDeath>(store_, hypervisor_, paths, back_after, [this, paths] {
    create_backend_nodes(store_, paths, frontend_.id, backend_nodes(config_));
    device_ = std::make_unique<Device>(hypervisor_, store_, frontend_, service_, config_, paths);
    death_.reset();
  });
}

void NinePfsBackend::visit_state(StateVisitor& visitor) const {
  visitor.number("attached", attached());
  visitor.number("detach_limit", removal_ ? removal_->limit().ps : 0);
  if (device_) device_->visit_state(visitor);
  if (death_) death_->visit_state(visitor);
}

}  // namespace ringside
