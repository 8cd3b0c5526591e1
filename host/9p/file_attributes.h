// What is known of a file besides its name and contents, in Linux's terms: modes, errno values and device
// numbers are those that struct stat of Linux has, on every host.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>

namespace ringside {

// The error is a positive errno value of Linux.
template <class T = void>
using FileResult = tl::expected<T, int>;
inline tl::unexpected<int> file_error(int number) { return tl::unexpected<int>(number); }

// Bits of a mode (inode(7)).
namespace file_mode {
inline constexpr uint32_t type_mask = 0170000;
inline constexpr uint32_t socket = 0140000;
inline constexpr uint32_t symlink = 0120000;
inline constexpr uint32_t regular = 0100000;
inline constexpr uint32_t block_device = 0060000;
inline constexpr uint32_t directory = 0040000;
inline constexpr uint32_t character_device = 0020000;
inline constexpr uint32_t fifo = 0010000;
inline constexpr uint32_t set_uid = 04000, set_gid = 02000, sticky = 01000;
inline constexpr uint32_t permissions = 07777;
}  // namespace file_mode

struct FileTime {
  int64_t seconds = 0;  // since 1970
  uint32_t nanoseconds = 0;
  auto operator<=>(const FileTime&) const = default;
};

// Linux's encoding of st_rdev, as 64 bits.
constexpr uint64_t device_number(uint32_t major, uint32_t minor) {
  return (uint64_t{minor} & 0xff) | (uint64_t{major} & 0xfff) << 8 | (uint64_t{minor} & ~0xffull) << 12 |
         (uint64_t{major} & ~0xfffull) << 32;
}

// The qid of a file (intro(5) of Plan 9) is made of its type, version and path.
struct FileStatus {
  uint64_t path = 0;     // stands for the file as an inode number does; never used again
  uint32_t version = 0;  // grows with each change of the contents
  uint32_t mode = 0;     // type and permissions
  uint32_t uid = 0, gid = 0;
  uint64_t links = 0;
  uint64_t device = 0;  // device nodes: st_rdev
  uint64_t size = 0;    // bytes; of a symlink: its target's length
  uint64_t blocks = 0;  // of 512 bytes, those that take memory here or are in the source
  FileTime accessed, modified, changed, created;
  // Plan 9's bits, which Linux does not have.
  bool append_only = false, exclusive_use = false, temporary = false;

  bool is_directory() const { return (mode & file_mode::type_mask) == file_mode::directory; }
  bool is_regular() const { return (mode & file_mode::type_mask) == file_mode::regular; }
  bool is_symlink() const { return (mode & file_mode::type_mask) == file_mode::symlink; }
};

// A file to be made. Times that are not given are the tree's clock's.
struct NewFile {
  uint32_t mode = file_mode::regular | 0644;  // the type says what is made
  uint32_t uid = 0, gid = 0;
  uint64_t device = 0;               // device nodes: device_number()
  std::string target;                // symlinks
  std::optional<FileTime> modified;  // for files of the host; accessed and changed are set to it too
  bool append_only = false, exclusive_use = false, temporary = false;
};

// What to change; what is not given stays. A change of size cuts or extends with zeros. FileTime::now() is
// not needed: the tree's clock is used where `*_now` is set.
struct AttributeChanges {
  std::optional<uint32_t> mode;  // permissions only; the type stays
  std::optional<uint32_t> uid, gid;
  std::optional<uint64_t> size;
  std::optional<FileTime> accessed, modified;
  bool accessed_now = false, modified_now = false;
  std::optional<bool> append_only, exclusive_use, temporary;
};

}  // namespace ringside
