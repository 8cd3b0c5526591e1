#include "machine/xen_shares.h"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>

#include "host/9p/recorded_service.h"
#include "host/9p/server.h"

namespace ringside {

namespace {

// Where a share's server listens: a relative path is the scenario folder's.
Result<BridgeAddress> address_of(const Scenario& scenario, const ShareScenario& share) {
  auto address = BridgeAddress::parse(share.bridge);
  if (!address || !address->is_unix || address->path.starts_with('/') || scenario.folder.empty())
    return address;
  const std::string absolute = (std::filesystem::path(scenario.folder) / address->path).string();
  address = BridgeAddress::parse("unix:" + absolute);
  if (address) address->text = share.bridge;
  return address;
}

// One of the texts of `memory`, with the directories on its way.
FileResult<> put(FileTree& tree, const std::string& path, const std::string& text) {
  FileRef directory = tree.root();
  size_t begin = 0;
  for (;;) {
    const size_t end = path.find('/', begin);
    if (end == path.npos) break;
    const std::string name = path.substr(begin, end - begin);
    auto next = tree.look_up(directory, name);
    if (!next) next = tree.create(directory, name, {.mode = file_mode::directory | 0755});
    if (!next) return file_error(next.error());
    directory = *next;
    begin = end + 1;
  }
  if (begin == path.size()) return {};
  const auto file = tree.create(directory, path.substr(begin), {});
  if (!file) return file_error(file.error());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  if (text.empty()) return {};
  const auto written = tree.write(*file, 0, {bytes, text.size()});
  if (!written) return file_error(written.error());
  return *written == text.size() ? FileResult<>() : file_error(ENOSPC);
}

Tick per_byte(uint64_t bytes_per_second) { return picoseconds(1'000'000'000'000 / bytes_per_second); }

std::string wire_of(const ShareScenario& share) {
  return fmt::format("{}/share/{}", share.domain, share.name);
}

}  // namespace

Result<std::unique_ptr<XenShares>> XenShares::open(const Scenario& scenario, bool live) {
  auto shares = std::make_unique<XenShares>();
  shares->epoch_seconds_ = static_cast<int64_t>(scenario.wall_clock_seconds);
  std::map<std::string, uint32_t> devices;
  for (const ShareScenario& given : scenario.shares) {
    Share share;
    share.scenario = &given;
    share.device = devices[given.domain]++;
    if (given.is_bridge()) {
      const auto address = address_of(scenario, given);
      if (!address) return tl::unexpected(address.error());
      share.address = *address;
    } else if (!given.in_memory && !given.is_recorded() && live) {
      const auto path = locate_file(scenario, given.folder, "folder");
      if (!path) return tl::unexpected(path.error());
      auto reader = FolderReader::open(given.name, *path, {given.entries_max, given.depth_max});
      if (!reader) return tl::unexpected(reader.error());
      share.live = std::move(*reader);
    }
    shares->shares_.push_back(std::move(share));
  }
  return shares;
}

Result<> XenShares::make_tree(Share& share, Domain& domain, Outside& outside, const Clock& clock) {
  const ShareScenario& given = *share.scenario;
  FileTreeConfig config;
  config.epoch_seconds = epoch_seconds_;
  config.bytes_max = given.memory_bytes_max;
  // What is there does not count against what the guest may add; a replay has the same limit.
  config.files_max += given.in_memory ? given.memory.size() : given.entries_max;
  share.tree = std::make_unique<FileTree>(config, clock);
  for (const auto& [path, text] : given.memory) {
    const auto done = put(*share.tree, path, text);
    if (!done)
      return fail(
          fmt::format("share '{}': '{}' cannot be made: {}", given.name, path, std::strerror(done.error())));
  }
  if (!given.in_memory) {
    HostFolderConfig folder;
    folder.name = given.name;
    folder.wire = wire_of(given);
    folder.contents_bytes_max = given.contents_bytes_max;
    const auto complaint = [&notices = domain.notices, component = "share/" + given.name](NoticeKind kind,
                                                                                          std::string what) {
      notices.emit(kind, component, std::move(what));
    };
    auto filled = HostFolder::fill(*share.tree, folder, std::move(share.live), outside, complaint);
    if (!filled) return tl::unexpected(filled.error());
    share.folder = std::move(*filled);
  }
  share.tree->set_read_only(given.read_only);
  return {};
}

Result<> XenShares::make_recorded_service(Share& share, const Surroundings& around) {
  const ShareScenario& given = *share.scenario;
  auto recording = around.standins.ninep(given);
  if (!recording) return tl::unexpected(recording.error());
  NinePRecordedConfig config;
  config.name = "share/" + given.name;
  config.source = given.standin.file;
  config.msize_max = given.msize;
  config.latency = given.latency;
  config.latency_per_byte = per_byte(given.bytes_per_second);
  share.service =
      std::make_unique<NinePRecordedService>(config, std::move(*recording), around.standins.unanswered(),
                                             around.timeline.clock(), around.timeline.events());
  return {};
}

Result<> XenShares::make_service(Share& share, const Surroundings& around) {
  const ShareScenario& given = *share.scenario;
  Timeline& timeline = around.timeline;
  if (given.is_recorded()) return make_recorded_service(share, around);
  if (given.is_bridge()) {
    NinePBridgeConfig config;
    config.address = *share.address;
    config.wire = wire_of(given);
    config.msize_max = given.msize;
    config.latency = given.latency;
    config.latency_per_byte = per_byte(given.bytes_per_second);
    config.timeout_ms = given.timeout_seconds * 1000;
    share.service =
        std::make_unique<NinePBridge>(config, around.outside, timeline.clock(), timeline.events());
    return {};
  }
  NinePServerConfig config;
  config.name = given.name;
  config.msize_max = given.msize;
  config.latency = given.latency;
  config.latency_per_byte = per_byte(given.bytes_per_second);
  share.service = std::make_unique<NinePServer>(config, *share.tree, timeline.clock(), timeline.events());
  return {};
}

Result<> XenShares::attach(const std::string& domain_name, Domain& domain, XenHost& host,
                           const Surroundings& around) {
  for (Share& share : shares_) {
    const ShareScenario& given = *share.scenario;
    if (given.domain != domain_name) continue;
    if (!given.is_bridge() && !given.is_recorded())
      SIM_TRY(make_tree(share, domain, around.outside, around.timeline.clock()));
    SIM_TRY(make_service(share, around));
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
    share.backend =
        std::make_unique<NinePfsBackend>(*host.hypervisor, *host.toolstack, domain, *share.service, config);
    host.fault_targets.add({fmt::format("{}/9p/{}/", domain.name, given.name),
                            fmt::format("{}/ring/{}/", domain.name, given.name)},
                           *share.backend);
  }
  return {};
}

Result<NinePfsBackend*> XenShares::find(const std::string& device) const {
  for (const Share& share : shares_) {
    if (share.scenario->name == device && share.backend) return share.backend.get();
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
    const std::string& name = share.scenario->name;
    into.emplace_back("9pfs/" + name, share.backend.get());
    into.emplace_back("9p/" + name, share.service.get());
    if (share.tree) into.emplace_back("tree/" + name, share.tree.get());
    if (share.folder) into.emplace_back("folder/" + name, share.folder.get());
  }
}

}  // namespace ringside
