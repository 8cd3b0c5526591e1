// XenStore (docs/misc/xenstore.txt): a tree of nodes with values and permissions, watches and transactions.
// This class is the server without a transport: rings (xenstore_ring.h), in-process clients (client.h) and
// later sockets are connections of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/ids.h"
#include "sim/state.h"

namespace ringside {

// xenstored's defaults (tools/xenstore/xenstored_core.c). They bind unprivileged domains only.
struct XenStoreQuota {
  uint32_t nodes_per_domain = 1000;
  uint32_t watches_per_domain = 128;
  uint32_t transactions_per_domain = 10;
  uint32_t node_size = 2048;          // bytes of value, names and permissions
  uint32_t permissions_per_node = 5;
  uint32_t path_length = 1024;        // relative paths; XENSTORE_ABS_PATH_MAX = 3072 for absolute ones
  uint32_t outstanding_requests = 20;
};

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

  // One whole request, header included. Malformed ones get an error reply as xenstored's do.
  void handle(ConnectionId connection, std::span<const uint8_t> message);

  // XS_INTRODUCE and XS_RELEASE for a domain: fires @introduceDomain, @releaseDomain.
  void introduce(DomainId domain);
  void release(DomainId domain);
  bool is_introduced(DomainId domain) const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
