// Reads a folder of the host for a share: all names and attributes once, contents when they are wanted. The
// only place where a share of a folder touches the host.
//
// Nothing outside the folder is ever opened, whatever somebody on the host does to it meanwhile: paths are
// resolved by openat2(2) with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS and
// RESOLVE_NO_XDEV; where the kernel does not have that (before 5.6, or forbidden by a sandbox), name by name
// with O_NOFOLLOW. A symlink is data. A device node, FIFO or socket is never opened: a file is reached by
// O_PATH first, which has no effect on it, is compared with what was seen at the beginning (device, inode,
// type, size, time), and only then opened. It is compared again behind the read, so that bytes of two
// versions are never mixed up in one block.
//
// One descriptor stays open, the folder's; at most two more while a call lasts. All have FD_CLOEXEC. After a
// fork both processes may go on reading: no descriptor has a position that anybody uses.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/9p/folder_manifest.h"
#include "sim/result.h"

namespace ringside {

struct FolderLimits {
  uint64_t entries_max = 100'000;
  uint32_t depth_max = 128;  // directories on the way from the folder
};

// Closes it.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return number_; }
  int release();
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

class FolderReader {
 public:
  // How paths are resolved; `by_name` is for tests.
  enum class Resolve : uint8_t { as_host_can, by_name };

  // Reads all names and attributes. `share` is for messages.
  static Result<FolderReader> open(const std::string& share, const std::string& path,
                                   const FolderLimits& limits, Resolve resolve = Resolve::as_host_can);

  const FolderManifest& manifest() const { return manifest_; }
  FolderBlock read(uint32_t entry, uint32_t block) const;

 private:
  // What tells a file from another that has taken its name.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Identity&) const = default;
  };
  struct Scan;

  // The error is an errno value.
  FileResult<Descriptor> open_beneath(const std::string& path, int flags) const;
  FileResult<Descriptor> open_by_name(const std::string& path, int flags) const;
  // From the folder on, without a slash in front; "." is the folder.
  std::string path_of(uint32_t entry) const;
  FileResult<Descriptor> open_file(uint32_t entry, std::string& explanation) const;
  // What is not any more as it was; empty: nothing.
  std::string difference(uint32_t entry, const struct stat& now) const;

  Descriptor root_;
  bool by_name_ = false;
  FolderManifest manifest_;
  std::vector<Identity> identities_;  // by entry
};

}  // namespace ringside
