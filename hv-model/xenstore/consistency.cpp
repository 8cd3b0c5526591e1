// The store examines itself, for tests.
#include <fmt/format.h>

#include "hv-model/xenstore/path.h"
#include "hv-model/xenstore/server.h"

namespace ringside {

using namespace xenstore;

std::vector<std::string> XenStore::peek_children(std::string_view path) const {
  std::vector<std::string> names;
  const auto found = impl_->nodes.find(path);
  if (found == impl_->nodes.end()) return names;
  const std::string& children = found->second->children;
  for (size_t at = 0; at < children.size(); at += names.back().size() + 1)
    names.emplace_back(children.c_str() + at);
  return names;
}

size_t XenStore::node_count() const { return impl_->nodes.size(); }

int64_t XenStore::nodes_owned_by(DomainId domain) const {
  const auto* known = impl_->find_domain(domain.value);
  return known ? known->entries : 0;
}

int64_t XenStore::memory_of(DomainId domain) const {
  const auto* known = impl_->find_domain(domain.value);
  return known ? known->memory : 0;
}

size_t XenStore::watches_of(DomainId domain) const {
  const auto* known = impl_->find_domain(domain.value);
  return known ? static_cast<size_t>(known->watches) : 0;
}

namespace {

std::string check_children(const std::map<std::string, NodePtr, std::less<>>& nodes, const std::string& path,
                           const Node& node, size_t& listed) {
  for (size_t at = 0; at < node.children.size();) {
    const std::string_view name(node.children.c_str() + at);
    if (name.empty() || !nodes.contains(join(path, name))) return fmt::format("'{}' lists '{}'", path, name);
    if (find_child(node.children, name) != at) return fmt::format("'{}' lists '{}' twice", path, name);
    at += name.size() + 1;
    listed += 1;
  }
  return {};
}

}  // namespace

std::string XenStore::check_consistency() const {
  std::map<uint32_t, int64_t> entries, memory, watches;
  size_t listed = 1;  // the root
  for (const auto& [path, node] : impl_->nodes) {
    if (std::string problem = check_children(impl_->nodes, path, *node, listed); !problem.empty())
      return problem;
    const uint32_t account = impl_->accountable(*node);
    entries[account] += 1;
    memory[account] += static_cast<int64_t>(node->record_size() + path.size());
  }
  if (listed != impl_->nodes.size()) return fmt::format("{} nodes, {} listed", impl_->nodes.size(), listed);
  for (const auto& [id, connection] : impl_->connections) {
    const uint32_t domain = connection.domain.value;
    watches[domain] += static_cast<int64_t>(connection.watches.size());
    for (const Watch& watch : connection.watches) {
      memory[domain] += static_cast<int64_t>(watch.path.size() + watch.token.size());
    }
    for (const auto& [number, transaction] : connection.transactions) {
      for (const auto& [path, access] : transaction.accessed)
        memory[domain] += static_cast<int64_t>(access.charged);
    }
  }
  for (const auto& [id, domain] : impl_->domains) {
    // Domain 0 also gets the nodes of domains that are gone, uncounted.
    if (id == 0) continue;
    if (domain.entries != entries[id])
      return fmt::format("domain {}: {} nodes, {}", id, domain.entries, entries[id]);
    if (domain.memory != memory[id])
      return fmt::format("domain {}: {} bytes, {}", id, domain.memory, memory[id]);
    if (domain.watches != watches[id]) return fmt::format("domain {}: {} watches", id, domain.watches);
  }
  return {};
}

}  // namespace ringside
