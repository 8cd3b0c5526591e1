// A tree of files held in memory: what the 9P server exports. It behaves as a file system of Linux does,
// below the checks of permissions (those are the server's, host/9p/permissions.h): names, hard links, renames
// over what exists, files that are unlinked and still open, sparse contents, extended attributes, times.
//
// Everything is deterministic: the path of a qid counts files as they are made, times come from the virtual
// clock, and a directory is listed in the order in which its entries were made. An entry's cookie is its
// place in that order and is never used again, so a listing that is interrupted by creations and removals
// shows each entry that was there throughout exactly once.
//
// A folder of the host is filled in by create() and set_source() before a client sees the tree; then
// set_read_only(true) makes every change fail with EROFS, or changes stay in memory (copy-on-write).
//
// Limits keep a guest from taking the host's memory: ENOSPC, ENAMETOOLONG, EMLINK, EFBIG, E2BIG.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/9p/content_source.h"
#include "host/9p/file_attributes.h"
#include "host/9p/file_locks.h"
#include "sim/clock.h"
#include "sim/state.h"

namespace ringside {

class FileNode;  // host/9p/file_node.h: the tree's own business
struct FileUsage;
// Keeps a file alive, be it unlinked or not. Null is no file.
using FileRef = std::shared_ptr<FileNode>;

struct FileTreeConfig {
  int64_t epoch_seconds = 1704067200;  // what tick 0 is since 1970: 2024-01-01, as the scenario's wall clock
  uint32_t root_mode = 0755, root_uid = 0, root_gid = 0;
  uint64_t bytes_max = 1ull << 30;  // of what is kept in memory: blocks written, targets, extended attributes
  uint64_t files_max = 262'144;     // and as many names
  uint64_t file_size_max = 1ull << 46;    // 64 TiB; sparse, so it costs nothing
  uint32_t depth_max = 1024;              // directories on the way from the root
  uint32_t links_max = 65'000;            // names of one file, as ext4
  uint32_t attribute_bytes_max = 65'536;  // of one extended attribute's value, and of all names of a file
  uint32_t attributes_max = 256;          // of one file
  uint64_t locks_max = 65'536;            // of all files
};

// What statfs(2) says.
struct FileTreeUsage {
  uint64_t bytes_max, bytes_used, files_max, files_used;
};

class FileTree final : public Stateful {
 public:
  static constexpr size_t kNameBytesMax = 255;
  static constexpr size_t kTargetBytesMax = 4095;

  FileTree(const FileTreeConfig& config, const Clock& clock);
  ~FileTree() override;
  FileTree(const FileTree&) = delete;
  FileTree& operator=(const FileTree&) = delete;

  bool read_only() const { return read_only_; }
  void set_read_only(bool on) { read_only_ = on; }

  FileRef root() const { return root_; }
  // One name; "." and ".." too, and ".." of the root is the root. ENOENT, ENOTDIR, ENAMETOOLONG.
  FileResult<FileRef> look_up(const FileRef& directory, std::string_view name) const;
  // Names from the root on, with "/" between them; symlinks are not followed.
  FileResult<FileRef> find(std::string_view path) const;
  // The root's is the root; a file that has lost its last name has none.
  FileRef parent(const FileRef& file) const;
  // Whether there is a way from the root to it.
  bool linked(const FileRef& file) const;
  // The first of its names; the root and a file that has lost its last name have none (directory is null).
  struct Place {
    FileRef directory;
    std::string_view name;
  };
  Place place_of(const FileRef& file) const;
  // "/a/b", by the first of its names; a file without a name has "".
  std::string path_of(const FileRef& file) const;

  FileStatus status(const FileRef& file) const;
  FileTreeUsage usage() const;
  uint32_t attribute_bytes_max() const { return config_.attribute_bytes_max; }

  // Makes any type of file. EEXIST, ENOENT (the directory was removed), EINVAL (a name with "/" or NUL) ...
  FileResult<FileRef> create(const FileRef& directory, std::string_view name, const NewFile& file);
  FileResult<> link(const FileRef& directory, std::string_view name, const FileRef& file);
  enum class Removal : uint8_t { file, directory, any };
  // file: EISDIR for a directory; directory: ENOTDIR for anything else; ENOTEMPTY.
  FileResult<> remove(const FileRef& directory, std::string_view name, Removal what);
  // As renameat(2): replaces what is there, EINVAL for a directory into itself.
  FileResult<> rename(const FileRef& from, std::string_view name, const FileRef& to,
                      std::string_view new_name);

  FileResult<> change(const FileRef& file, const AttributeChanges& changes);

  // Regular files. Reading at or behind the end gives 0. Only what is whole is written: ENOSPC leaves the
  // part that fitted, and its length is returned if it is not 0. EISDIR, EINVAL for other types.
  FileResult<size_t> read(const FileRef& file, uint64_t offset, std::span<uint8_t> into);
  FileResult<size_t> write(const FileRef& file, uint64_t offset, std::span<const uint8_t> from);
  FileResult<std::string_view> target(const FileRef& symlink) const;
  // Contents to begin with. For a regular file that nobody has written to.
  void set_source(const FileRef& file, std::shared_ptr<ContentSource> source);

  // A directory's entries whose cookie is greater, in order, until `take` says false; 0 begins. "." and ".."
  // are not among them, and no entry has a cookie below kFirstCookie.
  static constexpr uint64_t kFirstCookie = 3;
  struct Entry {
    uint64_t cookie;
    std::string_view name;
    const FileRef& file;
  };
  using Take = std::function<bool(const Entry& entry)>;
  FileResult<> list(const FileRef& directory, uint64_t after_cookie, const Take& take);

  // Extended attributes. ENODATA where there is none of that name.
  enum class AttributeWrite : uint8_t { any, create, replace };  // setxattr(2): XATTR_CREATE, XATTR_REPLACE
  FileResult<std::span<const uint8_t>> attribute(const FileRef& file, std::string_view name) const;
  FileResult<> set_attribute(const FileRef& file, std::string_view name, std::span<const uint8_t> value,
                             AttributeWrite how);
  FileResult<> remove_attribute(const FileRef& file, std::string_view name);
  // As listxattr(2): each name with a NUL behind it.
  FileResult<std::vector<uint8_t>> attribute_names(const FileRef& file) const;

  // POSIX record locks; false where there is no room (ENOLCK). Conversations about one tree share them.
  const FileLocks& locks(const FileRef& file) const;
  bool take_lock(const FileRef& file, const FileLock& lock);
  bool release_lock(const FileRef& file, const LockOwner& owner, uint64_t first, uint64_t last);
  void release_locks(const FileRef& file, uint64_t conversation, uint32_t fid);
  // How many fids have it open, counted by whoever opens it.
  uint32_t& open_count(const FileRef& file);
  // A number for a conversation about this tree.
  uint64_t add_conversation() { return ++last_conversation_; }

  void visit_state(StateVisitor& visitor) const override;

 private:
  FileTime now() const;
  FileResult<> check_new_name(const FileNode& directory, std::string_view name) const;
  FileResult<> check_depth(const FileNode& directory, const FileNode* moved) const;
  void add_name(FileNode& directory, std::string_view name, FileRef file);
  void remove_name(FileNode& directory, std::string_view name);
  void entries_changed(FileNode& directory);
  // Mixes a change into the history.
  void remember(std::string_view operation, const FileNode& file, uint64_t value, std::string_view text = {});

  const FileTreeConfig config_;
  const Clock& clock_;
  std::shared_ptr<FileUsage> usage_;  // shared with the nodes: one may outlive its last name
  FileRef root_;
  bool read_only_ = false;
  uint64_t last_path_ = 0, last_conversation_ = 0;
  // Over all changes and reads, in order: the tree is what its history made of it.
  uint64_t history_hash_ = 0;
};

}  // namespace ringside
