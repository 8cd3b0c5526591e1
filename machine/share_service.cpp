#include "machine/share_service.h"

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

Result<ShareService> ShareService::open(const Scenario& scenario, const ShareScenario& share, bool live) {
  ShareService opened;
  opened.scenario = &share;
  if (share.is_bridge()) {
    const auto address = address_of(scenario, share);
    if (!address) return tl::unexpected(address.error());
    opened.address = *address;
  } else if (!share.in_memory && !share.is_recorded() && live) {
    const auto path = locate_file(scenario, share.folder, "folder");
    if (!path) return tl::unexpected(path.error());
    auto reader = FolderReader::open(share.name, *path, {share.entries_max, share.depth_max});
    if (!reader) return tl::unexpected(reader.error());
    opened.live = std::move(*reader);
  }
  return opened;
}

Result<> ShareService::make_tree(const ShareSurroundings& around) {
  const ShareScenario& given = *scenario;
  FileTreeConfig config;
  config.epoch_seconds = around.epoch_seconds;
  config.bytes_max = given.memory_bytes_max;
  // What is there does not count against what the guest may add; a replay has the same limit.
  config.files_max += given.in_memory ? given.memory.size() : given.entries_max;
  tree = std::make_unique<FileTree>(config, around.clock);
  for (const auto& [path, text] : given.memory) {
    const auto done = put(*tree, path, text);
    if (!done)
      return fail(
          fmt::format("share '{}': '{}' cannot be made: {}", given.name, path, std::strerror(done.error())));
  }
  if (!given.in_memory) {
    HostFolderConfig exported;
    exported.name = given.name;
    exported.wire = wire_of(given);
    exported.contents_bytes_max = given.contents_bytes_max;
    const auto complaint = [&notices = around.notices, component = "share/" + given.name](NoticeKind kind,
                                                                                          std::string what) {
      notices.emit(kind, component, std::move(what));
    };
    auto filled = HostFolder::fill(*tree, exported, std::move(live), around.outside, complaint);
    if (!filled) return tl::unexpected(filled.error());
    folder = std::move(*filled);
  }
  tree->set_read_only(given.read_only);
  return {};
}

Result<> ShareService::make_recorded(const ShareSurroundings& around) {
  const ShareScenario& given = *scenario;
  auto recording = around.standins.ninep(given);
  if (!recording) return tl::unexpected(recording.error());
  NinePRecordedConfig config;
  config.name = "share/" + given.name;
  config.source = given.standin.file;
  config.msize_max = given.msize;
  config.latency = given.latency;
  config.latency_per_byte = per_byte(given.bytes_per_second);
  service = std::make_unique<NinePRecordedService>(config, std::move(*recording),
                                                   around.standins.unanswered(), around.clock, around.events);
  return {};
}

Result<> ShareService::make(const ShareSurroundings& around) {
  const ShareScenario& given = *scenario;
  if (given.is_recorded()) return make_recorded(around);
  if (given.is_bridge()) {
    NinePBridgeConfig config;
    config.address = *address;
    config.wire = wire_of(given);
    config.msize_max = given.msize;
    config.latency = given.latency;
    config.latency_per_byte = per_byte(given.bytes_per_second);
    config.timeout_ms = given.timeout_seconds * 1000;
    service = std::make_unique<NinePBridge>(config, around.outside, around.clock, around.events);
    return {};
  }
  SIM_TRY(make_tree(around));
  NinePServerConfig config;
  config.name = given.name;
  config.msize_max = given.msize;
  config.latency = given.latency;
  config.latency_per_byte = per_byte(given.bytes_per_second);
  service = std::make_unique<NinePServer>(config, *tree, around.clock, around.events);
  return {};
}

}  // namespace ringside
