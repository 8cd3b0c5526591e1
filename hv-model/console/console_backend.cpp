#include "hv-model/console/console_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "hv-model/backends/backend_death.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/xen_error.h"
#include "hv-model/xenbus.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
// LIBXL_XENCONSOLE_LIMIT: how much output somebody who shows it keeps.
constexpr const char* kLimit = "1048576";

StoreNodes backend_nodes(const ConsoleConfig& config) {
  return {{"protocol", "vt100"}, {"name", config.name}};
}

DevicePaths create_nodes(XenStoreClient& store, DomainId frontend, const ConsoleConfig& config) {
  const DevicePaths paths = device_paths("console", frontend, config.device);
  create_device_nodes(
      store, paths, frontend,
      {{"limit", kLimit}, {"type", "ioemu"}, {"output", "pty"}, {"tty", ""}, {"protocol", "vt100"}},
      backend_nodes(config));
  return paths;
}

}  // namespace

// What outlives a backend that dies.
struct ConsoleBackend::Impl {
  void make_device();
  void complain(const std::string& what) { frontend.notices.emit(NoticeKind::unusual, config.name, what); }

  Hypervisor& hypervisor;
  XenStoreClient& store;
  Domain& frontend;
  const ConsoleConfig config;
  const DevicePaths paths;
  PvConsole::Output output;
  std::vector<uint8_t> waiting;  // typed, and nobody connected
  std::unique_ptr<Device> device;
  std::unique_ptr<BackendDeath> death;  // until a new backend takes the place
};

struct ConsoleBackend::Device : XenbusDevice {
  explicit Device(Impl& the_owner)
      : XenbusDevice(the_owner.store, the_owner.paths.backend, the_owner.paths.frontend),
        owner(the_owner),
        hypervisor(the_owner.hypervisor),
        frontend(the_owner.frontend) {
    switch_state(XenbusState::init_wait);
    watch_other_end();
  }
  ~Device() override { disconnect(); }

  void other_end_changed(XenbusState seen) override;
  void connect();
  void disconnect();
  void visit_state(StateVisitor& visitor) const override;

  Impl& owner;
  Hypervisor& hypervisor;
  Domain& frontend;
  std::optional<uint32_t> grant;
  EventPort port;
  std::unique_ptr<PvConsole> console;
};

void ConsoleBackend::Impl::make_device() { device = std::make_unique<Device>(*this); }

void ConsoleBackend::Device::other_end_changed(XenbusState seen) {
  switch (seen) {
    case XenbusState::initialising:
      if (state() == XenbusState::closed) switch_state(XenbusState::init_wait);
      break;
    // hvc_xen tells its ring before it goes on, and says so by either state.
    case XenbusState::initialised:
    case XenbusState::connected:
      if (state() == XenbusState::init_wait) connect();
      break;
    case XenbusState::closing:
      disconnect();
      switch_state(XenbusState::closing);
      break;
    case XenbusState::closed:
    case XenbusState::unknown:
      disconnect();
      switch_state(XenbusState::closed);
      break;
    default: break;
  }
}

void ConsoleBackend::Device::connect() {
  const auto number = [&](std::string_view name) {
    const auto text = read_other(name);
    return text ? parse_unsigned(*text) : std::nullopt;
  };
  const auto ref = number("ring-ref"), remote_port = number("port");
  if (!ref || !remote_port) return fail(XEN_ENOENT, "reading ring-ref and port of the frontend");
  const auto mapped = hypervisor.grants.map(kBackendDomain, frontend.id, GrantRef{*ref}, false);
  if (!mapped)
    return fail(XEN_EINVAL, fmt::format("mapping the ring, grant {}: status {}", *ref, mapped.error()));
  grant = mapped->handle;
  const int64_t bound =
      hypervisor.channels.bind_interdomain(kBackendDomain, frontend.id, EventPort{*remote_port});
  if (bound < 0) {
    disconnect();
    return fail(-bound, fmt::format("binding port {} of the frontend", *remote_port));
  }
  port = EventPort{static_cast<uint32_t>(bound)};
  console = std::make_unique<PvConsole>(hypervisor, frontend, mapped->frame, port, owner.config.name);
  console->set_output([&impl = owner](std::span<const uint8_t> bytes) {
    if (impl.output) impl.output(bytes);
  });
  switch_state(XenbusState::connected);
  if (!owner.waiting.empty()) console->type(std::exchange(owner.waiting, {}));
}

void ConsoleBackend::Device::disconnect() {
  console.reset();
  if (port.value != 0) (void)hypervisor.channels.close(kBackendDomain, port);
  port = {};
  if (grant) (void)hypervisor.grants.unmap(kBackendDomain, *grant);
  grant.reset();
}

ConsoleBackend::ConsoleBackend(Hypervisor& hypervisor, XenStoreClient& toolstack, Domain& frontend,
                               const ConsoleConfig& config)
    : impl_(new Impl{.hypervisor = hypervisor,
                     .store = toolstack,
                     .frontend = frontend,
                     .config = config,
                     .paths = create_nodes(toolstack, frontend.id, config),
                     .output = {},
                     .waiting = {},
                     .device = nullptr,
                     .death = nullptr}) {
  impl_->make_device();
}

ConsoleBackend::~ConsoleBackend() = default;

void ConsoleBackend::set_output(PvConsole::Output output) { impl_->output = std::move(output); }

void ConsoleBackend::type(std::span<const uint8_t> bytes) {
  if (connected()) return impl_->device->console->type(bytes);
  const size_t room = kWaitingMax - impl_->waiting.size();
  const auto kept = bytes.first(std::min(room, bytes.size()));
  impl_->waiting.insert(impl_->waiting.end(), kept.begin(), kept.end());
  if (kept.size() < bytes.size())
    impl_->complain(fmt::format("{} typed bytes are lost: nobody reads them", bytes.size() - kept.size()));
}

bool ConsoleBackend::connected() const { return impl_->device && impl_->device->console; }

// The device's destructor ends its channel and mapping, and writes nothing.
void ConsoleBackend::crash(Tick back_after) {
  Impl& impl = *impl_;
  if (!impl.device) return;
  impl.device.reset();
  impl.death = std::make_unique<BackendDeath>(impl.store, impl.hypervisor, impl.paths, back_after, [&impl] {
    create_backend_nodes(impl.store, impl.paths, impl.frontend.id, backend_nodes(impl.config));
    impl.make_device();
    impl.death.reset();
  });
}

void ConsoleBackend::Device::visit_state(StateVisitor& visitor) const {
  XenbusDevice::visit_state(visitor);
  visitor.number("waiting", hash64(owner.waiting));
  visitor.number("port", port.value);
  visitor.number("grant", grant.value_or(0));
  visitor.number("connected", console != nullptr);
  if (console) console->visit_state(visitor);
}

void ConsoleBackend::visit_state(StateVisitor& visitor) const {
  if (impl_->device) impl_->device->visit_state(visitor);
  if (impl_->death) impl_->death->visit_state(visitor);
}

}  // namespace ringside
