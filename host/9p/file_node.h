// One file of a FileTree, whatever its type, and the names in a directory. For host/9p/file_tree*.cpp only:
// everybody else holds a FileRef and asks the tree.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/9p/file_attributes.h"
#include "host/9p/file_contents.h"
#include "host/9p/file_locks.h"

namespace ringside {

class FileNode;

// What the files of a tree take, those included that have lost their names and are still open.
struct FileUsage {
  uint64_t bytes = 0, files = 0, names = 0, locks = 0;
};

struct DirectoryEntry {
  FileNode* directory;
  std::string_view name;  // the key of by_name
  uint64_t cookie;
  std::shared_ptr<FileNode> file;
};

struct Directory {
  std::map<std::string, DirectoryEntry, std::less<>> by_name;
  std::map<uint64_t, DirectoryEntry*> by_cookie;
  uint64_t last_cookie = 2;  // 1 and 2 are "." and ".." in a listing of 9P2000.L
  uint64_t directories = 0;  // of the entries
};

class FileNode : public std::enable_shared_from_this<FileNode> {
 public:
  explicit FileNode(std::shared_ptr<FileUsage> shared) : usage(std::move(shared)) { ++usage->files; }
  ~FileNode() {
    --usage->files;
    usage->bytes -= bytes;
    usage->locks -= locks.all().size();
  }
  FileNode(const FileNode&) = delete;
  FileNode& operator=(const FileNode&) = delete;

  // Accounts for what it takes now.
  void use(uint64_t now_bytes) {
    usage->bytes += now_bytes - bytes;
    bytes = now_bytes;
  }
  void count_bytes() {
    use(contents.blocks_kept() * FileContents::kBlockBytes + target.size() + attribute_bytes);
  }

  FileStatus status;  // without size and blocks of a regular file
  bool is_root = false;
  std::vector<DirectoryEntry*> names;                                   // those that it is known by
  std::unique_ptr<Directory> entries;                                   // directories
  FileContents contents;                                                // regular files
  std::string target;                                                   // symlinks
  std::map<std::string, std::vector<uint8_t>, std::less<>> attributes;  // extended
  uint64_t attribute_bytes = 0;                                         // of their names and values
  FileLocks locks;
  uint32_t open_count = 0;

 private:
  const std::shared_ptr<FileUsage> usage;
  uint64_t bytes = 0;
};

}  // namespace ringside
