// The [[share]] tables of a scenario.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "machine/scenario_standins.h"
#include "sim/tick.h"

namespace ringside {

class TomlReader;

// A tree of files that a paravirtual domain reaches by 9P.
struct ShareScenario {
  std::string name;
  std::string domain;
  std::string tag;  // what the guest mounts
  // What is exported: one of these. A stand-in goes before the others.
  std::string folder;       // of the host
  std::string bridge;       // the address of a server
  StandinScenario standin;  // a recorded session
  bool in_memory = false;   // `memory` was given
  std::vector<std::pair<std::string, std::string>>
      memory;  // path and text; a path with "/" behind: a directory
  bool read_only = false;
  // The transport.
  uint32_t rings = 8;
  uint32_t ring_page_order = 9;
  uint32_t msize = 512 * 1024;
  Tick latency = microseconds(10);
  uint64_t bytes_per_second = 4'000'000'000;
  // Limits.
  uint64_t entries_max = 100'000;
  uint32_t depth_max = 128;
  uint64_t contents_bytes_max = 1ull << 30;  // of the folder's files, read
  uint64_t memory_bytes_max = 1ull << 30;    // of what the guest writes
  uint32_t timeout_seconds = 30;             // of a bridge: host time

  bool is_bridge() const { return !bridge.empty() && !standin; }
  bool is_recorded() const { return bool(standin); }
};

void read_share(TomlReader& table, ShareScenario& share);

}  // namespace ringside
