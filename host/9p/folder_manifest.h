// What a folder of the host held when a share of it began, names and attributes without contents; and the
// answers of the host about it, as bytes, which a session holds (sim/exchange.h). A replay has nothing else,
// so what decoding accepts is judged anew: a session may have been forged.
//
// All numbers are little-endian; a text has its size in 4 bytes before it.
//
//   manifest  kind 1, count of entries (4), entries, count of remarks (4), remarks (texts)
//     entry   place of the directory among the entries (4), place of the file that this is another name of or
//             ffffffff (4), mode, uid, gid (4 each), device (8), size (8), seconds (8) and nanoseconds (4) of
//             the last modification, name (text), target of a symlink (text)
//   contents  kind 2, place of the file (4), number of the block (4), the bytes of the block
//   failure   kind 3, place of the file (4), number of the block (4), errno (4), what happened (text)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/9p/file_attributes.h"

namespace ringside {

struct FolderEntry {
  static constexpr uint32_t kNone = UINT32_MAX;

  uint32_t directory = 0;     // place of the directory that it is in
  uint32_t same_as = kNone;   // place of the first name of the same file (a hard link)
  uint32_t mode = 0;          // type and permissions
  uint32_t uid = 0, gid = 0;  // of the host
  uint64_t device = 0;        // device nodes: device_number()
  uint64_t size = 0;          // of a regular file
  FileTime modified;
  std::string name;
  std::string target;  // symlinks

  bool operator==(const FolderEntry&) const = default;
};

// A directory stands before what is in it, and what is in it in the order of the names' bytes: equal folders
// have equal manifests. The first entry is the folder itself; it has no name.
struct FolderManifest {
  std::vector<FolderEntry> entries;
  std::vector<std::string> remarks;  // what could not be taken in, for notices

  bool operator==(const FolderManifest&) const = default;
};

// A file's contents are asked for in blocks of so many bytes.
inline constexpr uint64_t kFolderBlockBytes = 128 << 10;

struct FolderBlock {
  uint32_t entry = 0;
  uint32_t block = 0;
  int error = 0;            // errno; 0: there are contents
  std::string explanation;  // of the error
  std::vector<uint8_t> contents;
};

std::vector<uint8_t> encode(const FolderManifest& manifest);
std::vector<uint8_t> encode(const FolderBlock& block);
// Nothing where the bytes are no such answer. That places are in order, names possible and sizes below 2^63
// has been seen then.
std::optional<FolderManifest> decode_folder_manifest(std::span<const uint8_t> answer);
std::optional<FolderBlock> decode_folder_block(std::span<const uint8_t> answer);

// How many bytes a block of a file has.
constexpr uint64_t folder_block_size(uint64_t file_size, uint64_t block) {
  const uint64_t begin = block * kFolderBlockBytes;
  return file_size - begin < kFolderBlockBytes ? file_size - begin : kFolderBlockBytes;
}

}  // namespace ringside
