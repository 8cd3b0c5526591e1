#include "hv-model/console/console_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "hv-model/backends/device_nodes.h"
#include "hv-model/xen_error.h"
#include "hv-model/xenbus.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
// LIBXL_XENCONSOLE_LIMIT: how much output somebody who shows it keeps.
constexpr const char* kLimit = "1048576";

DevicePaths create_nodes(XenStoreClient& store, DomainId frontend, const ConsoleConfig& config) {
  const DevicePaths paths = device_paths("console", frontend, config.device);
  create_device_nodes(
      store, paths, frontend,
      {{"limit", kLimit}, {"type", "ioemu"}, {"output", "pty"}, {"tty", ""}, {"protocol", "vt100"}},
      {{"protocol", "vt100"}, {"name", config.name}});
  return paths;
}

}  // namespace

struct ConsoleBackend::Impl : XenbusDevice {
  Impl(Hypervisor& the_hypervisor, XenStoreClient& the_store, Domain& the_frontend,
       const ConsoleConfig& given, const DevicePaths& paths)
      : XenbusDevice(the_store, paths.backend, paths.frontend),
        hypervisor(the_hypervisor),
        frontend(the_frontend),
        config(given) {
    switch_state(XenbusState::init_wait);
    watch_other_end();
  }
  ~Impl() override { disconnect(); }

  void other_end_changed(XenbusState seen) override;
  void connect();
  void disconnect();
  void complain(const std::string& what) { frontend.notices.emit(NoticeKind::unusual, config.name, what); }

  Hypervisor& hypervisor;
  Domain& frontend;
  const ConsoleConfig config;
  PvConsole::Output output;
  std::vector<uint8_t> waiting;  // typed, and nobody connected
  std::optional<uint32_t> grant;
  EventPort port;
  std::unique_ptr<PvConsole> console;
};

void ConsoleBackend::Impl::other_end_changed(XenbusState seen) {
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

void ConsoleBackend::Impl::connect() {
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
  console = std::make_unique<PvConsole>(hypervisor, frontend, mapped->frame, port, config.name);
  console->set_output([this](std::span<const uint8_t> bytes) {
    if (output) output(bytes);
  });
  switch_state(XenbusState::connected);
  if (!waiting.empty()) console->type(std::exchange(waiting, {}));
}

void ConsoleBackend::Impl::disconnect() {
  console.reset();
  if (port.value != 0) (void)hypervisor.channels.close(kBackendDomain, port);
  port = {};
  if (grant) (void)hypervisor.grants.unmap(kBackendDomain, *grant);
  grant.reset();
}

ConsoleBackend::ConsoleBackend(Hypervisor& hypervisor, XenStoreClient& toolstack, Domain& frontend,
                               const ConsoleConfig& config)
    : impl_(std::make_unique<Impl>(hypervisor, toolstack, frontend, config,
                                   create_nodes(toolstack, frontend.id, config))) {}

ConsoleBackend::~ConsoleBackend() = default;

void ConsoleBackend::set_output(PvConsole::Output output) { impl_->output = std::move(output); }

void ConsoleBackend::type(std::span<const uint8_t> bytes) {
  if (impl_->console) return impl_->console->type(bytes);
  const size_t room = kWaitingMax - impl_->waiting.size();
  const auto kept = bytes.first(std::min(room, bytes.size()));
  impl_->waiting.insert(impl_->waiting.end(), kept.begin(), kept.end());
  if (kept.size() < bytes.size())
    impl_->complain(fmt::format("{} typed bytes are lost: nobody reads them", bytes.size() - kept.size()));
}

bool ConsoleBackend::connected() const { return impl_->console != nullptr; }

void ConsoleBackend::visit_state(StateVisitor& visitor) const {
  impl_->XenbusDevice::visit_state(visitor);
  visitor.number("waiting", hash64(impl_->waiting));
  visitor.number("port", impl_->port.value);
  visitor.number("grant", impl_->grant.value_or(0));
  visitor.number("connected", connected());
  if (impl_->console) impl_->console->visit_state(visitor);
}

}  // namespace ringside
