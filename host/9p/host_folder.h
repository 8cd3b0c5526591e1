// Fills a FileTree from a folder of the host. What the guest sees is the folder as it was when the machine
// was made: names, types, permissions, owners, sizes and times of modification as the host has them (times of
// access and of change are that of modification), inode numbers made up. Directories are listed in the order
// of their names' bytes. Contents are read when the guest reads them, in blocks, each once; a file that
// somebody has changed, replaced or removed since then gives EIO for what was not read yet, and a notice.
//
// All that the host says is an answer from outside (sim/exchange.h): the manifest on ".../manifest" while the
// machine is made, a block on ".../contents". So a recording holds what the guest has read, and a replay
// needs no folder. What the guest writes stays in the tree; the host's files are only read.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/9p/file_tree.h"
#include "host/9p/folder_reader.h"
#include "sim/exchange.h"
#include "sim/notice.h"
#include "sim/state.h"

namespace ringside {

struct HostFolderConfig {
  std::string name = "share0";               // for messages
  std::string wire = "dom1/share/share0";    // who asks: its names are this and "/manifest", "/contents"
  uint64_t contents_bytes_max = 1ull << 30;  // that the guest may read; they are kept, and recorded
};

class HostFolder final : public Stateful {
 public:
  using Complaint = std::function<void(NoticeKind kind, std::string what)>;

  // `live` is the folder; a replay has none. `tree` is empty; it and `outside` outlive this, and files of the
  // tree may outlive it too. A replay whose session was forged is a divergence, one that has no answers any
  // more leaves the tree empty.
  static Result<std::unique_ptr<HostFolder>> fill(FileTree& tree, const HostFolderConfig& config,
                                                  std::optional<FolderReader> live, Outside& outside,
                                                  Complaint complaint);
  ~HostFolder() override;

  // What fill() puts into a tree: for its limits.
  static uint64_t files_of(const FolderReader& live) { return live.manifest().entries.size(); }

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Contents;
  class File;
  HostFolder();
  std::shared_ptr<Contents> contents_;
};

}  // namespace ringside
