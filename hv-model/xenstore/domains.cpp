// What XenStore knows of domains (docs/misc/xenstore.txt, "Domain management";
// tools/xenstore/xenstored_domain.c).
#include <algorithm>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/path.h"
#include "hv-model/xenstore/server.h"

namespace ringside {

using namespace xenstore;

KnownDomain* XenStore::Impl::find_domain(uint32_t id) {
  const auto found = domains.find(id);
  return found == domains.end() ? nullptr : &found->second;
}

const KnownDomain* XenStore::Impl::find_domain(uint32_t id) const {
  const auto found = domains.find(id);
  return found == domains.end() ? nullptr : &found->second;
}

KnownDomain* XenStore::Impl::find_or_add_domain(uint32_t id) {
  if (KnownDomain* known = find_domain(id)) return known;
  if (id >= DOMID_FIRST_RESERVED) return nullptr;
  if (domain_exists && !domain_exists(DomainId{static_cast<uint16_t>(id)})) return nullptr;
  KnownDomain& added = domains[id];
  added.generation = generation;
  return &added;
}

void XenStore::Impl::resolve_permissions(Permissions& permissions) {
  for (Permission& permission : permissions) {
    if (!find_or_add_domain(permission.domain)) permission.ignored = true;
  }
}

bool XenStore::Impl::has_connection(uint32_t domain) const {
  for (const auto& [id, connection] : connections) {
    if (connection.domain.value == domain) return true;
  }
  return false;
}

void XenStore::Impl::introduce(uint32_t id) {
  KnownDomain* domain = find_or_add_domain(id);
  if (!domain || domain->introduced) return;
  domain->introduced = true;
  fire_special("@introduceDomain");
}

void XenStore::Impl::release(uint32_t id) {
  KnownDomain* domain = find_domain(id);
  if (!domain || id == 0) return;
  for (auto it = connections.begin(); it != connections.end();) {
    if (it->second.domain.value != id) {
      // xenstored keeps a target's connection until those that aim at it are gone; the id has no use any
      // more.
      if (it->second.target == id) it->second.target.reset();
      ++it;
      continue;
    }
    drop_watches(it->second);
    drop_transactions(it->second);
    it = connections.erase(it);
  }
  remove_nodes_of(id);
  for (Permissions* special : {&introduce_permissions, &release_permissions}) {
    if ((*special)[0].domain == id) (*special)[0].domain = 0;
    special->erase(std::remove_if(special->begin() + 1, special->end(),
                                  [&](const Permission& permission) { return permission.domain == id; }),
                   special->end());
  }
  const bool was_introduced = domain->introduced;
  domains.erase(id);
  if (was_introduced) fire_special("@releaseDomain");
}

// domain_tree_remove(): all nodes that the domain owns go, with what others have below them. From the root
// down, in the order of the children.
void XenStore::Impl::remove_nodes_of(uint32_t id) {
  std::vector<std::string> to_visit{"/"}, owned;
  while (!to_visit.empty()) {
    const std::string path = std::move(to_visit.back());
    to_visit.pop_back();
    const NodePtr node = stored(path);
    if (!node) continue;
    if (accountable(*node) == id && path != "/") {
      owned.push_back(path);
      continue;
    }
    const size_t first = to_visit.size();
    for (size_t at = 0; at < node->children.size();) {
      const std::string_view name(node->children.c_str() + at);
      to_visit.push_back(join(path, name));
      at += name.size() + 1;
    }
    std::reverse(to_visit.begin() + static_cast<ptrdiff_t>(first), to_visit.end());
  }
  for (const std::string& path : owned) (void)remove_tree(nullptr, path);
}

// onearg_domain(): an introduced domain that has a connection; never domain 0.
bool XenStore::Impl::one_domain(Body body, uint32_t& domain, Errno& error) const {
  const auto argument = one_argument(body);
  domain = argument ? static_cast<uint32_t>(parse_integer(*argument)) : 0;
  const KnownDomain* known = find_domain(domain);
  error = domain == 0 ? XEN_EINVAL : !known || !known->introduced ? XEN_ENOENT : 0;
  return error == 0;
}

// INTRODUCE <domid>|<gfn>|<evtchn>|
// DEVIATES: xenstored maps the domain's ring here. Ours is a XenStoreRing, which the machine makes; the frame
// and the port are read and not used.
Errno XenStore::Impl::do_introduce(Connection& connection, Body body) {
  const auto strings = split_strings(body);
  if (strings.size() < 3) return XEN_EINVAL;
  const auto domain = static_cast<uint32_t>(parse_integer(strings[0]));
  if (parse_integer(strings[2]) <= 0) return XEN_EINVAL;
  if (!find_or_add_domain(domain)) return XEN_ENOENT;
  introduce(domain);
  for (auto& [id, other] : connections) {
    if (other.domain.value != domain || domain == 0) continue;
    drop_watches(other);
    drop_transactions(other);
  }
  acknowledge(connection);
  return 0;
}

// RELEASE <domid>|
Errno XenStore::Impl::do_release(Connection& connection, Body body) {
  uint32_t domain = 0;
  Errno error = 0;
  if (!one_domain(body, domain, error)) return error;
  release(domain);
  acknowledge(connection);
  return 0;
}

// GET_DOMAIN_PATH <domid>|  ->  <path>|
Errno XenStore::Impl::do_get_domain_path(Connection& connection, Body body) {
  const auto argument = one_argument(body);
  if (!argument) return XEN_EINVAL;
  reply(connection, XS_GET_DOMAIN_PATH, home_of(static_cast<uint32_t>(parse_integer(*argument))) + '\0');
  return 0;
}

// IS_DOMAIN_INTRODUCED <domid>|  ->  T| or F|
Errno XenStore::Impl::do_is_domain_introduced(Connection& connection, Body body) {
  const auto argument = one_argument(body);
  if (!argument) return XEN_EINVAL;
  const auto domain = static_cast<uint32_t>(parse_integer(*argument));
  const KnownDomain* known = find_domain(domain);
  const bool introduced = domain == DOMID_SELF || (known && known->introduced);
  reply(connection, XS_IS_DOMAIN_INTRODUCED, std::string_view(introduced ? "T" : "F", 2));
  return 0;
}

// RESUME <domid>|: a domain that had shut down runs again.
Errno XenStore::Impl::do_resume(Connection& connection, Body body) {
  uint32_t domain = 0;
  Errno error = 0;
  if (!one_domain(body, domain, error)) return error;
  domains.at(domain).shut_down = false;
  acknowledge(connection);
  return 0;
}

// SET_TARGET <domid>|<tdomid>|: the first (a device model) may do what the second may.
Errno XenStore::Impl::do_set_target(Connection& connection, Body body) {
  const auto strings = split_strings(body);
  if (strings.size() < 2) return XEN_EINVAL;
  const auto domain = static_cast<uint32_t>(parse_integer(strings[0]));
  const auto target = static_cast<uint32_t>(parse_integer(strings[1]));
  for (const uint32_t id : {domain, target}) {
    const KnownDomain* known = find_domain(id);
    if (!known || !known->introduced) return XEN_ENOENT;
    if (!has_connection(id)) return XEN_EINVAL;
  }
  for (auto& [id, other] : connections) {
    if (other.domain.value == domain) other.target = target;
  }
  acknowledge(connection);
  return 0;
}

}  // namespace ringside
