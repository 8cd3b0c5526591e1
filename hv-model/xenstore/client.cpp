#include "hv-model/xenstore/client.h"

#include <fmt/format.h>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "hv-model/xen_abi.h"
#include "sim/assert.h"

namespace ringside {

struct XenStoreClient::Impl {
  struct Watch {
    std::string path, token;
    WatchCallback callback;
  };
  struct Reply {
    uint32_t type = 0;
    std::string body;
  };
  using Answer = tl::expected<std::string, std::string>;

  XenStore& store;
  EventQueue& events;
  const Clock& clock;
  const Tick watch_latency;
  XenStore::ConnectionId connection = 0;
  std::optional<Reply> reply;
  // Callers may use one token for many watches; the store gets a number of ours.
  std::map<std::string, Watch> watches;
  uint64_t last_watch = 0;
  // Events that are still on their way when the client goes find this gone.
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);

  Impl(XenStore& given_store, EventQueue& given_events, const Clock& given_clock, Tick latency)
      : store(given_store), events(given_events), clock(given_clock), watch_latency(latency) {}

  void receive(const std::vector<uint8_t>& message);
  void call_back(const std::string& path, const std::string& token);
  Answer request(uint32_t type, Transaction transaction, std::string_view body);
  Outcome command(uint32_t type, Transaction transaction, std::string_view body);
};

namespace {

std::vector<std::string> split(const std::string& body) {
  std::vector<std::string> strings;
  for (size_t at = 0; at < body.size();) {
    strings.emplace_back(body.c_str() + at);
    at += strings.back().size() + 1;
  }
  return strings;
}

}  // namespace

void XenStoreClient::Impl::receive(const std::vector<uint8_t>& message) {
  xsd_sockmsg header;
  std::memcpy(&header, message.data(), sizeof header);
  std::string body(message.begin() + sizeof header, message.end());
  if (header.type != XS_WATCH_EVENT) {
    reply = Reply{header.type, std::move(body)};
    return;
  }
  const auto strings = split(body);
  SIM_ASSERT(strings.size() == 2);
  events.schedule(saturating_add(clock.now, watch_latency), "xenstore/watch",
                  [weak = std::weak_ptr(alive), path = strings[0], token = strings[1]] {
                    if (const auto client = weak.lock()) (*client)->call_back(path, token);
                  });
}

void XenStoreClient::Impl::call_back(const std::string& path, const std::string& token) {
  const auto found = watches.find(token);
  if (found == watches.end()) return;
  const WatchCallback callback = found->second.callback;  // it may remove the watch
  callback(path);
}

XenStoreClient::Impl::Answer XenStoreClient::Impl::request(uint32_t type, Transaction transaction,
                                                           std::string_view body) {
  if (body.size() > XENSTORE_PAYLOAD_MAX) return tl::unexpected<std::string>("E2BIG");
  const xsd_sockmsg header{type, 0, transaction, static_cast<uint32_t>(body.size())};
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, body.data(), body.size());
  reply.reset();
  store.handle(connection, message);
  // No reply: its domain was released, and the connection with it.
  if (!reply) return tl::unexpected<std::string>("EIO");
  Reply answer = std::move(*reply);
  reply.reset();
  if (answer.type == XS_ERROR) return tl::unexpected(std::string(answer.body.c_str()));
  return std::move(answer.body);
}

XenStoreClient::Outcome XenStoreClient::Impl::command(uint32_t type, Transaction transaction,
                                                      std::string_view body) {
  const auto answer = request(type, transaction, body);
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

XenStoreClient::XenStoreClient(XenStore& store, EventQueue& events, const Clock& clock, Tick watch_latency,
                               DomainId domain)
    : impl_(std::make_unique<Impl>(store, events, clock, watch_latency)) {
  impl_->connection =
      store.connect(domain, [impl = impl_.get()](std::vector<uint8_t> message) { impl->receive(message); });
}

XenStoreClient::~XenStoreClient() { impl_->store.disconnect(impl_->connection); }

tl::expected<std::string, std::string> XenStoreClient::read(const std::string& path,
                                                            Transaction transaction) {
  return impl_->request(XS_READ, transaction, path + '\0');
}

XenStoreClient::Outcome XenStoreClient::write(const std::string& path, const std::string& value,
                                              Transaction transaction) {
  return impl_->command(XS_WRITE, transaction, path + '\0' + value);
}

XenStoreClient::Outcome XenStoreClient::make_directory(const std::string& path, Transaction transaction) {
  return impl_->command(XS_MKDIR, transaction, path + '\0');
}

XenStoreClient::Outcome XenStoreClient::remove(const std::string& path, Transaction transaction) {
  return impl_->command(XS_RM, transaction, path + '\0');
}

tl::expected<std::vector<std::string>, std::string> XenStoreClient::directory(const std::string& path,
                                                                              Transaction transaction) {
  const auto answer = impl_->request(XS_DIRECTORY, transaction, path + '\0');
  if (!answer) return tl::unexpected(answer.error());
  return split(*answer);
}

XenStoreClient::Outcome XenStoreClient::set_permissions(const std::string& path,
                                                        const std::vector<std::string>& permissions,
                                                        Transaction transaction) {
  std::string body = path + '\0';
  for (const std::string& permission : permissions) body += permission + '\0';
  return impl_->command(XS_SET_PERMS, transaction, body);
}

tl::expected<std::vector<std::string>, std::string> XenStoreClient::permissions(const std::string& path) {
  const auto answer = impl_->request(XS_GET_PERMS, 0, path + '\0');
  if (!answer) return tl::unexpected(answer.error());
  return split(*answer);
}

XenStoreClient::Transaction XenStoreClient::begin() {
  const auto answer = impl_->request(XS_TRANSACTION_START, 0, std::string_view("", 1));
  // Domain 0 has no limit on transactions; another domain that has too many works without one.
  return answer ? static_cast<Transaction>(std::strtoul(answer->c_str(), nullptr, 10)) : 0;
}

XenStoreClient::Outcome XenStoreClient::end(Transaction transaction, bool commit) {
  return impl_->command(XS_TRANSACTION_END, transaction, std::string_view(commit ? "T" : "F", 2));
}

XenStoreClient::Outcome XenStoreClient::watch(const std::string& path, const std::string& token,
                                              WatchCallback callback) {
  for (const auto& [number, watch] : impl_->watches) {
    if (watch.path == path && watch.token == token) return tl::unexpected<std::string>("EEXIST");
  }
  const std::string number = fmt::format("{}", ++impl_->last_watch);
  impl_->watches[number] = {path, token, std::move(callback)};
  const auto outcome = impl_->command(XS_WATCH, 0, path + '\0' + number + '\0');
  if (!outcome) impl_->watches.erase(number);
  return outcome;
}

XenStoreClient::Outcome XenStoreClient::unwatch(const std::string& path, const std::string& token) {
  for (auto it = impl_->watches.begin(); it != impl_->watches.end(); ++it) {
    if (it->second.path != path || it->second.token != token) continue;
    const std::string number = it->first;
    impl_->watches.erase(it);
    return impl_->command(XS_UNWATCH, 0, path + '\0' + number + '\0');
  }
  return tl::unexpected<std::string>("ENOENT");
}

void XenStoreClient::soon(const char* name, std::function<void()> action) {
  impl_->events.schedule(impl_->clock.now, name, std::move(action));
}

}  // namespace ringside
