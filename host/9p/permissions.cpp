#include "host/9p/permissions.h"

#include <algorithm>

namespace ringside {

bool Credentials::in_group(uint32_t group) const {
  return gid == group || std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool allowed(const FileStatus& file, const Credentials& user, uint32_t access_bits, NinePDialect dialect) {
  if (user.is_root()) {
    // Executing wants one bit of somebody's even of root, but for directories.
    return (access_bits & kMayExecute) == 0 || file.is_directory() || (file.mode & 0111) != 0;
  }
  const bool owner = user.uid == file.uid, member = user.in_group(file.gid);
  uint32_t granted = 0;
  if (dialect == NinePDialect::base) {
    granted = file.mode & 7;
    if (member || owner) granted |= file.mode >> 3 & 7;
    if (owner) granted |= file.mode >> 6 & 7;
  } else {
    granted = file.mode >> (owner ? 6 : member ? 3 : 0) & 7;
  }
  return (granted & access_bits) == access_bits;
}

bool sticky_forbids(const FileStatus& directory, const FileStatus& file, const Credentials& user) {
  if ((directory.mode & file_mode::sticky) == 0 || user.is_root()) return false;
  return user.uid != file.uid && user.uid != directory.uid;
}

}  // namespace ringside
