// What answers for a share: a folder of the host, a tree in memory, a bridge to a server, or a recorded
// session.
#pragma once

#include <memory>
#include <optional>

#include "host/9p/bridge.h"
#include "host/9p/host_folder.h"
#include "machine/scenario.h"
#include "machine/standins.h"
#include "sim/exchange.h"
#include "sim/notice.h"

namespace ringside {

struct ShareSurroundings {
  Outside& outside;
  Standins& standins;
  Clock& clock;
  EventQueue& events;
  Notices& notices;           // for what is wrong with a folder
  int64_t epoch_seconds = 0;  // the wall clock at power on
};

struct ShareService {
  // Reads the names of a folder; a replay (not `live`) needs none. The scenario outlives this.
  static Result<ShareService> open(const Scenario& scenario, const ShareScenario& share, bool live);
  // Makes `service`. What it refers to outlives this.
  Result<> make(const ShareSurroundings& around);

  const ShareScenario* scenario = nullptr;
  std::optional<BridgeAddress> address;
  std::optional<FolderReader> live;
  std::unique_ptr<FileTree> tree;      // null for a bridge and a recorded session
  std::unique_ptr<HostFolder> folder;  // null but for a folder
  std::unique_ptr<NinePService> service;

 private:
  Result<> make_tree(const ShareSurroundings& around);
  Result<> make_recorded(const ShareSurroundings& around);
};

}  // namespace ringside
