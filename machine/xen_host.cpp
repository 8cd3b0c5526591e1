#include "machine/xen_host.h"

#include <algorithm>

#include "machine/xen_guest.h"

namespace ringside {

namespace {

// Machine memory begins at 4 GiB, so that no machine frame number equals a guest's own: a driver that mixes
// them up fails here as it would on a real machine.
constexpr GuestPhys kMemoryBase{uint64_t{4} << 30};

// What Xen itself needs beside the domains: shared_info, grant frames, the machine-to-phys table and its page
// tables.
uint64_t overhead_bytes(uint64_t guest_bytes, size_t domains) {
  const uint64_t machine_to_phys = guest_bytes / 512;
  const uint64_t per_domain = 256 * kPageSize;
  const uint64_t bytes = machine_to_phys + per_domain * domains + (2 << 20);
  return (bytes + kPageSize - 1) / kPageSize * kPageSize;
}

}  // namespace

Result<std::unique_ptr<XenHost>> XenHost::create(const Scenario& scenario, Timeline& timeline,
                                                 Wiring& wiring) {
  uint64_t guest_bytes = 0;
  size_t domains = 0;
  for (const DomainScenario& domain : scenario.domains) {
    if (!domain.is_paravirtual()) continue;
    guest_bytes += domain.memory_bytes;
    ++domains;
  }
  auto host = std::make_unique<XenHost>();
  const bool hosted = std::any_of(scenario.domains.begin(), scenario.domains.end(),
                                  [](const DomainScenario& domain) { return domain.is_hosted(); });
  auto created = Memory::create(kMemoryBase, guest_bytes + overhead_bytes(guest_bytes, domains),
                                hosted ? HostPlace::memory : HostPlace::anywhere);
  if (!created) return tl::unexpected(created.error());
  host->memory = std::move(*created);
  HypervisorConfig config;
  config.wall_clock_seconds = scenario.wall_clock_seconds;
  config.cpu_frequency_hz = scenario.cpu_frequency_hz;
  host->hypervisor =
      std::make_unique<Hypervisor>(config, *host->memory, timeline.clock(), timeline.events(), wiring);
  if (!host->hypervisor->page_tables.create_machine_to_phys())
    return fail("no memory for the machine-to-phys table");
  host->xenstore = std::make_unique<XenStore>();
  host->toolstack = std::make_unique<XenStoreClient>(*host->xenstore, timeline.events(), timeline.clock(),
                                                     config.event_latency);
  host->socket_clients = std::make_unique<XenStoreSocketClients>(*host->hypervisor, *host->xenstore);
  host->commands = std::make_unique<XenToolstack>(*host->hypervisor, *host->toolstack);
  host->disks = std::make_unique<BlockDevices>(*host->hypervisor, *host->toolstack);
  host->commands->set_block_devices(*host->disks);
  return host;
}

// Events of channels that nobody is at the other end of any more are not sent.
XenHost::~XenHost() {
  if (hypervisor) hypervisor->channels.set_remote_ends(nullptr);
}

Result<> XenHost::attach_standins(const Scenario& scenario, Standins& standins, Domain& domain,
                                  const std::string& name) {
  if (scenario.xenstore_standin) {
    auto recording = standins.xenstore(name, domain.id);
    if (!recording) return tl::unexpected(recording.error());
    recorded_stores.push_back(
        std::make_unique<RecordedXenStore>(*hypervisor, *xenstore, domain.id, scenario.xenstore_standin.file,
                                           std::move(*recording), standins.unanswered()));
    xenstore->let_answer(domain.id, *recorded_stores.back());
  }
  if (scenario.events_standin) {
    auto recording = standins.events(name);
    if (!recording) return tl::unexpected(recording.error());
    if (!recorded_events) {
      recorded_events =
          std::make_unique<RecordedEvents>(*hypervisor, scenario.events_standin.file, standins.unanswered());
      hypervisor->channels.set_remote_ends(recorded_events.get());
    }
    recorded_events->add(domain.id, std::move(*recording));
  }
  return {};
}

bool XenHost::take_input(const std::string& wire, const std::vector<uint8_t>& bytes) {
  if (wire != XenStoreSocketClients::kWire) return false;
  socket_clients->take_input(bytes);
  return true;
}

void XenHost::list_components(Components& into) const {
  into.emplace_back("frames", &hypervisor->frames);
  into.emplace_back("page_tables", &hypervisor->page_tables);
  into.emplace_back("event_channels", &hypervisor->channels);
  into.emplace_back("grants", &hypervisor->grants);
  into.emplace_back("xenstore", xenstore.get());
  into.emplace_back("xenstore/sockets", socket_clients.get());
  into.emplace_back("toolstack", commands.get());
  if (recorded_events) into.emplace_back("recorded_events", recorded_events.get());
  for (const auto& store : recorded_stores) into.emplace_back("recorded_xenstore", store.get());
}

}  // namespace ringside
