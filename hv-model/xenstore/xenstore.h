// XenStore (docs/misc/xenstore.txt): a tree of nodes with values and permissions, watches and transactions.
// This class is the server without a transport: rings (xenstore_ring.h), in-process clients (client.h) and
// later sockets are connections of it. It behaves as the C xenstored of Xen 4.17.
//
// The state is a function of the calls made so far, so visit_state lists a running hash over them and a few
// counters: it costs nothing however large the tree is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/ids.h"
#include "sim/state.h"

namespace ringside {

// xenstored's defaults (tools/xenstore/xenstored_core.c). They bind unprivileged domains only, but for
// path_length, which binds all. A domain may own exactly nodes_per_domain nodes; the checks of watches and
// of transactions are made before the count, with "greater than", so that one more of each is possible.
struct XenStoreQuota {
  uint32_t nodes_per_domain = 1000;
  uint32_t watches_per_domain = 128;
  uint32_t transactions_per_domain = 10;
  uint32_t nodes_per_transaction = 1024;  // that it has looked at or changed
  uint32_t node_size = 2048;              // a record of this size is refused already (xenstore/node.h)
  uint32_t permissions_per_node = 5;
  uint32_t path_length = 2048;  // XENSTORE_REL_PATH_MAX: what follows "/local/domain/<id>/"
  uint32_t outstanding_requests = 20;
  uint32_t memory_per_domain = 2 * 1024 * 1024 + 512 * 1024;  // nodes, watches, copies in transactions
};

class XenStoreAnswerer;

class XenStore : public Stateful {
 public:
  using ConnectionId = uint32_t;
  // Receives whole messages (header and body): replies, and watch events between them.
  using Sink = std::function<void(std::vector<uint8_t> message)>;

  explicit XenStore(const XenStoreQuota& quota = {});
  ~XenStore() override;

  // Several connections may belong to one domain; domain 0 is privileged.
  ConnectionId connect(DomainId domain, Sink sink);
  // Ends its transactions and drops its watches.
  void disconnect(ConnectionId connection);

  // One whole request, header included. Malformed ones get an error reply as xenstored's do. A request of a
  // connection that is gone is ignored; one whose body is longer than XENSTORE_PAYLOAD_MAX ends the
  // connection, as xenstored ignores such a client from then on.
  void handle(ConnectionId connection, std::span<const uint8_t> message);

  // The next connection of this domain is a stand-in's: it gets the requests and gives what the sink gets.
  // Its own connections are made before. It outlives the connection.
  void let_answer(DomainId domain, XenStoreAnswerer& answerer);

  // XS_INTRODUCE and XS_RELEASE for a domain: fires @introduceDomain, @releaseDomain. A release ends the
  // domain's connections and removes the nodes that it owns, with all below them.
  void introduce(DomainId domain);
  void release(DomainId domain);
  bool is_introduced(DomainId domain) const;
  // The domain has ended by itself and is still there: fires @releaseDomain, once until XS_RESUME.
  void shut_down(DomainId domain);

  // Which domains permissions may name. Without it, all up to the reserved ids.
  void set_domain_exists(std::function<bool(DomainId)> exists);

  const XenStoreQuota& quota() const;

  // --- For tests, checkers and diagnosis ---
  // Called with the path of each node that was written or removed, when the request that did it is over (a
  // transaction's at its end). It changes nothing of what the store does, and must not speak to it.
  using Observer = std::function<void(const std::string& path)>;
  void set_observer(Observer observer);
  // The value of a node, whoever may read it; nothing where there is none. Good until the next request.
  std::optional<std::string_view> peek(std::string_view path) const;
  // The names of its children, likewise; none where there is no such node.
  std::vector<std::string> peek_children(std::string_view path) const;
  size_t node_count() const;
  int64_t nodes_owned_by(DomainId domain) const;  // as accounted
  int64_t memory_of(DomainId domain) const;       // as accounted
  size_t watches_of(DomainId domain) const;       // as accounted
  // Walks the tree: each node's parent lists it once, each child exists, and the accounts agree with what is
  // there. The text says what is wrong; empty when all is well. Open transactions' copies are counted, too.
  std::string check_consistency() const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Answers a domain's requests in the place of the store.
class XenStoreAnswerer : public Stateful {
 public:
  virtual void connected(XenStore::Sink sink) = 0;
  virtual void handle(std::span<const uint8_t> request) = 0;
  virtual void disconnected() = 0;
};

}  // namespace ringside
