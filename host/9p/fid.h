// What a fid of a conversation stands for: a file, or an extended attribute being read or written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/9p/file_tree.h"
#include "host/9p/permissions.h"

namespace ringside {

struct NinePFid {
  enum class Kind : uint8_t { file, attribute_read, attribute_write };

  Kind kind = Kind::file;
  std::shared_ptr<const Credentials> user;  // of the attach
  FileRef file;
  // The name by which the client came to it; another client may have renamed it meanwhile.
  FileRef directory;
  std::string name;

  // Set by an open or a create.
  bool open = false, readable = false, writable = false, append = false;
  bool remove_on_clunk = false;  // ORCLOSE
  bool locked = false;           // has taken locks

  // 9P2000: where the next read of the directory must begin, and the entry that it begins with.
  uint64_t read_offset = 0, read_cookie = 0;

  // Extended attributes.
  std::string attribute;
  FileTree::AttributeWrite attribute_write = FileTree::AttributeWrite::any;
  std::vector<uint8_t> value;  // read: all of it; write: what has come so far
  uint64_t value_size = 0;     // write: what was announced
};

}  // namespace ringside
