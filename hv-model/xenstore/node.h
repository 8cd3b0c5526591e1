// A node of XenStore and who may do what to it (docs/misc/xenstore.txt, "Permissions").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside::xenstore {

enum PermissionBits : uint8_t {
  kPermNone = 0,
  kPermRead = 1,
  kPermWrite = 2,
  kPermOwner = 8,  // asked for, never stored
};

struct Permission {
  uint32_t domain = 0;
  uint8_t bits = kPermNone;
  bool ignored = false;  // of a domain that was gone when the node was last looked at
};

// The first entry names the owner, and what domains that are not listed may do.
using Permissions = std::vector<Permission>;

// "r3" and the like; nothing where xenstored's xs_strings_to_perms fails.
std::optional<Permission> parse_permission(const std::string& text);
std::string to_string(const Permission& permission);

struct Node {
  uint64_t generation = 0;  // of the last write; all writes of the store are numbered
  Permissions permissions;
  std::string value;
  std::string children;  // names in the order of their creation, each with its NUL

  // The size of xenstored's record (struct xs_tdb_record_hdr and what follows): what quotas count.
  size_t record_size() const { return 24 + 8 * permissions.size() + value.size() + children.size(); }
};

// Nodes never change once stored: a write stores another one. So a transaction keeps what it saw at the cost
// of a pointer.
using NodePtr = std::shared_ptr<const Node>;

// The offset of a child's name in the list; npos when it is not there.
size_t find_child(const std::string& children, std::string_view name);

}  // namespace ringside::xenstore
