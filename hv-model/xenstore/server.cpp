#include "hv-model/xenstore/server.h"

#include <fmt/format.h>
#include <array>
#include <cstdlib>
#include <cstring>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/path.h"
#include "sim/hash.h"

namespace ringside {

using namespace xenstore;

namespace xenstore {

std::optional<std::string> one_argument(std::span<const uint8_t> body) {
  if (body.empty()) return std::nullopt;
  const auto* nul = static_cast<const uint8_t*>(std::memchr(body.data(), 0, body.size()));
  if (nul != &body.back()) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(body.data()), body.size() - 1);
}

std::vector<std::string> split_strings(std::span<const uint8_t> body) {
  std::vector<std::string> strings;
  size_t start = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != 0) continue;
    strings.emplace_back(reinterpret_cast<const char*>(body.data()) + start, i - start);
    start = i + 1;
  }
  return strings;
}

std::string home_of(uint32_t domain) { return fmt::format("/local/domain/{}", domain); }

std::string canonical_path(const Connection& connection, std::string_view path) {
  if (path.starts_with('/') || path.starts_with('@')) return std::string(path);
  return home_of(connection.domain.value) + "/" + std::string(path);
}

int32_t parse_integer(const std::string& text) {
  return static_cast<int32_t>(std::strtol(text.c_str(), nullptr, 10));
}

}  // namespace xenstore

namespace {

// struct xsd_errors of io/xs_wire.h: what has a name on the wire.
struct ErrorName {
  Errno error;
  std::string_view name;
};
constexpr ErrorName kErrorNames[] = {
    {XEN_EINVAL, "EINVAL"},       {XEN_EACCES, "EACCES"},   {XEN_EEXIST, "EEXIST"}, {XEN_EISDIR, "EISDIR"},
    {XEN_ENOENT, "ENOENT"},       {XEN_ENOMEM, "ENOMEM"},   {XEN_ENOSPC, "ENOSPC"}, {XEN_EIO, "EIO"},
    {XEN_ENOTEMPTY, "ENOTEMPTY"}, {XEN_ENOSYS, "ENOSYS"},   {XEN_EROFS, "EROFS"},   {XEN_EBUSY, "EBUSY"},
    {XEN_EAGAIN, "EAGAIN"},       {XEN_EISCONN, "EISCONN"}, {XEN_E2BIG, "E2BIG"},   {XEN_EPERM, "EPERM"},
};

constexpr unsigned kPrivileged = 1;     // XS_FLAG_PRIV
constexpr unsigned kNoTransaction = 2;  // XS_FLAG_NOTID: the transaction id is not looked at

}  // namespace

std::string_view xenstore::error_name(Errno error) {
  for (const ErrorName& known : kErrorNames) {
    if (known.error == error) return known.name;
  }
  return "EINVAL";
}

XenStore::Impl::Impl(const XenStoreQuota& given) : quota(given) {
  domains[0] = {};
  domains[0].introduced = true;
  // The first three nodes, as setup_structure() makes them.
  for (const auto& [path, child] :
       {std::pair("/", std::string("tool\0", 5)), std::pair("/tool", std::string("xenstored\0", 10)),
        std::pair("/tool/xenstored", std::string())}) {
    Node node;
    node.permissions = {{}};
    node.children = child;
    (void)write_node(nullptr, path, std::move(node), false);
    domains[0].entries += 1;
  }
}

XenStore::ConnectionId XenStore::Impl::connect(DomainId domain, Sink sink) {
  const ConnectionId id = ++last_connection;
  Connection& connection = connections[id];
  connection.id = id;
  connection.domain = domain;
  connection.sink = std::move(sink);
  // A connection has an account, even one for a domain that nobody else knows.
  if (!find_or_add_domain(domain.value)) domains[domain.value].generation = generation;
  mix(1, domain.value);
  return id;
}

void XenStore::Impl::disconnect(ConnectionId id) {
  const auto found = connections.find(id);
  if (found == connections.end()) return;
  drop_watches(found->second);
  drop_transactions(found->second);
  connections.erase(found);
  mix(2, id);
}

void XenStore::Impl::mix(uint64_t kind, uint64_t value) {
  running_hash = hash_mix(hash_mix(running_hash, kind), value);
}

void XenStore::Impl::handle(ConnectionId id, std::span<const uint8_t> message) {
  const auto found = connections.find(id);
  xsd_sockmsg header;
  if (found == connections.end() || message.size() < sizeof header) return;
  std::memcpy(&header, message.data(), sizeof header);
  const Body body = message.subspan(sizeof header);
  requests += 1;
  mix(3, hash64(message, id));
  if (body.size() > XENSTORE_PAYLOAD_MAX) {
    disconnect(id);
    return;
  }
  Connection& connection = found->second;
  connection.type = header.type;
  connection.request_id = header.req_id;
  connection.transaction_id = header.tx_id;
  dispatch(connection, body);
  if (observer) announce_changes();
  deliver();
}

void XenStore::Impl::announce_changes() {
  for (const std::string& path : std::exchange(changed_nodes, {})) observer(path);
}

// process_message()
void XenStore::Impl::dispatch(Connection& connection, Body body) {
  struct Request {
    uint32_t type;
    Errno (Impl::*handler)(Connection&, Body);
    unsigned flags;
  };
  static constexpr std::array kRequests = {
      Request{XS_CONTROL, &Impl::do_control, kPrivileged},
      Request{XS_DIRECTORY, &Impl::do_directory, 0},
      Request{XS_READ, &Impl::do_read, 0},
      Request{XS_GET_PERMS, &Impl::do_get_permissions, 0},
      Request{XS_WATCH, &Impl::do_watch, kNoTransaction},
      Request{XS_UNWATCH, &Impl::do_unwatch, kNoTransaction},
      Request{XS_TRANSACTION_START, &Impl::do_transaction_start, 0},
      Request{XS_TRANSACTION_END, &Impl::do_transaction_end, 0},
      Request{XS_INTRODUCE, &Impl::do_introduce, kPrivileged},
      Request{XS_RELEASE, &Impl::do_release, kPrivileged},
      Request{XS_GET_DOMAIN_PATH, &Impl::do_get_domain_path, 0},
      Request{XS_WRITE, &Impl::do_write, 0},
      Request{XS_MKDIR, &Impl::do_make_directory, 0},
      Request{XS_RM, &Impl::do_remove, 0},
      Request{XS_SET_PERMS, &Impl::do_set_permissions, 0},
      Request{XS_IS_DOMAIN_INTRODUCED, &Impl::do_is_domain_introduced, kPrivileged},
      Request{XS_RESUME, &Impl::do_resume, kPrivileged},
      Request{XS_SET_TARGET, &Impl::do_set_target, kPrivileged},
      Request{XS_RESET_WATCHES, &Impl::do_reset_watches, 0},
      Request{XS_DIRECTORY_PART, &Impl::do_directory_part, 0},
  };
  const Request* request = nullptr;
  for (const Request& candidate : kRequests) {
    if (candidate.type == connection.type) request = &candidate;
  }
  if (!request) return reply_error(connection, XEN_ENOSYS);
  if ((request->flags & kPrivileged) && unprivileged(&connection)) return reply_error(connection, XEN_EACCES);
  connection.current = nullptr;
  if (!(request->flags & kNoTransaction) && connection.transaction_id != 0) {
    const auto transaction = connection.transactions.find(connection.transaction_id);
    if (transaction == connection.transactions.end()) return reply_error(connection, XEN_ENOENT);
    connection.current = &transaction->second;
  }
  const Errno error = (this->*request->handler)(connection, body);
  connection.current = nullptr;
  if (error) reply_error(connection, error);
}

void XenStore::Impl::reply(Connection& connection, uint32_t type, std::string_view body) {
  if (body.size() > XENSTORE_PAYLOAD_MAX) return reply_error(connection, XEN_E2BIG);
  queue(connection.id, type, connection.request_id, connection.transaction_id, body);
}

void XenStore::Impl::reply_error(Connection& connection, Errno error) {
  reply(connection, XS_ERROR, std::string(error_name(error)) + '\0');
}

// send_event(): not when it is too long, nor when the same one waits already; special ones always.
void XenStore::Impl::send_event(Connection& watcher, std::string_view path, std::string_view token) {
  std::string body(path);
  body += '\0';
  body += token;
  body += '\0';
  if (body.size() > XENSTORE_PAYLOAD_MAX) return;
  if (!path.starts_with('@') && !watcher.events.insert(body).second) return;
  queue(watcher.id, XS_WATCH_EVENT, 0, 0, body);
}

void XenStore::Impl::queue(ConnectionId id, uint32_t type, uint32_t request_id, uint32_t transaction_id,
                           std::string_view body) {
  const xsd_sockmsg header{type, request_id, transaction_id, static_cast<uint32_t>(body.size())};
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, body.data(), body.size());
  outbox.push_back({id, std::move(message)});
}

// A receiver may make the next request at once: it is queued behind what is being delivered.
void XenStore::Impl::deliver() {
  if (delivering) return;
  delivering = true;
  while (!outbox.empty()) {
    Outgoing out = std::move(outbox.front());
    outbox.pop_front();
    const auto found = connections.find(out.connection);
    if (found == connections.end()) continue;
    found->second.events.clear();  // what follows is the receiver's queue, not ours
    if (!found->second.sink) continue;
    const Sink sink = found->second.sink;
    sink(std::move(out.message));
  }
  delivering = false;
}

XenStore::XenStore(const XenStoreQuota& quota) : impl_(std::make_unique<Impl>(quota)) {}
XenStore::~XenStore() = default;

XenStore::ConnectionId XenStore::connect(DomainId domain, Sink sink) {
  const auto answerer = impl_->answerers.extract(domain.value);
  if (answerer.empty()) return impl_->connect(domain, std::move(sink));
  const ConnectionId id = ++impl_->last_connection;
  impl_->answered[id] = answerer.mapped();
  answerer.mapped()->connected(std::move(sink));
  return id;
}
void XenStore::disconnect(ConnectionId connection) {
  const auto answered = impl_->answered.extract(connection);
  if (!answered.empty()) return answered.mapped()->disconnected();
  impl_->disconnect(connection);
}
void XenStore::handle(ConnectionId connection, std::span<const uint8_t> message) {
  const auto answered = impl_->answered.find(connection);
  if (answered != impl_->answered.end()) return answered->second->handle(message);
  impl_->handle(connection, message);
}
void XenStore::let_answer(DomainId domain, XenStoreAnswerer& answerer) {
  impl_->answerers[domain.value] = &answerer;
}
void XenStore::introduce(DomainId domain) {
  impl_->introduce(domain.value);
  impl_->mix(4, domain.value);
  impl_->deliver();
}
void XenStore::release(DomainId domain) {
  impl_->release(domain.value);
  impl_->mix(5, domain.value);
  impl_->deliver();
}
void XenStore::shut_down(DomainId domain) {
  auto* known = impl_->find_domain(domain.value);
  if (!known || !known->introduced || known->shut_down) return;
  known->shut_down = true;
  impl_->fire_special("@releaseDomain");
  impl_->mix(6, domain.value);
  impl_->deliver();
}
bool XenStore::is_introduced(DomainId domain) const {
  const auto* known = impl_->find_domain(domain.value);
  return known && known->introduced;
}
void XenStore::set_observer(Observer observer) {
  impl_->observer = std::move(observer);
  impl_->changed_nodes.clear();
}

std::optional<std::string_view> XenStore::peek(std::string_view path) const {
  const auto found = impl_->nodes.find(path);
  if (found == impl_->nodes.end()) return std::nullopt;
  return found->second->value;
}

void XenStore::set_domain_exists(std::function<bool(DomainId)> exists) {
  impl_->domain_exists = std::move(exists);
}
const XenStoreQuota& XenStore::quota() const { return impl_->quota; }

void XenStore::visit_state(StateVisitor& visitor) const {
  visitor.number("calls", impl_->running_hash);
  visitor.number("requests", impl_->requests);
  visitor.number("generation", impl_->generation);
  visitor.number("nodes", impl_->nodes.size());
  visitor.number("connections", impl_->connections.size());
}

}  // namespace ringside
