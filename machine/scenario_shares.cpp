#include "machine/scenario_shares.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/9p/bridge_connection.h"
#include "hv-model/backends/9pfs/p9_backend.h"
#include "machine/toml_reader.h"

namespace ringside {

namespace {

// Names with one "/" between them, none of them special.
bool is_path(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  while (true) {
    const size_t end = path.find('/');
    const std::string_view name = path.substr(0, end);
    if (name.empty() || name == "." || name == ".." || name.size() > 255 || name.find('\0') != name.npos)
      return false;
    if (end == path.npos) return true;
    path.remove_prefix(end + 1);
  }
}

void read_memory(TomlReader& table, ShareScenario& share) {
  share.in_memory = table.has("memory");
  table.read("memory", share.memory);
  for (size_t i = 0; i < share.memory.size(); ++i) {
    const auto& [path, text] = share.memory[i];
    if (!is_path(path)) {
      table.error("memory",
                  fmt::format("'{}' is no path in a share; write \"name\" or \"folder/name\"", path));
    } else if (path.ends_with('/') && !text.empty()) {
      table.error("memory",
                  fmt::format("'{}' ends with a slash, so it is a directory and has no text", path));
    }
    // They are sorted: what is below a file stands behind it, perhaps with others between.
    for (size_t j = i + 1; j < share.memory.size() && !path.ends_with('/'); ++j) {
      if (share.memory[j].first.starts_with(path + "/"))
        table.error("memory",
                    fmt::format("'{}' is a file, and '{}' lies below it", path, share.memory[j].first));
    }
  }
}

void read_transport(TomlReader& table, ShareScenario& share) {
  table.read("rings", share.rings);
  table.read("ring_page_order", share.ring_page_order);
  table.read("msize", share.msize);
  constexpr uint32_t kRings = NinePfsConfig::kRingsMax, kOrder = NinePfsConfig::kRingOrderMax;
  if (share.rings < 1 || share.rings > kRings)
    table.error("rings", fmt::format("'rings' must be from 1 to {}", kRings));
  if (share.ring_page_order < 1 || share.ring_page_order > kOrder)
    table.error("ring_page_order", fmt::format("'ring_page_order' must be from 1 to {}", kOrder));
  if (share.msize < 4096 || share.msize > 1 << 20)
    table.error("msize", "'msize' must be from 4096 to 1048576 bytes");
  table.table("latency", [&](TomlReader& latency) {
    latency.read("message", share.latency);
    latency.read_rate("rate", share.bytes_per_second);
    if (share.latency > seconds(1000))
      latency.error("message", "a server takes no longer than 1000s for a message");
    if (share.bytes_per_second < 1000) latency.error("rate", "'rate' must be 1kB/s or more");
  });
}

void read_limits(TomlReader& table, ShareScenario& share) {
  table.read("entries_max", share.entries_max);
  table.read("depth_max", share.depth_max);
  table.read_size("contents_max", share.contents_bytes_max);
  table.read_size("memory_max", share.memory_bytes_max);
  table.read("timeout_seconds", share.timeout_seconds);
  if (share.entries_max == 0 || share.entries_max > 10'000'000)
    table.error("entries_max", "'entries_max' must be from 1 to 10000000");
  if (share.depth_max == 0 || share.depth_max > 1000)
    table.error("depth_max", "'depth_max' must be from 1 to 1000");
  if (share.timeout_seconds == 0 || share.timeout_seconds > 3600)
    table.error("timeout_seconds", "'timeout_seconds' must be from 1 to 3600");
}

}  // namespace

void read_share(TomlReader& table, ShareScenario& share) {
  table.read("name", share.name);
  table.read("domain", share.domain);
  table.read("tag", share.tag);
  if (share.tag.size() > 255) table.error("tag", "a 'tag' has at most 255 bytes");
  table.read("folder", share.folder);
  table.read("bridge", share.bridge);
  read_standin(table, "backend", share.standin);
  read_memory(table, share);
  const int given = int{table.has("folder")} + int{table.has("bridge")} + int{share.in_memory};
  // Beside a recorded session none of them is looked at.
  if (given != 1 && !(given == 0 && table.has("backend"))) {
    table.error(
        "[[share]] needs one of 'folder' (of this host), 'memory' (a table of paths and texts), 'bridge' "
        "(a server's address) and 'backend' (a recorded session)");
  }
  if (table.has("folder") && share.folder.empty()) table.error("folder", "'folder' names none");
  if (table.has("bridge")) {
    const auto address = BridgeAddress::parse(share.bridge);
    if (!address) table.error("bridge", address.error().message);
  }
  std::string access = "copy-on-write";
  table.read("access", access);
  share.read_only = access == "read-only";
  if (access != "read-only" && access != "copy-on-write")
    table.error("access", fmt::format("'{}' is no access; choose one of read-only, copy-on-write", access));
  if (table.has("access") && table.has("bridge"))
    table.error("access", "what a guest may do behind a bridge is its server's business: leave out 'access'");
  read_transport(table, share);
  read_limits(table, share);
}

}  // namespace ringside
