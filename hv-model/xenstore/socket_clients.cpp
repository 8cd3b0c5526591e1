#include "hv-model/xenstore/socket_clients.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <deque>
#include <optional>
#include <string>

#include "hv-model/xenstore/message.h"
#include "hv-model/xenstore/xenstore_payloads.h"
#include "hv-model/xenstore/xenstore_ring.h"
#include "sim/hash.h"

namespace ringside {

using xenstore::error_reply;

std::vector<uint8_t> encode(const ClientInput& input, std::span<const uint8_t> rest) {
  std::vector<uint8_t> bytes(sizeof input + rest.size());
  std::memcpy(bytes.data(), &input, sizeof input);
  if (!rest.empty()) std::memcpy(bytes.data() + sizeof input, rest.data(), rest.size());
  return bytes;
}

namespace {

struct Client {
  uint64_t serial = 0;  // of all clients that have ever been: a late answer is not another one's
  XenStore::ConnectionId connection = 0;
  Wire* wire = nullptr;
  std::deque<std::vector<uint8_t>> requests;  // not served yet
  EventQueue::Handle serving;
};

}  // namespace

struct XenStoreSocketClients::Impl {
  Hypervisor& hypervisor;
  XenStore& store;
  Output output;
  std::array<std::optional<Client>, kClientsMax> clients;
  bool silent = false;  // what the store replies is not told
  uint64_t last_serial = 0, messages = 0, running_hash = 0;
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);

  Impl(Hypervisor& given, XenStore& given_store) : hypervisor(given), store(given_store) {}

  void connect(uint32_t number);
  void disconnect(uint32_t number, std::string_view why);
  void take_request(uint32_t number, std::vector<uint8_t> request);
  void queue_request(uint32_t number, std::vector<uint8_t> request);
  void serve(uint32_t number);
  void send(uint32_t number, std::vector<uint8_t> message);
  void give(uint32_t number, std::vector<uint8_t> message);
  void refuse(uint32_t number, std::span<const uint8_t> request, int64_t error);
  void later(const Verdict& verdict, uint32_t number, std::vector<uint8_t> message,
             void (Impl::*then)(uint32_t, std::vector<uint8_t>));
};

void XenStoreSocketClients::Impl::connect(uint32_t number) {
  Client& client = clients[number].emplace();
  client.serial = ++last_serial;
  client.wire = &hypervisor.wiring.add(fmt::format("dom0/xenstore/socket/{}", number), WireKind::message,
                                       kXenStoreMessage);
  client.connection = store.connect(DomainId{0}, [this, number, serial = client.serial](auto message) {
    if (clients[number] && clients[number]->serial == serial) send(number, std::move(message));
  });
}

void XenStoreSocketClients::Impl::disconnect(uint32_t number, std::string_view why) {
  if (!why.empty()) {
    hypervisor.find_domain(DomainId{0})
        ->notices.emit(NoticeKind::unusual, "xenstore",
                       fmt::format("the connection of socket client {} ends: {}", number, why));
  }
  hypervisor.events.cancel(clients[number]->serving);
  store.disconnect(clients[number]->connection);
  clients[number].reset();
}

void XenStoreSocketClients::Impl::later(const Verdict& verdict, uint32_t number, std::vector<uint8_t> message,
                                        void (Impl::*then)(uint32_t, std::vector<uint8_t>)) {
  if (verdict.punctual()) return (this->*then)(number, std::move(message));
  clients[number]->wire->release(
      verdict, "xenstore/delayed",
      [weak = std::weak_ptr(alive), number, serial = clients[number]->serial, message = std::move(message),
       then] {
        const auto all = weak.lock();
        if (!all || !(*all)->clients[number] || (*all)->clients[number]->serial != serial) return;
        ((*all)->*then)(number, message);
      });
}

void XenStoreSocketClients::Impl::take_request(uint32_t number, std::vector<uint8_t> request) {
  messages += 1;
  running_hash = hash_mix(running_hash, hash64(request, number));
  const size_t whole = request.size();
  const Verdict verdict = clients[number]->wire->pass(Direction::out, request);
  if (!xenstore::settle_cut(request, whole)) return;
  if (verdict.fail) return refuse(number, request, verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy)
    later(verdict, number, request, &Impl::queue_request);
}

// The store hears of it only where it has to: a transaction whose end fails is over.
void XenStoreSocketClients::Impl::refuse(uint32_t number, std::span<const uint8_t> request, int64_t error) {
  if (const auto abort = xenstore::abort_of(request)) {
    silent = true;
    store.handle(clients[number]->connection, *abort);
    silent = false;
  }
  send(number, error_reply(request, error));
}

// A request takes as long as one by a ring, and one's requests are served one after the other.
void XenStoreSocketClients::Impl::queue_request(uint32_t number, std::vector<uint8_t> request) {
  Client& client = *clients[number];
  client.requests.push_back(std::move(request));
  if (client.requests.size() > 1) return;
  client.serving = hypervisor.events.schedule(hypervisor.clock.now + XenStoreRing::kRequestLatency,
                                              "xenstore/request", [this, number] { serve(number); });
}

void XenStoreSocketClients::Impl::serve(uint32_t number) {
  Client& client = *clients[number];
  client.serving = {};
  const std::vector<uint8_t> request = std::move(client.requests.front());
  client.requests.pop_front();
  if (!client.requests.empty()) {
    client.serving = hypervisor.events.schedule(hypervisor.clock.now + XenStoreRing::kRequestLatency,
                                                "xenstore/request", [this, number] { serve(number); });
  }
  store.handle(client.connection, request);
}

void XenStoreSocketClients::Impl::send(uint32_t number, std::vector<uint8_t> message) {
  const bool event = xenstore::is_event(message);
  if (silent && !event) return;
  const size_t whole = message.size();
  const Verdict verdict = clients[number]->wire->pass(Direction::in, message);
  if (!xenstore::settle_cut(message, whole) || (verdict.fail && event)) return;
  if (verdict.fail) message = error_reply(message, verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) later(verdict, number, message, &Impl::give);
}

void XenStoreSocketClients::Impl::give(uint32_t number, std::vector<uint8_t> message) {
  messages += 1;
  running_hash = hash_mix(running_hash, hash64(message, number));
  if (output && !message.empty()) output(number, message);
}

XenStoreSocketClients::XenStoreSocketClients(Hypervisor& hypervisor, XenStore& store)
    : impl_(std::make_unique<Impl>(hypervisor, store)) {}

XenStoreSocketClients::~XenStoreSocketClients() {
  for (uint32_t number = 0; number < kClientsMax; ++number) {
    if (impl_->clients[number]) impl_->disconnect(number, {});
  }
}

void XenStoreSocketClients::set_output(Output output) { impl_->output = std::move(output); }

void XenStoreSocketClients::take_input(std::span<const uint8_t> bytes) {
  ClientInput input;
  if (bytes.size() < sizeof input) return;
  std::memcpy(&input, bytes.data(), sizeof input);
  const auto rest = bytes.subspan(sizeof input);
  if (input.client >= kClientsMax) return;
  const bool there = impl_->clients[input.client].has_value();
  if (input.kind == ClientInput::connected && !there) {
    impl_->connect(input.client);
  } else if (input.kind == ClientInput::request && there && xenstore::body_length(rest)) {
    impl_->take_request(input.client, {rest.begin(), rest.end()});
  } else if (input.kind == ClientInput::gone && there) {
    impl_->disconnect(input.client, {reinterpret_cast<const char*>(rest.data()), rest.size()});
  }
}

void XenStoreSocketClients::visit_state(StateVisitor& visitor) const {
  size_t there = 0, waiting = 0;
  for (const auto& client : impl_->clients) {
    there += client.has_value();
    waiting += client ? client->requests.size() : 0;
  }
  visitor.number("clients", there);
  visitor.number("waiting", waiting);
  visitor.number("clients_ever", impl_->last_serial);
  visitor.number("messages", impl_->messages);
  visitor.number("traffic", impl_->running_hash);
}

}  // namespace ringside
