// CONTROL <command>|[<arguments>|+]: what domain 0 asks of the server itself
// (tools/xenstore/xenstored_control.c). DEVIATES: of xenstored's commands there are `help`, `check`, `print`
// and `quota`, without `quota set`. The others (live-update, log, logfile, memreport, quota-soft) are about
// that program and unknown here: EINVAL.
#include <fmt/format.h>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/server.h"

namespace ringside {

using namespace xenstore;

// domain_get_quota()
std::optional<std::string> XenStore::Impl::account_text(uint32_t id) const {
  const KnownDomain* domain = find_domain(id);
  if (!domain) return std::nullopt;
  size_t open = 0;
  for (const auto& [number, connection] : connections) {
    if (connection.domain.value == id && id != 0) open += connection.transactions.size();
  }
  std::string text = fmt::format("Domain {}:\n", id);
  const auto line = [&](const char* name, int64_t value) {
    text += fmt::format("{:<16}: {:8}\n", name, value);
  };
  line("nodes", domain->entries);
  line("watches", domain->watches);
  line("transactions", static_cast<int64_t>(open));
  // What a transport has not delivered yet is the transport's to count.
  line("outstanding", 0);
  line("memory", domain->memory);
  return text + '\0';
}

std::string XenStore::Impl::quota_text() const {
  std::string text = "Quota settings:\n";
  const auto line = [&](const char* name, uint32_t value, const char* meaning) {
    text += fmt::format("{:<17}: {:8} {}\n", name, value, meaning);
  };
  line("nodes", quota.nodes_per_domain, "Nodes per domain");
  line("watches", quota.watches_per_domain, "Watches per domain");
  line("transactions", quota.transactions_per_domain, "Transactions per domain");
  line("outstanding", quota.outstanding_requests, "Outstanding requests per domain");
  line("transaction-nodes", quota.nodes_per_transaction, "Max. number of accessed nodes per transaction");
  line("memory", quota.memory_per_domain, "Total Xenstore memory per domain (error level)");
  line("node-size", quota.node_size, "Max. size of a node");
  line("path-max", quota.path_length, "Max. length of a node path");
  line("permissions", quota.permissions_per_node, "Max. number of permissions per node");
  return text + '\0';
}

Errno XenStore::Impl::do_control(Connection& connection, Body body) {
  const auto strings = split_strings(body);
  if (strings.empty()) return XEN_EINVAL;
  const std::string& command = strings[0];
  if (command == "help" && strings.size() == 1) {
    reply(connection, XS_CONTROL, std::string("check\t\nprint\t<string>\nquota\t[<domid>]\nhelp\t\n") + '\0');
    return 0;
  }
  if ((command == "check" && strings.size() == 1) || (command == "print" && strings.size() == 2)) {
    acknowledge(connection);
    return 0;
  }
  if (command != "quota" || strings.size() > 2) return XEN_EINVAL;
  if (strings.size() == 1) {
    reply(connection, XS_CONTROL, quota_text());
    return 0;
  }
  const auto text = account_text(static_cast<uint32_t>(parse_integer(strings[1])));
  if (!text) return XEN_ENOENT;
  reply(connection, XS_CONTROL, *text);
  return 0;
}

}  // namespace ringside
