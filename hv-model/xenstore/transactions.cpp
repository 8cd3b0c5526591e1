// Transactions (docs/misc/xenstore.txt, "Transactions"; tools/xenstore/xenstored_transaction.c, whose head
// explains the detection of conflicts). Every write gets a number, the node's generation. A transaction
// remembers the generation of each node that it looked at first in the store, absence included; it may commit
// only while they are still the same. Nodes that it did not touch may change freely.
#include <fmt/format.h>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/path.h"
#include "hv-model/xenstore/server.h"

namespace ringside {

using namespace xenstore;

// TRANSACTION_START |  ->  <transid>|
Errno XenStore::Impl::do_transaction_start(Connection& connection, Body) {
  if (connection.current) return XEN_EBUSY;
  if (unprivileged(&connection) && connection.transactions.size() > quota.transactions_per_domain) {
    return XEN_ENOSPC;
  }
  uint32_t id = 0;
  do {
    id = connection.next_transaction_id++;
  } while (id == 0 || connection.transactions.contains(id));
  connection.transactions[id].generation = generation++;
  reply(connection, XS_TRANSACTION_START, fmt::format("{}", id) + '\0');
  return 0;
}

// TRANSACTION_END T|  or F|: the transaction is over whatever the reply is.
Errno XenStore::Impl::do_transaction_end(Connection& connection, Body body) {
  const auto argument = one_argument(body);
  if (!argument || (*argument != "T" && *argument != "F")) return XEN_EINVAL;
  if (!connection.current) return XEN_ENOENT;
  auto ending = connection.transactions.extract(connection.transaction_id);
  Transaction& transaction = ending.mapped();
  connection.current = nullptr;
  const Errno error = *argument == "T" ? commit(connection, transaction) : 0;
  discard(connection, transaction);
  if (error) return error;
  acknowledge(connection);
  return 0;
}

// transaction_fix_domains() and finalize_transaction()
Errno XenStore::Impl::commit(Connection& connection, Transaction& transaction) {
  if (transaction.failed) return XEN_ENOMEM;
  for (const auto& [id, change] : transaction.entry_changes) {
    const KnownDomain* domain = find_or_add_domain(id);
    if (!transaction.created || !unprivileged(&connection) || id == 0) continue;
    const int64_t entries = (domain ? domain->entries : 0) + change;
    if (entries >= static_cast<int64_t>(quota.nodes_per_domain)) return XEN_ENOSPC;
  }
  for (const auto& access : transaction.order) {
    const NodePtr now = stored(access->first);
    if ((now ? now->generation : kNoGeneration) != access->second.generation) return XEN_EAGAIN;
  }
  for (const auto& [id, change] : transaction.entry_changes) {
    if (KnownDomain* domain = find_or_add_domain(id)) domain->entries += change;
  }
  // An event is sent when its node is written: those of nodes that come later are not in the store yet.
  for (const auto& access : transaction.order) {
    const auto& [path, touched] = *access;
    if (!touched.modified) continue;
    if (touched.node) {
      Node node = *touched.node;
      node.generation = generation++;
      store(path, std::make_shared<Node>(std::move(node)));
    } else {
      erase(path);
    }
    if (touched.fire_watch) {
      fire_watches(&connection, path, nullptr, touched.watch_exact,
                   touched.original ? &*touched.original : nullptr);
    }
  }
  return 0;
}

void XenStore::Impl::discard(Connection& connection, Transaction& transaction) {
  for (auto& [path, access] : transaction.accessed) {
    (void)charge(connection.domain.value, -static_cast<int64_t>(access.charged), false);
    access.charged = 0;
  }
}

void XenStore::Impl::drop_transactions(Connection& connection) {
  for (auto& [id, transaction] : connection.transactions) discard(connection, transaction);
  connection.transactions.clear();
}

}  // namespace ringside
