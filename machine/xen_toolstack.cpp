#include "machine/xen_toolstack.h"

#include <fmt/format.h>

#include "hv-model/payloads.h"

namespace ringside {

namespace {

// How long libxl waits for a guest to see the request to suspend itself (libxl_dom_suspend.c).
constexpr Tick kSaveLimit = seconds(60);
// What a domain may have beyond its target (LIBXL_MAXMEM_CONSTANT, in bytes).
constexpr uint64_t kMemorySlack = 1 << 20;

std::string home_of(const Domain& domain) { return fmt::format("/local/domain/{}", domain.id.value); }
std::string shutdown_node(const Domain& domain) { return home_of(domain) + "/control/shutdown"; }

}  // namespace

// The order and the permissions are those of libxl_create.c: "n0,rN" is for the guest to read, "nN" its own.
void XenToolstack::introduce(Domain& domain, const std::string& name, uint64_t memory_bytes) {
  Known& known = domains_[domain.id];
  known.wire = &hypervisor_.wiring.add(domain.name + "/toolstack", WireKind::message, kToolstackPayload);
  known.memory_bytes = memory_bytes;

  const uint16_t id = domain.id.value;
  const std::string home = home_of(domain), vm = fmt::format("/vm/{}", id);
  const std::vector<std::string> readable{"n0", fmt::format("r{}", id)};
  const std::vector<std::string> owned{fmt::format("n{}", id)};
  const auto put = [&](const std::string& path, const std::string& value,
                       const std::vector<std::string>& access) {
    (void)store_.write(path, value);
    (void)store_.set_permissions(path, access);
  };
  put(home, "", readable);
  put(vm, "", readable);
  put(vm + "/name", name, readable);
  put(home + "/vm", vm, readable);
  put(home + "/name", name, readable);
  const std::string kib = fmt::format("{}", memory_bytes >> 10);
  for (const auto& [node, value] : {std::pair<const char*, std::string>{"cpu", ""},
                                    {"cpu/0", ""},
                                    {"cpu/0/availability", "online"},
                                    {"memory", ""},
                                    {"memory/static-max", kib},
                                    {"memory/target", kib},
                                    {"memory/videoram", "-1"},
                                    {"device", ""},
                                    {"device/suspend", ""},
                                    {"control", ""},
                                    {"control/platform-feature-multiprocessor-suspend", "1"},
                                    {"control/platform-feature-xs_reset_watches", "1"},
                                    {"domid", fmt::format("{}", id)}}) {
    put(fmt::format("{}/{}", home, node), value, readable);
  }
  for (const char* node : {"device/suspend/event-channel", "control/shutdown", "control/feature-poweroff",
                           "control/feature-reboot", "control/feature-suspend", "control/sysrq", "data",
                           "drivers", "feature", "attr", "error"}) {
    put(fmt::format("{}/{}", home, node), "", owned);
  }
}

void XenToolstack::take_input(Domain& domain, const std::vector<uint8_t>& text) {
  const auto known = domains_.find(domain.id);
  if (known == domains_.end()) return;
  known->second.wire->send(Direction::in, text, [this, &domain](std::span<const uint8_t> bytes) {
    execute_all(domain, std::string(bytes.begin(), bytes.end()));
  });
}

void XenToolstack::execute_all(Domain& domain, const std::string& text) {
  const auto complain = [&domain](const std::string& what) {
    domain.notices.emit(NoticeKind::unusual, "toolstack", what);
  };
  // A scenario's commands were checked when it was loaded; a fault on the wire, or a person, may write
  // others.
  const auto commands = parse_toolstack_commands(text);
  if (!commands) return complain(commands.error().message);
  for (const ToolstackCommand& command : *commands) {
    if (domain.end) return complain(fmt::format("'{}' comes after the domain's end", command.text));
    const auto done = execute(domain, command);
    if (!done) complain(fmt::format("'{}': {}", command.text, done.error().message));
  }
}

Result<> XenToolstack::execute(Domain& domain, const ToolstackCommand& command) {
  switch (command.verb) {
    case ToolstackVerb::shutdown: return request(domain, "poweroff");
    case ToolstackVerb::reboot: return request(domain, "reboot");
    case ToolstackVerb::save: return save(domain);
    case ToolstackVerb::mem_set: return set_memory(domain, command.bytes);
    case ToolstackVerb::block_attach:
    case ToolstackVerb::block_detach:
    case ToolstackVerb::block_resize: return with_device(block_devices_, domain, command);
    case ToolstackVerb::network_attach:
    case ToolstackVerb::network_detach: return with_device(network_devices_, domain, command);
    case ToolstackVerb::share_attach:
    case ToolstackVerb::share_detach: return with_device(shares_, domain, command);
  }
  return {};
}

Result<> XenToolstack::with_device(HotPlug* devices, Domain& domain, const ToolstackCommand& command) {
  if (devices == nullptr) return fail("devices of this kind cannot come and go");
  switch (command.verb) {
    case ToolstackVerb::block_attach:
    case ToolstackVerb::network_attach:
    case ToolstackVerb::share_attach: return devices->attach(domain, command.device);
    case ToolstackVerb::block_detach:
    case ToolstackVerb::network_detach:
    case ToolstackVerb::share_detach: return devices->detach(domain, command.device, command.forced);
    default: return devices->resize(domain, command.device, command.bytes);
  }
}

// libxl__domain_pvcontrol: in a transaction, so that a request that the guest has not seen is not overwritten
// by halves.
Result<> XenToolstack::request(Domain& domain, const std::string& what) {
  const std::string node = shutdown_node(domain);
  const auto pending = store_.read(node);
  if (!pending) return fail(fmt::format("the domain has no node {}: {}", node, pending.error()));
  const auto written = store_.write(node, what);
  return written ? Result<>{} : fail(fmt::format("{} cannot be written: {}", node, written.error()));
}

Result<> XenToolstack::save(Domain& domain) {
  SIM_TRY(request(domain, "suspend"));
  // Before or after its limit, a guest that suspends itself now must not wait for ever.
  domain.cancels_suspend = true;
  Known& known = domains_[domain.id];
  hypervisor_.events.cancel(known.save_limit);
  const Tick limit = saturating_add(hypervisor_.clock.now, kSaveLimit);
  known.save_limit = hypervisor_.events.schedule(limit, "toolstack/save", [this, &domain] {
    domains_[domain.id].save_limit = {};
    const auto pending = store_.read(shutdown_node(domain));
    if (domain.end || !pending || *pending != "suspend") return;
    (void)store_.write(shutdown_node(domain), "");
    domain.notices.emit(NoticeKind::unusual, "toolstack",
                        "the guest did not acknowledge the request to suspend; it is withdrawn");
  });
  return {};
}

// libxl_set_memory_target with `enforce`: the guest's balloon follows the node, and the hypervisor refuses
// more.
Result<> XenToolstack::set_memory(Domain& domain, uint64_t bytes) {
  const uint64_t most = domains_[domain.id].memory_bytes;
  if (bytes > most) return fail(fmt::format("the domain has at most {} KiB (static-max)", most >> 10));
  if (bytes < kPageSize) return fail("a domain needs memory");
  domain.max_pages = (bytes + kMemorySlack) >> kPageShift;
  const std::string node = home_of(domain) + "/memory/target";
  const auto written = store_.write(node, fmt::format("{}", bytes >> 10));
  return written ? Result<>{} : fail(fmt::format("{} cannot be written: {}", node, written.error()));
}

void XenToolstack::visit_state(StateVisitor& visitor) const {
  for (const auto& [domain, known] : domains_) {
    visitor.number("domain", domain.value);
    visitor.number("save_limit", known.save_limit ? known.save_limit.at.ps : 0);
  }
}

}  // namespace ringside
