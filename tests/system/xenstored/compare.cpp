// xenstored_compare XENSTORED STUB [REQUESTS [SEED [ALL_EVERY]]]: the same seeded requests to Debian's
// xenstored and to our XenStore, by several connections of domain 0 and by domains that have a ring; every
// reply and every watch event of every connection must be equal, byte for byte and in its order, generation
// counts and transaction ids included; every so often all nodes and all accounts are compared, too. Rounds
// differ in their quotas, so that every limit is met often.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/xenstore.h"
#include "tests/system/xenstored/requests.h"
#include "tests/system/xenstored/xenstored_process.h"

namespace ringside {

namespace {

using DomainState = XenstoredProcess::DomainState;

constexpr uint16_t kDomains = 3;
constexpr size_t kSockets = 3;
constexpr uint32_t kPing = 0x676e6970;

std::string bytes_of(const Message& message) {
  const xsd_sockmsg header{message.type, message.request, message.transaction,
                           static_cast<uint32_t>(message.body.size())};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + message.body;
}

std::string printable(const Message& message) {
  std::string body;
  for (const char c : message.body.substr(0, 300)) {
    body += c == 0 ? '|' : c < 32 || c > 126 ? '?' : c;
  }
  return fmt::format("type {} request {} transaction {} [{} bytes] {}", message.type, message.request,
                     message.transaction, message.body.size(), body);
}

// EXCEPTION: stale errno. Where the path of the requests of one argument is not one text with its NUL at the
// end, and where a special node's permissions cannot be set, xenstored replies with whatever error its last
// failure of any kind has left behind (get_node_canonicalized() and do_set_perms() of xenstored_core.c). Ours
// is always the one that was meant; that both refuse the request is compared. Where nothing has failed since
// the last WATCH, xenstored ends itself by an assertion, so that the test lets something fail before.
bool error_is_stale(const Message& request) {
  switch (request.type) {
    case XS_SET_PERMS: return request.body.starts_with('@');
    case XS_DIRECTORY:
    case XS_READ:
    case XS_GET_PERMS:
    case XS_MKDIR:
    case XS_RM: return request.body.find('\0') != request.body.size() - 1 || request.body.empty();
    default: return false;
  }
}

// EXCEPTION: a domain that is another one's target. xenstored keeps its connection until the other is gone,
// by a count of references that each RELEASE lowers (talloc_free() of what is referred to); ours ends it at
// once. So the test releases no such domain.
bool releases(const Request& request, uint16_t domain) {
  return request.type == XS_RELEASE &&
         static_cast<uint32_t>(std::strtol(request.body.c_str(), nullptr, 10)) == domain;
}

// One connection, to both.
struct Peer {
  std::string name;
  Asker asker;
  std::unique_ptr<ForeignConnection> theirs;
  XenStore::ConnectionId ours = 0;
  std::deque<Message> from_ours, from_theirs;
  bool connected() const { return theirs != nullptr; }
};

class Comparison {
 public:
  Comparison(const std::string& xenstored, const std::string& hypervisor,
             const std::vector<std::string>& arguments, const XenStoreQuota& quota, uint64_t seed)
      : process_(xenstored, hypervisor, arguments), store_(quota), maker_(seed, kDomains, quota.path_length) {
    store_.set_domain_exists([this](DomainId id) {
      return id.value == 0 || (id.value <= kDomains && states_[id.value] != DomainState::absent);
    });
    for (size_t i = 0; i < kSockets; ++i) connect_socket(peers_[i]);
    for (uint16_t id = 1; id <= kDomains; ++id) {
      peers_[kSockets + id - 1].name = fmt::format("dom{}", id);
      peers_[kSockets + id - 1].asker.domain = id;
      start_domain(id);
    }
  }

  void step();
  // All nodes with their values and permissions, and all accounts.
  void compare_all();
  bool failed() const { return failed_; }
  std::map<std::string, uint64_t> kinds;  // "11 OK", "11 EINVAL": that everything happened
  uint64_t events = 0;

 private:
  void connect_socket(Peer& peer);
  void close(Peer& peer);
  void start_domain(uint16_t id);
  std::string ask(Peer& peer, uint32_t type, const std::string& body, uint32_t transaction = 0);
  void walk(const std::string& path);
  void await(Peer& peer, uint32_t request);
  void settle();
  void compare(Peer& asked, const Message& request);
  void follow(Peer& asked, const Message& request, const Message& reply);
  void end_of(uint16_t id);
  void change_domain(uint16_t id);
  bool is_target(uint16_t id) const;
  Peer& peer_of(uint16_t domain) { return peers_[kSockets + domain - 1]; }
  XenStore::ConnectionId connect_ours(Peer& peer);
  void different(const std::string& what);

  XenstoredProcess process_;
  XenStore store_;
  RequestMaker maker_;
  std::array<Peer, kSockets + kDomains> peers_;
  std::array<DomainState, kDomains + 1> states_{};
  std::multimap<uint16_t, uint32_t> targets_;  // by domain: whose rights it has, or has had, too
  uint32_t last_request_ = 0;
  uint64_t sockets_made_ = 0;
  std::deque<std::string> history_;
  bool failed_ = false, walking_ = false;
};

XenStore::ConnectionId Comparison::connect_ours(Peer& peer) {
  return store_.connect(DomainId{peer.asker.domain}, [&peer](std::vector<uint8_t> bytes) {
    xsd_sockmsg header;
    std::memcpy(&header, bytes.data(), sizeof header);
    peer.from_ours.push_back(
        {header.type, header.req_id, header.tx_id, std::string(bytes.begin() + sizeof header, bytes.end())});
  });
}

void Comparison::connect_socket(Peer& peer) {
  peer.name = fmt::format("socket{}", ++sockets_made_);
  peer.theirs = process_.connect();
  peer.asker.transactions.clear();
  peer.ours = connect_ours(peer);
}

void Comparison::close(Peer& peer) {
  peer.theirs.reset();
  store_.disconnect(peer.ours);
  peer.asker.transactions.clear();
  history_.push_back(peer.name + " closed");
}

// What a toolstack does.
void Comparison::start_domain(uint16_t id) {
  states_[id] = DomainState::running;
  process_.set_domain(id, DomainState::running);
  Peer& peer = peer_of(id);
  peer.theirs = process_.ring_of(id);
  peer.asker.transactions.clear();
  const std::string nul(1, '\0'), home = fmt::format("/local/domain/{}", id);
  ask(peers_[0], XS_MKDIR, home + nul);
  ask(peers_[0], XS_SET_PERMS, home + nul + fmt::format("n{}", id) + nul);
  ask(peers_[0], XS_INTRODUCE, fmt::format("{}", id) + nul + "1" + nul + "5" + nul);
}

// The body of the reply; empty for an error.
std::string Comparison::ask(Peer& peer, uint32_t type, const std::string& body, uint32_t transaction) {
  const Message request{type, ++last_request_, transaction, body};
  if (error_is_stale(request)) ask(peers_[0], XS_READ, std::string("/no/such/node\0", 14));
  history_.push_back(peer.name + " asks " + printable(request));
  if (history_.size() > 40) history_.pop_front();
  const std::string bytes = bytes_of(request);
  peer.theirs->send(bytes);
  store_.handle(peer.ours, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  await(peer, request.request);
  if (failed_) return {};
  const Message reply = peer.from_theirs.back();
  if (reply.type != XS_ERROR) follow(peer, request, reply);
  if (type == XS_TRANSACTION_END && reply.body.find("EINVAL") != 0)
    std::erase(peer.asker.transactions, transaction);
  if (!walking_) settle();
  compare(peer, request);
  return reply.type == XS_ERROR ? std::string() : reply.body;
}

// Until theirs has answered this request; what it sent before that is kept as well.
void Comparison::await(Peer& peer, uint32_t request) {
  while (auto message = peer.theirs->receive()) {
    const bool found = message->type != XS_WATCH_EVENT && message->request == request;
    if (!found || request != kPing) peer.from_theirs.push_back(*message);
    if (found) return;
  }
  different(peer.name + ": xenstored does not answer");
  if (!process_.running()) different("xenstored has ended");
}

// Until everything that a request has caused has arrived: a connection gets all in order, so that what
// precedes the answer to a ping is there. A domain that is not introduced yet has a ring that nobody serves.
void Comparison::settle() {
  const auto served = [](const Peer& peer) { return peer.connected() && peer.ours != 0; };
  const Message ping{XS_GET_DOMAIN_PATH, kPing, 0, std::string("0\0", 2)};
  for (Peer& peer : peers_) {
    if (served(peer)) peer.theirs->send(bytes_of(ping));
  }
  for (Peer& peer : peers_) {
    if (served(peer) && !failed_) await(peer, kPing);
  }
}

void Comparison::different(const std::string& what) {
  if (!failed_) {
    for (const std::string& line : history_) fmt::print("  {}\n", line);
  }
  fmt::print("DIFFERENT: {}\n", what);
  failed_ = true;
}

// EXCEPTION: whether the events of a RELEASE come before its reply. In xenstored they do, unless the domain's
// connection was made right after the one that asks: its loop holds on to that one meanwhile.
void reply_first(std::deque<Message>& messages) {
  std::stable_partition(messages.begin(), messages.end(),
                        [](const Message& message) { return message.type != XS_WATCH_EVENT; });
}

void Comparison::compare(Peer& asked, const Message& request) {
  std::optional<Message> reply;
  if (request.type == XS_RELEASE) {
    reply_first(asked.from_ours);
    reply_first(asked.from_theirs);
  }
  for (Peer& peer : peers_) {
    for (size_t i = 0; i < std::max(peer.from_ours.size(), peer.from_theirs.size()); ++i) {
      const Message* ours = i < peer.from_ours.size() ? &peer.from_ours[i] : nullptr;
      const Message* theirs = i < peer.from_theirs.size() ? &peer.from_theirs[i] : nullptr;
      if (theirs != nullptr && theirs->type == XS_WATCH_EVENT) ++events;
      if (ours != nullptr && theirs != nullptr && *ours == *theirs) {
        if (&peer == &asked && ours->type != XS_WATCH_EVENT) reply = *ours;
        continue;
      }
      if (ours != nullptr && theirs != nullptr && &peer == &asked && error_is_stale(request) &&
          ours->type == XS_ERROR && theirs->type == XS_ERROR) {
        continue;
      }
      different(fmt::format("{}, message {} of this step\n  xenstored: {}\n  ringside:  {}", peer.name, i,
                            theirs ? printable(*theirs) : "nothing", ours ? printable(*ours) : "nothing"));
    }
    peer.from_ours.clear();
    peer.from_theirs.clear();
  }
  if (reply)
    kinds[fmt::format("{} {}", request.type, reply->type == XS_ERROR ? reply->body.c_str() : "OK")] += 1;
}

// What the reply means for the connections that the test keeps.
void Comparison::follow(Peer& asked, const Message& request, const Message& reply) {
  auto& open = asked.asker.transactions;
  const auto number = static_cast<uint32_t>(std::strtoul(request.body.c_str(), nullptr, 10));
  if (request.type == XS_TRANSACTION_START)
    open.push_back(static_cast<uint32_t>(std::strtoul(reply.body.c_str(), nullptr, 10)));
  if (request.type == XS_RESET_WATCHES) open.clear();
  if (number == 0 || number > kDomains) return;
  const auto id = static_cast<uint16_t>(number);
  if (request.type == XS_INTRODUCE) {
    Peer& peer = peer_of(id);
    if (peer.ours == 0) peer.ours = connect_ours(peer);
    // It begins anew: what it has heard of before is lost.
    peer.asker.transactions.clear();
  }
  if (request.type == XS_RELEASE) end_of(id);
  if (request.type == XS_SET_TARGET) {
    const char* target = request.body.c_str() + request.body.find('\0') + 1;
    targets_.emplace(id, static_cast<uint32_t>(std::strtol(target, nullptr, 10)));
  }
}

bool Comparison::is_target(uint16_t id) const {
  return std::any_of(targets_.begin(), targets_.end(),
                     [&](const auto& target) { return target.second == id; });
}

// The domain has been released, and its connections with it.
void Comparison::end_of(uint16_t id) {
  Peer& peer = peer_of(id);
  peer.ours = 0;
  peer.theirs.reset();
  peer.from_ours.clear();
  peer.asker.transactions.clear();
  targets_.erase(id);
}

// A domain ends by itself, and later it is gone: the hypervisor tells xenstored by VIRQ_DOM_EXC.
void Comparison::change_domain(uint16_t id) {
  if (is_target(id) || !peer_of(id).connected()) return;
  const bool gone = states_[id] == DomainState::shut_down;
  states_[id] = gone ? DomainState::absent : DomainState::shut_down;
  history_.push_back(fmt::format("dom{} {}", id, gone ? "is gone" : "has shut down"));
  process_.set_domain(id, states_[id]);
  process_.raise_domain_exception();
  if (gone) {
    store_.release(DomainId{id});
    end_of(id);
  } else {
    store_.shut_down(DomainId{id});
  }
  settle();
  compare(peers_[0], {});
}

void Comparison::walk(const std::string& path) {
  const std::string argument = path + '\0';
  ask(peers_[0], XS_READ, argument);
  ask(peers_[0], XS_GET_PERMS, argument);
  const std::string children = ask(peers_[0], XS_DIRECTORY, argument);
  for (size_t at = 0; at < children.size() && !failed_;) {
    const std::string child = children.c_str() + at;
    at += child.size() + 1;
    walk((path == "/" ? "" : path) + "/" + child);
  }
}

void Comparison::compare_all() {
  history_.push_back("all is compared");
  // EXCEPTION: domain 0's account, which has no limit; xenstored has its sockets' watches on none.
  for (uint16_t id = 1; id <= kDomains + 1; ++id)
    ask(peers_[0], XS_CONTROL, std::string("quota\0", 6) + fmt::format("{}", id) + '\0');
  walking_ = true;  // Nothing changes, so that there are no events to wait for.
  walk("/");
  walking_ = false;
}

void Comparison::step() {
  Random& random = maker_.random();
  Peer& peer = peers_[random.below(peers_.size())];
  if (!peer.connected()) {
    if (peer.asker.domain == 0) return connect_socket(peer);
    return start_domain(peer.asker.domain);
  }
  if (peer.asker.domain == 0 && &peer != &peers_[0] && random.one_in(300)) return close(peer);
  if (peer.asker.domain != 0 && random.one_in(200)) return change_domain(peer.asker.domain);
  const Request request = maker_.make(peer.asker);
  for (uint16_t id = 1; id <= kDomains; ++id) {
    if (releases(request, id) && is_target(id)) return;
  }
  ask(peer, request.type, request.body, request.transaction);
}

struct Round {
  const char* name;
  std::vector<std::string> arguments;
  XenStoreQuota quota;
};

// EXCEPTION: quota of memory. Where the owner of a node has none left, xenstored 4.17.7 replies to domain 0's
// WRITE with a stale errno too, and ends itself where that is 0. What memory is accounted is compared.
std::vector<Round> rounds() {
  XenStoreQuota tight;
  tight.nodes_per_domain = 12;
  tight.node_size = 120;
  tight.watches_per_domain = 4;
  tight.transactions_per_domain = 2;
  tight.permissions_per_node = 3;
  tight.path_length = 100;
  tight.nodes_per_transaction = 10;
  return {
      {"defaults", {}, {}},
      {"tight quotas",
       {"-E", "12", "-S", "120", "-W", "4", "-t", "2", "-A", "3", "-M", "100", "-Q", "transaction-nodes=10"},
       tight}};
}

int run(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: xenstored_compare XENSTORED STUB [REQUESTS [SEED [ALL_EVERY]]]\n");
    return 2;
  }
  const uint64_t requests = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 10'000;
  const uint64_t seed = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1;
  const uint64_t all_every = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 500;
  for (const Round& round : rounds()) {
    Comparison comparison(argv[1], argv[2], round.arguments, round.quota, seed);
    uint64_t step = 0;
    for (; step < requests && !comparison.failed(); ++step) {
      comparison.step();
      if ((step + 1) % all_every == 0 && !comparison.failed()) comparison.compare_all();
    }
    if (comparison.failed()) {
      fmt::print("FAIL: {} (seed {}), at step {}\n", round.name, seed, step);
      return 1;
    }
    fmt::print("{}: {} steps, {} watch events, seed {}: equal\n", round.name, step, comparison.events, seed);
    for (const auto& [kind, count] : comparison.kinds) fmt::print("  {:6} {}\n", count, kind);
  }
  return 0;
}

}  // namespace

}  // namespace ringside

int main(int argc, char** argv) { return ringside::run(argc, argv); }
