// Who may do what. The server checks each request by the user of the attach that its fid comes from, as the
// kernel does for diod, which takes that user's identity before each operation: path_resolution(7) and
// inode(7) of Linux, with uid 0 allowed what CAP_DAC_OVERRIDE, CAP_FOWNER and CAP_CHOWN allow. In 9P2000
// intro(5) of Plan 9 holds, where an owner also has what the group and others have.
//
// Access control lists are kept as extended attributes and not looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/9p/file_attributes.h"
#include "host/9p/messages.h"

namespace ringside {

struct Credentials {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;  // more of them

  bool in_group(uint32_t group) const;
  bool is_root() const { return uid == 0; }
};

// A user by name. Those that are not configured have a group of their own number.
struct NinePUser {
  std::string name;
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;
};

enum AccessBits : uint32_t { kMayExecute = 1, kMayWrite = 2, kMayRead = 4 };

bool allowed(const FileStatus& file, const Credentials& user, uint32_t access_bits, NinePDialect dialect);

// Whether the sticky bit of `directory` keeps the user from removing or renaming `file` in it.
bool sticky_forbids(const FileStatus& directory, const FileStatus& file, const Credentials& user);

}  // namespace ringside
