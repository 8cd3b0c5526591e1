#include "machine/xen_shares.h"

#include <fmt/format.h>

namespace ringside {

Result<std::unique_ptr<XenShares>> XenShares::open(const Scenario& scenario, bool live) {
  auto shares = std::make_unique<XenShares>();
  shares->epoch_seconds_ = static_cast<int64_t>(scenario.wall_clock_seconds);
  std::map<std::string, uint32_t> devices;
  for (const ShareScenario& given : scenario.shares) {
    auto exported = ShareService::open(scenario, given, live);
    if (!exported) return tl::unexpected(exported.error());
    shares->shares_.push_back({std::move(*exported), devices[given.domain]++, nullptr});
  }
  return shares;
}

Result<> XenShares::attach(const std::string& domain_name, Domain& domain, XenHost& host,
                           const Surroundings& around) {
  for (Share& share : shares_) {
    const ShareScenario& given = *share.exported.scenario;
    if (given.domain != domain_name) continue;
    SIM_TRY(share.exported.make({around.outside, around.standins, around.timeline.clock(),
                                 around.timeline.events(), domain.notices, epoch_seconds_}));
    NinePfsConfig config;
    config.name = given.name;
    config.device = share.device;
    config.tag = given.tag;
    config.path = given.is_recorded() ? given.standin.text
                  : given.is_bridge() ? given.bridge
                  : given.in_memory   ? "/"
                                      : given.folder;
    config.max_rings = given.rings;
    config.max_ring_page_order = given.ring_page_order;
    share.backend = std::make_unique<NinePfsBackend>(*host.hypervisor, *host.toolstack, domain,
                                                     *share.exported.service, config);
    host.fault_targets.add({fmt::format("{}/9p/{}/", domain.name, given.name),
                            fmt::format("{}/ring/{}/", domain.name, given.name)},
                           *share.backend);
  }
  return {};
}

Result<NinePfsBackend*> XenShares::find(const std::string& device) const {
  for (const Share& share : shares_) {
    if (share.exported.scenario->name == device && share.backend) return share.backend.get();
  }
  return fail(fmt::format("there is no share '{}'", device));
}

Result<> XenShares::attach(Domain&, const std::string& device) {
  const auto backend = find(device);
  return backend ? (*backend)->attach() : tl::unexpected(backend.error());
}

Result<> XenShares::detach(Domain&, const std::string& device, bool forced) {
  const auto backend = find(device);
  return backend ? (*backend)->detach(forced) : tl::unexpected(backend.error());
}

void XenShares::list_components(Components& into) const {
  for (const Share& share : shares_) {
    const std::string& name = share.exported.scenario->name;
    into.emplace_back("9pfs/" + name, share.backend.get());
    into.emplace_back("9p/" + name, share.exported.service.get());
    if (share.exported.tree) into.emplace_back("tree/" + name, share.exported.tree.get());
    if (share.exported.folder) into.emplace_back("folder/" + name, share.exported.folder.get());
  }
}

}  // namespace ringside
