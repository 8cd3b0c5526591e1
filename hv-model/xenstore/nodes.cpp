// Reading and writing nodes, in a transaction or not (tools/xenstore/xenstored_core.c: read_node,
// write_node, create_node, rm_node; xenstored_transaction.c: access_node).
#include "hv-model/xenstore/path.h"
#include "hv-model/xenstore/server.h"
#include "sim/assert.h"

namespace ringside {

using namespace xenstore;

// perm_for_conn()
uint8_t XenStore::Impl::permissions_for(const Connection& connection, const Permissions& permissions) const {
  constexpr uint8_t kAll = kPermRead | kPermWrite | kPermOwner;
  const uint32_t domain = connection.domain.value;
  const auto is_it = [&](const Permission& permission) {
    return permission.domain == domain || (connection.target && permission.domain == *connection.target);
  };
  if (!unprivileged(&connection) || is_it(permissions[0])) return kAll;
  for (size_t i = 1; i < permissions.size(); ++i) {
    if (!permissions[i].ignored && is_it(permissions[i])) return permissions[i].bits;
  }
  return permissions[0].bits;
}

NodePtr XenStore::Impl::stored(const std::string& path) const {
  const auto found = nodes.find(path);
  return found == nodes.end() ? nullptr : found->second;
}

// domain_adjust_node_perms(): entries for domains that are gone, or that came after the node was written,
// count for nothing; a node without an owner is domain 0's.
NodePtr XenStore::Impl::adjust_permissions(NodePtr node) const {
  const auto alive = [&](const Permission& permission) {
    const KnownDomain* domain = find_domain(permission.domain);
    return domain && domain->generation <= node->generation;
  };
  bool stale = !alive(node->permissions[0]);
  for (size_t i = 1; i < node->permissions.size(); ++i) {
    stale = stale || (!node->permissions[i].ignored && !alive(node->permissions[i]));
  }
  if (!stale) return node;
  auto adjusted = std::make_shared<Node>(*node);
  if (!alive(adjusted->permissions[0])) adjusted->permissions[0].domain = 0;
  for (size_t i = 1; i < adjusted->permissions.size(); ++i) {
    if (!alive(adjusted->permissions[i])) adjusted->permissions[i].ignored = true;
  }
  return adjusted;
}

// A transaction takes note of the node, as it is in the store, when it first looks at it.
Access* XenStore::Impl::access(Connection& connection, const std::string& path, const NodePtr& node) {
  Transaction& transaction = *connection.current;
  const auto found = transaction.accessed.find(path);
  if (found != transaction.accessed.end()) return &found->second;
  if (unprivileged(&connection) && transaction.accessed.size() >= quota.nodes_per_transaction) {
    transaction.failed = true;
    return nullptr;
  }
  const auto added = transaction.accessed.emplace(path, Access{}).first;
  transaction.order.push_back(added);
  Access& access = added->second;
  if (node) {
    access.generation = node->generation;
    access.original = node->permissions;
    set_copy(connection, access, node, path);
  }
  return &access;
}

void XenStore::Impl::set_copy(Connection& connection, Access& access, NodePtr node, const std::string& path) {
  const size_t size = node ? node->record_size() + connection.current->key_size(path) : 0;
  (void)charge(connection.domain.value, static_cast<int64_t>(size) - static_cast<int64_t>(access.charged),
               false);
  access.charged = size;
  access.node = std::move(node);
}

NodePtr XenStore::Impl::read_node(Connection* connection, const std::string& path, Errno& error) {
  NodePtr node;
  Transaction* transaction = connection ? connection->current : nullptr;
  const auto known = transaction ? transaction->accessed.find(path) : Transaction::Accesses::iterator{};
  if (transaction && known != transaction->accessed.end()) {
    node = known->second.node;
  } else {
    node = stored(path);
    if (node) node = adjust_permissions(std::move(node));
    if (transaction && !access(*connection, path, node)) {
      error = XEN_ENOSPC;
      return nullptr;
    }
  }
  error = node ? 0 : XEN_ENOENT;
  return node;
}

// errno_from_parents(): what somebody may not read must look as if it were not known whether it exists.
Errno XenStore::Impl::hide_error(Connection& connection, const std::string& path, Errno error,
                                 uint8_t permissions) {
  std::string ancestor = path;
  NodePtr node;
  do {
    ancestor = parent_of(ancestor);
    Errno reading = 0;
    node = read_node(&connection, ancestor, reading);
    if (reading == XEN_ENOSPC) return reading;
  } while (!node && ancestor != "/");
  if (!node) return XEN_EACCES;
  return (permissions_for(connection, node->permissions) & permissions) ? error : Errno{XEN_EACCES};
}

// get_node()
NodePtr XenStore::Impl::get_node(Connection& connection, const std::string& path, uint8_t permissions,
                                 Errno& error) {
  if (!is_valid_path(path, quota.path_length)) {
    error = XEN_EINVAL;
    return nullptr;
  }
  NodePtr node = read_node(&connection, path, error);
  if (node && (permissions_for(connection, node->permissions) & permissions) != permissions) {
    error = XEN_EACCES;
    node = nullptr;
  }
  if (!node && error != XEN_ENOSPC) error = hide_error(connection, path, error, permissions);
  return node;
}

uint32_t XenStore::Impl::accountable(const Node& node) const {
  const KnownDomain* owner = find_domain(node.permissions[0].domain);
  return owner && owner->generation <= node.generation ? node.permissions[0].domain : 0;
}

// domain_memory_add()
bool XenStore::Impl::charge(uint32_t id, int64_t bytes, bool check_quota) {
  KnownDomain* domain = find_domain(id);
  if (!domain) return true;
  if (check_quota && id != 0 && domain->memory + bytes >= quota.memory_per_domain) return false;
  domain->memory += bytes;
  return true;
}

void XenStore::Impl::count_entry(Connection* connection, uint32_t owner, int64_t change) {
  if (connection && connection->current) {
    connection->current->entry_changes[owner] += change;
  } else if (KnownDomain* domain = find_or_add_domain(owner)) {
    domain->entries += change;
  }
}

void XenStore::Impl::erase(const std::string& path) {
  const auto found = nodes.find(path);
  if (found == nodes.end()) return;
  const Node& node = *found->second;
  (void)charge(accountable(node), -static_cast<int64_t>(node.record_size() + path.size()), false);
  nodes.erase(found);
  if (observer) changed_nodes.push_back(path);
}

void XenStore::Impl::store(const std::string& path, NodePtr node) {
  erase(path);
  (void)charge(accountable(*node), static_cast<int64_t>(node->record_size() + path.size()), false);
  nodes[path] = std::move(node);
  // What it replaces has been noted already.
  if (observer && (changed_nodes.empty() || changed_nodes.back() != path)) changed_nodes.push_back(path);
}

// write_node(). Without a connection it is the store's own doing. A write that fails within a transaction
// spoils the transaction.
Errno XenStore::Impl::write_node(Connection* connection, const std::string& path, Node node,
                                 bool check_quota) {
  Transaction* transaction = connection ? connection->current : nullptr;
  node.generation = generation++;
  Access* copy = nullptr;
  if (transaction) {
    copy = access(*connection, path, stored(path));
    if (!copy) return XEN_ENOSPC;
    copy->modified = true;
  }
  NodePtr written = adjust_permissions(std::make_shared<Node>(std::move(node)));
  const size_t size = written->record_size();
  Errno error = 0;
  if (check_quota) {
    const NodePtr old = transaction ? copy->node : stored(path);
    const uint32_t account = transaction ? connection->domain.value : accountable(*written);
    const bool same = old && (transaction || accountable(*old) == account);
    const size_t key_size = transaction ? transaction->key_size(path) : path.size();
    const int64_t growth = static_cast<int64_t>(size + key_size) -
                           static_cast<int64_t>(same ? old->record_size() + key_size : 0);
    const KnownDomain* domain = find_domain(account);
    if (unprivileged(connection) && size >= quota.node_size) {
      error = XEN_ENOSPC;
    } else if (domain && account != 0 && domain->memory + growth >= quota.memory_per_domain) {
      error = XEN_EIO;
    }
  }
  if (error) {
    if (transaction) transaction->failed = true;
    return error;
  }
  if (transaction) {
    set_copy(*connection, *copy, std::move(written), path);
  } else {
    store(path, std::move(written));
  }
  return 0;
}

// destroy_node(): takes back what a failed creation has written.
void XenStore::Impl::undo_creation(Connection& connection, const std::string& path) {
  if (connection.current) {
    const auto found = connection.current->accessed.find(path);
    SIM_ASSERT(found != connection.current->accessed.end());
    count_entry(&connection, found->second.node->permissions[0].domain, -1);
    set_copy(connection, found->second, nullptr, path);
    connection.current->failed = true;
    return;
  }
  count_entry(&connection, stored(path)->permissions[0].domain, -1);
  erase(path);
}

// construct_node() and create_node(): missing parents are made, too. A new node has its parent's permissions,
// but an unprivileged domain owns what it makes. They are written from the leaf up.
Errno XenStore::Impl::create_node(Connection& connection, const std::string& path, std::string value) {
  std::vector<std::string> paths{path};  // the last one exists
  NodePtr found;
  do {
    const std::string parent = parent_of(paths.back());
    Errno error = 0;
    found = read_node(&connection, parent, error);
    if (!found && (error != XEN_ENOENT || parent == "/")) return error;
    paths.push_back(parent);
  } while (!found);

  if (connection.current) connection.current->created = true;

  std::vector<Node> made(paths.size());
  made.back() = *found;
  for (size_t i = paths.size() - 1; i-- > 0;) {
    made[i + 1].children += std::string(base_name(paths[i])) + '\0';
    made[i].permissions = made[i + 1].permissions;
    if (unprivileged(&connection)) made[i].permissions[0].domain = connection.domain.value;
  }
  made[0].value = std::move(value);

  for (size_t i = 0; i < paths.size(); ++i) {
    const bool is_new = i + 1 < paths.size();
    const uint32_t owner = made[i].permissions[0].domain;
    Errno error = 0;
    if (is_new && unprivileged(&connection) &&
        find_domain(connection.domain.value)->entries >= quota.nodes_per_domain) {
      error = XEN_ENOSPC;
    } else {
      error = write_node(&connection, paths[i], std::move(made[i]), true);
    }
    if (error) {
      for (size_t done = 0; done < i; ++done) undo_creation(connection, paths[done]);
      return error;
    }
    if (is_new) count_entry(&connection, owner, 1);
  }
  return 0;
}

// delnode_sub(): one node that has no children any more.
Errno XenStore::Impl::remove_one(Connection* connection, const std::string& path, const NodePtr& node) {
  generation += 1;
  if (connection && connection->current) {
    Access* copy = access(*connection, path, node);
    if (!copy) return XEN_ENOSPC;
    copy->modified = true;
    set_copy(*connection, *copy, nullptr, path);
  } else {
    erase(path);
  }
  return 0;
}

// rm_node(): children first, in the order of their creation; each loses its name in its parent at once, so
// that the tree is whole at any time.
Errno XenStore::Impl::remove_tree(Connection* connection, const std::string& path) {
  struct Level {
    std::string path;
    NodePtr node;
  };
  Errno error = 0;
  const auto forget_child = [&](const std::string& parent_path, const NodePtr& parent,
                                std::string_view name) {
    Node changed = *parent;
    const size_t at = find_child(changed.children, name);
    if (at == std::string::npos) return Errno{XEN_EIO};
    changed.children.erase(at, name.size() + 1);
    return write_node(connection, parent_path, std::move(changed), false);
  };
  const std::string parent_path = parent_of(path);
  const NodePtr parent = read_node(connection, parent_path, error);
  if (!parent) return error == XEN_ENOSPC ? error : Errno{XEN_EINVAL};

  std::vector<Level> levels;
  levels.push_back({path, read_node(connection, path, error)});
  while (!levels.empty()) {
    const Level level = levels.back();
    // A child that a transaction cannot see any more (the store has moved on), or must not look at.
    if (!level.node) return XEN_EIO;
    if (!level.node->children.empty()) {
      const std::string child = join(level.path, level.node->children.c_str());
      levels.push_back({child, read_node(connection, child, error)});
      continue;
    }
    levels.pop_back();
    if (remove_one(connection, level.path, level.node)) return XEN_EIO;
    fire_watches(connection, level.path, level.node, !levels.empty(), nullptr);
    count_entry(connection, level.node->permissions[0].domain, -1);
    if (levels.empty()) break;
    Level& above = levels.back();
    if (forget_child(above.path, above.node, base_name(level.path))) return XEN_EIO;
    above.node = read_node(connection, above.path, error);
  }
  return forget_child(parent_path, parent, base_name(path));
}

}  // namespace ringside
