// The inside of XenStore. A request takes this way: dispatch (server.cpp) finds its handler in a table and
// its transaction; the handler (requests.cpp, watches.cpp, transactions.cpp, domains.cpp) reads and writes
// nodes through nodes.cpp, which knows whether a transaction's copy or the store itself is meant; a change
// fires watches; replies and events leave in order when the request is done.
//
// Function by function it follows tools/xenstore/xenstored_*.c of Xen 4.17, because the order in which
// nodes are written is visible in generation counts and the order of checks in error replies.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hv-model/xen_error.h"
#include "hv-model/xenstore/node.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

namespace xenstore {

using Errno = int64_t;  // 0 or a XEN_ error

inline constexpr uint64_t kNoGeneration = ~uint64_t{0};

// What a transaction knows of one node: its own copy, and what it must still be like at the end.
struct Access {
  NodePtr node;                         // null: absent, or deleted by the transaction
  uint64_t generation = kNoGeneration;  // in the store when first looked at
  bool modified = false;
  bool fire_watch = false, watch_exact = false;
  std::optional<Permissions> original;  // who may still hear of a change
  size_t charged = 0;                   // bytes of the copy, accounted to the transaction's domain
};

struct Transaction {
  using Accesses = std::map<std::string, Access, std::less<>>;
  uint64_t generation = 0;  // when it began
  bool failed = false;      // can only be given up
  bool created = false;     // or tried to: only then quotas count at the end
  // xenstored keeps copies in the store under "<generation>/<path>", which counts as memory.
  size_t key_size(const std::string& path) const {
    return std::to_string(generation).size() + 1 + path.size();
  }
  Accesses accessed;
  std::vector<Accesses::iterator> order;      // of first access: the order of writing and firing at the end
  std::map<uint32_t, int64_t> entry_changes;  // nodes owned, by domain
};

struct Watch {
  std::string path, token;
  bool relative = false;  // events name paths relative to the domain's home
};

struct Connection {
  XenStore::ConnectionId id = 0;
  DomainId domain;
  XenStore::Sink sink;
  std::vector<Watch> watches;
  std::map<uint32_t, Transaction> transactions;
  uint32_t next_transaction_id = 0;
  std::optional<uint32_t> target;  // XS_SET_TARGET: may do what this domain may
  std::set<std::string> events;    // on their way: an event that waits already is not sent twice

  // While a request is handled.
  Transaction* current = nullptr;
  uint32_t type = 0, request_id = 0, transaction_id = 0;
};

struct KnownDomain {
  uint64_t generation = 0;  // nodes older than this are not the domain's: its id had another life
  bool introduced = false;
  bool shut_down = false;  // and that has been told
  int64_t entries = 0;
  int64_t watches = 0;
  int64_t memory = 0;
};

}  // namespace xenstore

struct XenStore::Impl {
  using Errno = xenstore::Errno;
  using Node = xenstore::Node;
  using NodePtr = xenstore::NodePtr;
  using Permissions = xenstore::Permissions;
  using Connection = xenstore::Connection;
  using Transaction = xenstore::Transaction;
  using Body = std::span<const uint8_t>;

  explicit Impl(const XenStoreQuota& quota);

  // --- server.cpp: connections, dispatch, messages ---
  ConnectionId connect(DomainId domain, Sink sink);
  void disconnect(ConnectionId id);
  void handle(ConnectionId id, std::span<const uint8_t> message);
  void dispatch(Connection& connection, Body body);
  void reply(Connection& connection, uint32_t type, std::string_view body);
  void acknowledge(Connection& connection) { reply(connection, connection.type, std::string_view("OK", 3)); }
  void reply_error(Connection& connection, Errno error);
  void send_event(Connection& watcher, std::string_view path, std::string_view token);
  void queue(ConnectionId id, uint32_t type, uint32_t request_id, uint32_t transaction_id,
             std::string_view body);
  void deliver();
  static bool unprivileged(const Connection* connection) {
    return connection && connection->domain.value != 0;
  }
  void announce_changes();
  // Changes that are not requests: names them in the running hash.
  void mix(uint64_t kind, uint64_t value);

  // --- nodes.cpp: reading, writing, creating and deleting; accounts ---
  uint8_t permissions_for(const Connection& connection, const Permissions& permissions) const;
  NodePtr read_node(Connection* connection, const std::string& path, Errno& error);
  NodePtr get_node(Connection& connection, const std::string& path, uint8_t permissions, Errno& error);
  Errno hide_error(Connection& connection, const std::string& path, Errno error, uint8_t permissions);
  Errno write_node(Connection* connection, const std::string& path, Node node, bool check_quota);
  Errno create_node(Connection& connection, const std::string& path, std::string value);
  // Without a connection it is the store's own doing.
  Errno remove_tree(Connection* connection, const std::string& path);
  Errno remove_one(Connection* connection, const std::string& path, const NodePtr& node);
  void undo_creation(Connection& connection, const std::string& path);
  NodePtr adjust_permissions(NodePtr node) const;
  NodePtr stored(const std::string& path) const;
  void store(const std::string& path, NodePtr node);
  void erase(const std::string& path);
  // The account that a stored node is on: its owner's, or domain 0's when that owner is gone.
  uint32_t accountable(const Node& node) const;
  bool charge(uint32_t domain, int64_t bytes, bool check_quota);
  void count_entry(Connection* connection, uint32_t owner, int64_t change);
  xenstore::Access* access(Connection& connection, const std::string& path, const NodePtr& node);
  void set_copy(Connection& connection, xenstore::Access& access, NodePtr node, const std::string& path);

  // --- requests.cpp ---
  Errno do_directory(Connection& connection, Body body);
  Errno do_directory_part(Connection& connection, Body body);
  Errno do_read(Connection& connection, Body body);
  Errno do_write(Connection& connection, Body body);
  Errno do_make_directory(Connection& connection, Body body);
  Errno do_remove(Connection& connection, Body body);
  Errno do_get_permissions(Connection& connection, Body body);
  Errno do_set_permissions(Connection& connection, Body body);
  Errno do_reset_watches(Connection& connection, Body body);

  // --- control.cpp ---
  Errno do_control(Connection& connection, Body body);
  std::optional<std::string> account_text(uint32_t domain) const;
  std::string quota_text() const;

  // --- watches.cpp ---
  Errno do_watch(Connection& connection, Body body);
  Errno do_unwatch(Connection& connection, Body body);
  // `node` and `old_permissions` may be null.
  void fire_watches(Connection* connection, const std::string& path, const NodePtr& node, bool exact,
                    const Permissions* old_permissions);
  void fire_special(const std::string& path);
  bool may_hear(const Connection& watcher, const std::string& path, const NodePtr& node,
                const Permissions* old_permissions);
  void drop_watches(Connection& connection);

  // --- transactions.cpp ---
  Errno do_transaction_start(Connection& connection, Body body);
  Errno do_transaction_end(Connection& connection, Body body);
  Errno commit(Connection& connection, Transaction& transaction);
  void discard(Connection& connection, Transaction& transaction);
  void drop_transactions(Connection& connection);

  // --- domains.cpp ---
  Errno do_introduce(Connection& connection, Body body);
  Errno do_release(Connection& connection, Body body);
  Errno do_get_domain_path(Connection& connection, Body body);
  Errno do_is_domain_introduced(Connection& connection, Body body);
  Errno do_resume(Connection& connection, Body body);
  Errno do_set_target(Connection& connection, Body body);
  void introduce(uint32_t domain);
  void release(uint32_t domain);
  void remove_nodes_of(uint32_t domain);
  xenstore::KnownDomain* find_domain(uint32_t id);
  const xenstore::KnownDomain* find_domain(uint32_t id) const;
  xenstore::KnownDomain* find_or_add_domain(uint32_t id);
  // Marks entries for domains that do not exist; makes accounts for the others.
  void resolve_permissions(Permissions& permissions);
  bool has_connection(uint32_t domain) const;
  bool one_domain(Body body, uint32_t& domain, Errno& error) const;

  const XenStoreQuota quota;
  std::map<std::string, NodePtr, std::less<>> nodes;
  std::map<ConnectionId, Connection> connections;  // in the order in which they were made
  std::map<uint32_t, xenstore::KnownDomain> domains;
  std::function<bool(DomainId)> domain_exists;
  Permissions introduce_permissions{{}}, release_permissions{{}};  // of the special watches: n0
  uint64_t generation = 1;                                         // the next write's, or transaction's
  ConnectionId last_connection = 0;

  // Domains whose next connection a stand-in answers, and the connections that one does.
  std::map<uint32_t, XenStoreAnswerer*> answerers;
  std::map<ConnectionId, XenStoreAnswerer*> answered;

  struct Outgoing {
    ConnectionId connection;
    std::vector<uint8_t> message;
  };
  std::deque<Outgoing> outbox;
  bool delivering = false;
  XenStore::Observer observer;
  std::vector<std::string> changed_nodes;  // since the observer was told last
  uint64_t running_hash = 0;
  uint64_t requests = 0;
};

namespace xenstore {

// The strings of a body (tools/xenstore/xenstored_core.c: onearg, get_strings). Exactly one NUL, at the end:
std::optional<std::string> one_argument(std::span<const uint8_t> body);
// All that end with a NUL; bytes behind the last NUL are not among them.
std::vector<std::string> split_strings(std::span<const uint8_t> body);
// A path as the store knows it: relative ones lie in the domain's home.
std::string canonical_path(const Connection& connection, std::string_view path);
std::string home_of(uint32_t domain);
// An error's name on the wire; "EINVAL" for those that have none.
std::string_view error_name(Errno error);
// C's atoi, for any text.
int32_t parse_integer(const std::string& text);

}  // namespace xenstore
}  // namespace ringside
