// Watches (docs/misc/xenstore.txt, "Watches"; tools/xenstore/xenstored_watch.c).
#include <algorithm>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/path.h"
#include "hv-model/xenstore/server.h"

namespace ringside {

using namespace xenstore;

namespace {

bool is_special(std::string_view path) { return path.starts_with('@'); }

// What an event says: the path as its watcher named things.
std::string_view event_path(const Connection& watcher, const Watch& watch, std::string_view path) {
  if (!watch.relative) return path;
  path.remove_prefix(std::min(home_of(watcher.domain.value).size(), path.size()));
  if (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

}  // namespace

// WATCH <wpath>|<token>|: fires once at once, behind its reply.
Errno XenStore::Impl::do_watch(Connection& connection, Body body) {
  const auto strings = split_strings(body);
  if (strings.size() != 2) return XEN_EINVAL;
  Watch watch{canonical_path(connection, strings[0]), strings[1], false};
  if (is_special(strings[0])) {
    if (strings[0].size() > XENSTORE_REL_PATH_MAX) return XEN_EINVAL;
  } else {
    watch.relative = !strings[0].starts_with('/');
    if (!is_valid_path(watch.path, quota.path_length)) return XEN_EINVAL;
  }
  for (const Watch& other : connection.watches) {
    if (other.path == watch.path && other.token == watch.token) return XEN_EEXIST;
  }
  const uint32_t domain = connection.domain.value;
  KnownDomain& account = domains.at(domain);
  if (unprivileged(&connection) && account.watches > static_cast<int64_t>(quota.watches_per_domain)) {
    return XEN_E2BIG;
  }
  if (!charge(domain, static_cast<int64_t>(watch.path.size() + watch.token.size()), true)) return XEN_ENOMEM;
  account.watches += 1;
  connection.watches.push_back(watch);
  acknowledge(connection);
  send_event(connection, event_path(connection, watch, watch.path), watch.token);
  return 0;
}

// UNWATCH <wpath>|<token>|
Errno XenStore::Impl::do_unwatch(Connection& connection, Body body) {
  const auto strings = split_strings(body);
  if (strings.size() != 2) return XEN_EINVAL;
  const std::string path = canonical_path(connection, strings[0]);
  const auto found =
      std::find_if(connection.watches.begin(), connection.watches.end(),
                   [&](const Watch& watch) { return watch.path == path && watch.token == strings[1]; });
  if (found == connection.watches.end()) return XEN_ENOENT;
  const uint32_t domain = connection.domain.value;
  (void)charge(domain, -static_cast<int64_t>(found->path.size() + found->token.size()), false);
  domains.at(domain).watches -= 1;
  connection.watches.erase(found);
  acknowledge(connection);
  return 0;
}

void XenStore::Impl::drop_watches(Connection& connection) {
  const uint32_t domain = connection.domain.value;
  for (const Watch& watch : connection.watches) {
    (void)charge(domain, -static_cast<int64_t>(watch.path.size() + watch.token.size()), false);
    if (KnownDomain* account = find_domain(domain)) account->watches -= 1;
  }
  connection.watches.clear();
}

// watch_permitted(): who may read the node, or its parent, or could before the change (XSA-115).
bool XenStore::Impl::may_hear(const Connection& watcher, const std::string& path, const NodePtr& given,
                              const Permissions* old_permissions) {
  if (!unprivileged(&watcher)) return old_permissions || given || stored(path);
  if (old_permissions && (permissions_for(watcher, *old_permissions) & kPermRead)) return true;
  NodePtr node = given ? given : stored(path);
  if (!node) return false;
  node = adjust_permissions(std::move(node));
  if (permissions_for(watcher, node->permissions) & kPermRead) return true;
  NodePtr parent = stored(parent_of(path));
  if (!parent) return false;
  parent = adjust_permissions(std::move(parent));
  return permissions_for(watcher, parent->permissions) & kPermRead;
}

// Connections in the order in which they were made, and the watches of each in the order in which they were
// set. A transaction keeps its events for its end.
void XenStore::Impl::fire_watches(Connection* connection, const std::string& path, const NodePtr& node,
                                  bool exact, const Permissions* old_permissions) {
  if (connection && connection->current) {
    const auto found = connection->current->accessed.find(path);
    if (found == connection->current->accessed.end()) {
      connection->current->failed = true;
      return;
    }
    found->second.fire_watch = true;
    found->second.watch_exact = exact;
    return;
  }
  for (auto& [id, watcher] : connections) {
    if (watcher.watches.empty() || !may_hear(watcher, path, node, old_permissions)) continue;
    for (const Watch& watch : watcher.watches) {
      const bool hit = exact ? watch.path == path : is_at_or_below(path, watch.path);
      if (hit) send_event(watcher, event_path(watcher, watch, path), watch.token);
    }
  }
}

// @introduceDomain and @releaseDomain, for watches of just that.
void XenStore::Impl::fire_special(const std::string& path) {
  const Permissions& permissions = path == "@introduceDomain" ? introduce_permissions : release_permissions;
  for (auto& [id, watcher] : connections) {
    if (!(permissions_for(watcher, permissions) & kPermRead)) continue;
    for (const Watch& watch : watcher.watches) {
      if (watch.path == path) send_event(watcher, path, watch.token);
    }
  }
}

}  // namespace ringside
