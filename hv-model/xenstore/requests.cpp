// The requests about nodes (docs/misc/xenstore.txt, "XENSTORE PROTOCOL SPECIFICATION"; the handlers of
// tools/xenstore/xenstored_core.c). Each gives 0 when it has replied, and the error to reply otherwise.
#include <fmt/format.h>
#include <cstring>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/path.h"
#include "hv-model/xenstore/server.h"

namespace ringside {

using namespace xenstore;

namespace {

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

// DEVIATES: xenstored_core.c, get_node_canonicalized() - where the one argument is missing or not ended by
// the one NUL, xenstored 4.17 replies with whatever error its last failure left behind. Ours is always
// EINVAL.

// DIRECTORY <path>|  ->  <child-leaf-name>|*
Errno XenStore::Impl::do_directory(Connection& connection, Body body) {
  const auto path = one_argument(body);
  if (!path) return XEN_EINVAL;
  Errno error = 0;
  const NodePtr node = get_node(connection, canonical_path(connection, *path), kPermRead, error);
  if (!node) return error;
  reply(connection, XS_DIRECTORY, node->children);
  return 0;
}

// DIRECTORY_PART <path>|<offset>|  ->  <gencnt>|<child-leaf-name>|*: as many names from the offset on as fit;
// an empty name behind the last one says that the list is complete.
Errno XenStore::Impl::do_directory_part(Connection& connection, Body body) {
  const auto strings = split_strings(body);
  if (strings.size() != 2) return XEN_EINVAL;
  Errno error = 0;
  const NodePtr node = get_node(connection, canonical_path(connection, strings[0]), kPermRead, error);
  if (!node) return error;
  const std::string& children = node->children;
  const auto offset = static_cast<uint32_t>(parse_integer(strings[1]));
  std::string answer = fmt::format("{}", node->generation) + '\0';
  if (offset >= children.size()) {
    answer += '\0';
  } else {
    const size_t length_max = XENSTORE_PAYLOAD_MAX - answer.size() - 1;
    size_t end = offset;
    // An offset within a name gives the rest of that name.
    while (end < children.size()) {
      const size_t name = std::strlen(children.c_str() + end);
      if (end - offset + name >= length_max) break;
      end += name + 1;
    }
    answer.append(children, offset, end - offset);
    if (end == children.size()) answer += '\0';
  }
  reply(connection, XS_DIRECTORY_PART, answer);
  return 0;
}

// READ <path>|  ->  <value|>
Errno XenStore::Impl::do_read(Connection& connection, Body body) {
  const auto path = one_argument(body);
  if (!path) return XEN_EINVAL;
  Errno error = 0;
  const NodePtr node = get_node(connection, canonical_path(connection, *path), kPermRead, error);
  if (!node) return error;
  reply(connection, XS_READ, node->value);
  return 0;
}

// WRITE <path>|<value|>: the value may hold anything, and need not end with a NUL.
Errno XenStore::Impl::do_write(Connection& connection, Body body) {
  const void* nul = body.empty() ? nullptr : std::memchr(body.data(), 0, body.size());
  if (!nul) return XEN_EINVAL;
  const auto path_length = static_cast<size_t>(static_cast<const uint8_t*>(nul) - body.data());
  const std::string path = canonical_path(connection, as_text(body.first(path_length)));
  std::string value(as_text(body.subspan(path_length + 1)));
  Errno error = 0;
  if (const NodePtr node = get_node(connection, path, kPermWrite, error)) {
    Node changed = *node;
    changed.value = std::move(value);
    error = write_node(&connection, path, std::move(changed), true);
  } else if (error == XEN_ENOENT) {
    error = create_node(connection, path, std::move(value));
  }
  if (error) return error;
  fire_watches(&connection, path, nullptr, false, nullptr);
  acknowledge(connection);
  return 0;
}

// MKDIR <path>|: fine when it is there already.
Errno XenStore::Impl::do_make_directory(Connection& connection, Body body) {
  const auto argument = one_argument(body);
  if (!argument) return XEN_EINVAL;
  const std::string path = canonical_path(connection, *argument);
  Errno error = 0;
  if (!get_node(connection, path, kPermWrite, error)) {
    if (error != XEN_ENOENT) return error;
    error = create_node(connection, path, {});
    if (error) return error;
    fire_watches(&connection, path, nullptr, false, nullptr);
  }
  acknowledge(connection);
  return 0;
}

// RM <path>|: fine when it is not there, if its parent is.
Errno XenStore::Impl::do_remove(Connection& connection, Body body) {
  const auto argument = one_argument(body);
  if (!argument) return XEN_EINVAL;
  const std::string path = canonical_path(connection, *argument);
  Errno error = 0;
  if (!get_node(connection, path, kPermWrite, error)) {
    if (error != XEN_ENOENT) return error;
    if (!read_node(&connection, parent_of(path), error)) return error;
  } else {
    if (path == "/") return XEN_EINVAL;
    error = remove_tree(&connection, path);
    if (error) return error;
  }
  acknowledge(connection);
  return 0;
}

// GET_PERMS <path>|  ->  <perm-as-string>|+
Errno XenStore::Impl::do_get_permissions(Connection& connection, Body body) {
  const auto path = one_argument(body);
  if (!path) return XEN_EINVAL;
  Errno error = 0;
  const NodePtr node = get_node(connection, canonical_path(connection, *path), kPermRead, error);
  if (!node) return error;
  std::string answer;
  for (const Permission& permission : node->permissions) answer += to_string(permission) + '\0';
  reply(connection, XS_GET_PERMS, answer);
  return 0;
}

// SET_PERMS <path>|<perm-as-string>|+: for the owner, who cannot give the node away, and for domain 0, who
// can.
Errno XenStore::Impl::do_set_permissions(Connection& connection, Body body) {
  const auto strings = split_strings(body);
  if (strings.size() < 2) return XEN_EINVAL;
  if (unprivileged(&connection) && strings.size() - 1 > quota.permissions_per_node) return XEN_ENOSPC;
  Permissions permissions;
  for (size_t i = 1; i < strings.size(); ++i) {
    const auto permission = parse_permission(strings[i]);
    if (!permission) return XEN_EINVAL;
    permissions.push_back(*permission);
  }
  resolve_permissions(permissions);
  if (permissions[0].ignored) return XEN_ENOENT;

  if (strings[0].starts_with('@')) {
    Permissions* special = strings[0] == "@introduceDomain" ? &introduce_permissions
                           : strings[0] == "@releaseDomain" ? &release_permissions
                                                            : nullptr;
    if (!special) return XEN_EINVAL;
    constexpr uint8_t kNeeded = kPermWrite | kPermOwner;
    if ((permissions_for(connection, *special) & kNeeded) != kNeeded) return XEN_EACCES;
    *special = std::move(permissions);
    acknowledge(connection);
    return 0;
  }

  const std::string path = canonical_path(connection, strings[0]);
  Errno error = 0;
  const NodePtr node = get_node(connection, path, kPermWrite | kPermOwner, error);
  if (!node) return error;
  const uint32_t old_owner = node->permissions[0].domain, owner = permissions[0].domain;
  if (unprivileged(&connection) && owner != old_owner) return XEN_EPERM;
  Node changed = *node;
  changed.permissions = std::move(permissions);
  error = write_node(&connection, path, std::move(changed), true);
  if (error) return error;
  count_entry(&connection, old_owner, -1);
  count_entry(&connection, owner, 1);
  fire_watches(&connection, path, nullptr, false, &node->permissions);
  acknowledge(connection);
  return 0;
}

// RESET_WATCHES |: for a domain that starts a new kernel (kexec). Its transactions end, too, this one
// included.
Errno XenStore::Impl::do_reset_watches(Connection& connection, Body) {
  connection.current = nullptr;
  drop_watches(connection);
  drop_transactions(connection);
  acknowledge(connection);
  return 0;
}

}  // namespace ringside
