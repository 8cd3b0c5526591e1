#include "hv-model/xenstore/xenstore_ring.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <deque>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/message.h"
#include "hv-model/xenstore/xenstore_payloads.h"
#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

namespace {

using xenstore::error_reply;

constexpr uint32_t kSize = XENSTORE_RING_SIZE;
using Ring = xenstore_domain_interface;

xsd_sockmsg header_of(std::span<const uint8_t> message) {
  xsd_sockmsg header{};
  std::memcpy(&header, message.data(), std::min(sizeof header, message.size()));
  return header;
}

}  // namespace

struct XenStoreRing::Impl {
  struct Outgoing {
    std::vector<uint8_t> bytes;
    size_t written = 0;
    bool event = false;
  };

  Hypervisor& hypervisor;
  XenStore& store;
  Domain& domain;
  const GuestPhys page;
  const EventPort port;
  Wire& wire;
  XenStore::ConnectionId connection = 0;

  bool ignored = false;
  bool silent = false;                        // what the store replies is not told
  bool in_store = false;                      // one's own replies are pumped when the request is done
  std::vector<uint8_t> incoming;              // a message that is not whole yet
  std::deque<std::vector<uint8_t>> requests;  // whole, not served yet
  EventQueue::Handle serving;
  std::deque<Outgoing> outgoing;
  size_t outgoing_bytes = 0;
  uint32_t outstanding = 0;   // replies among them
  uint64_t running_hash = 0;  // over all messages in and out
  uint64_t messages = 0;
  std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);

  Impl(Hypervisor& given, XenStore& given_store, Domain& given_domain, Mfn ring, EventPort given_port)
      : hypervisor(given),
        store(given_store),
        domain(given_domain),
        page(ring.address()),
        port(given_port),
        wire(given.wiring.add(given_domain.name + "/xenstore", WireKind::message, kXenStoreMessage)) {}

  uint32_t load(size_t offset) const { return hypervisor.memory.load<uint32_t>(page + offset); }
  void store_index(size_t offset, uint32_t value) { hypervisor.memory.store(page + offset, value); }

  void pump();
  bool take_input();
  bool put_output();
  void take_message();
  void arrive(std::vector<uint8_t> request);
  void serve();
  void send(std::vector<uint8_t> message);
  void enqueue(std::vector<uint8_t> message);
  void ignore(uint32_t error, std::string why);
  void refuse(std::span<const uint8_t> request, int64_t error);
  void later(const Verdict& verdict, std::vector<uint8_t> message, void (Impl::*then)(std::vector<uint8_t>));
};

// The guest has notified, or there is something new to do.
void XenStoreRing::Impl::pump() {
  if (ignored) return;
  bool wrote = put_output();
  const bool took = take_input();
  // A request that a fault has answered already.
  wrote = put_output() || wrote;
  // xenstored notifies after each piece that it reads or writes; one notification for all of them says the
  // same.
  if (wrote || took) (void)hypervisor.channels.send(DomainId{0}, port);
}

// readchn() and handle_input(): true when bytes were taken.
bool XenStoreRing::Impl::take_input() {
  bool took = false;
  while (!ignored && requests.empty() && outstanding < store.quota().outstanding_requests) {
    const uint32_t consumer = load(offsetof(Ring, req_cons)), producer = load(offsetof(Ring, req_prod));
    if (producer == consumer) break;
    if (producer - consumer > kSize) {
      ignore(XENSTORE_ERROR_RINGIDX, fmt::format("request ring: req_prod {} is {} ahead of req_cons {}",
                                                 producer, producer - consumer, consumer));
      break;
    }
    const size_t whole = incoming.size() < sizeof(xsd_sockmsg)
                             ? sizeof(xsd_sockmsg)
                             : sizeof(xsd_sockmsg) + header_of(incoming).len;
    const uint32_t offset = consumer % kSize;
    const auto count = static_cast<uint32_t>(
        std::min<size_t>({whole - incoming.size(), producer - consumer, kSize - offset}));
    std::array<uint8_t, kSize> bytes;
    SIM_ASSERT(hypervisor.memory.read(page + (offsetof(Ring, req) + offset), bytes.data(), count));
    incoming.insert(incoming.end(), bytes.begin(), bytes.begin() + count);
    store_index(offsetof(Ring, req_cons), consumer + count);
    took = true;
    if (incoming.size() < sizeof(xsd_sockmsg)) continue;
    const uint32_t length = header_of(incoming).len;
    if (length > XENSTORE_PAYLOAD_MAX) {
      ignore(XENSTORE_ERROR_PROTO, fmt::format("a message of {} bytes", length));
    } else if (incoming.size() == sizeof(xsd_sockmsg) + length) {
      take_message();
    }
  }
  return took && !ignored;
}

void XenStoreRing::Impl::take_message() {
  std::vector<uint8_t> request = std::move(incoming);
  incoming.clear();
  running_hash = hash_mix(running_hash, hash64(request));
  messages += 1;
  const size_t whole = request.size();
  const Verdict verdict = wire.pass(Direction::out, request);
  if (!xenstore::settle_cut(request, whole)) return;
  if (verdict.fail) return refuse(request, verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) later(verdict, request, &Impl::arrive);
}

// The store hears of it only where it has to: a transaction whose end fails is over.
void XenStoreRing::Impl::refuse(std::span<const uint8_t> request, int64_t error) {
  if (const auto abort = xenstore::abort_of(request)) {
    in_store = silent = true;
    store.handle(connection, *abort);
    in_store = silent = false;
  }
  send(error_reply(request, error));
}

void XenStoreRing::Impl::later(const Verdict& verdict, std::vector<uint8_t> message,
                               void (Impl::*then)(std::vector<uint8_t>)) {
  if (verdict.punctual()) return (this->*then)(std::move(message));
  wire.release(verdict, "xenstore/delayed",
               [weak = std::weak_ptr(alive), message = std::move(message), then] {
                 if (const auto ring = weak.lock()) {
                   ((*ring)->*then)(message);
                   (*ring)->pump();
                 }
               });
}

void XenStoreRing::Impl::arrive(std::vector<uint8_t> request) {
  if (ignored) return;
  requests.push_back(std::move(request));
  if (serving) return;
  serving = hypervisor.events.schedule(hypervisor.clock.now + kRequestLatency, "xenstore/request",
                                       [this] { serve(); });
}

void XenStoreRing::Impl::serve() {
  serving = {};
  if (ignored || requests.empty()) return;
  const std::vector<uint8_t> request = std::move(requests.front());
  requests.pop_front();
  in_store = true;
  store.handle(connection, request);
  in_store = false;
  if (!requests.empty()) {
    serving = hypervisor.events.schedule(hypervisor.clock.now + kRequestLatency, "xenstore/request",
                                         [this] { serve(); });
  }
  pump();
}

// A reply or a watch event from the store. Like xenstored's send_event(), an event that waits already is not
// sent twice.
void XenStoreRing::Impl::send(std::vector<uint8_t> message) {
  const xsd_sockmsg header = header_of(message);
  if (ignored || (silent && header.type != XS_WATCH_EVENT)) return;
  if (header.type == XS_WATCH_EVENT && message.size() > sizeof header && message[sizeof header] != '@') {
    for (const Outgoing& waiting : outgoing) {
      if (waiting.event && waiting.bytes == message) return;
    }
    if (outgoing_bytes + message.size() > store.quota().memory_per_domain) {
      domain.notices.emit(NoticeKind::unusual, "xenstore", "an event was dropped: too many are unread");
      return;
    }
  }
  const size_t whole = message.size();
  const Verdict verdict = wire.pass(Direction::in, message);
  if (!xenstore::settle_cut(message, whole)) return;
  if (verdict.fail) {
    if (header.type == XS_WATCH_EVENT) return;  // it answers nothing: one that fails is lost
    message = error_reply(message, verdict.fail);
  }
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) later(verdict, message, &Impl::enqueue);
}

void XenStoreRing::Impl::enqueue(std::vector<uint8_t> message) {
  if (ignored || message.empty()) return;
  running_hash = hash_mix(running_hash, hash64(message));
  messages += 1;
  const bool event = header_of(message).type == XS_WATCH_EVENT;
  outgoing_bytes += message.size();
  if (!event) outstanding += 1;
  outgoing.push_back({std::move(message), 0, event});
}

// writechn() and handle_output(): true when bytes were put.
bool XenStoreRing::Impl::put_output() {
  bool put = false;
  while (!outgoing.empty()) {
    const uint32_t consumer = load(offsetof(Ring, rsp_cons)), producer = load(offsetof(Ring, rsp_prod));
    if (producer - consumer > kSize) {
      ignore(XENSTORE_ERROR_RINGIDX, fmt::format("response ring: rsp_prod {} is {} ahead of rsp_cons {}",
                                                 producer, producer - consumer, consumer));
      return false;
    }
    Outgoing& message = outgoing.front();
    const uint32_t offset = producer % kSize;
    const auto count = static_cast<uint32_t>(std::min<size_t>(
        {message.bytes.size() - message.written, kSize - (producer - consumer), kSize - offset}));
    if (count == 0) break;
    hypervisor.memory.write(page + (offsetof(Ring, rsp) + offset), message.bytes.data() + message.written,
                            count);
    store_index(offsetof(Ring, rsp_prod), producer + count);
    put = true;
    message.written += count;
    if (message.written < message.bytes.size()) continue;
    outgoing_bytes -= message.bytes.size();
    if (!message.event) outstanding -= 1;
    outgoing.pop_front();
  }
  return put;
}

// ignore_connection()
void XenStoreRing::Impl::ignore(uint32_t error, std::string why) {
  ignored = true;
  hypervisor.events.cancel(serving);
  incoming.clear();
  requests.clear();
  outgoing.clear();
  outgoing_bytes = outstanding = 0;
  store.disconnect(connection);
  store_index(offsetof(Ring, error), error);
  domain.notices.emit(NoticeKind::unusual, "xenstore", "the connection is ignored from now on: " + why);
}

XenStoreRing::XenStoreRing(Hypervisor& hypervisor, XenStore& store, Domain& domain, Mfn ring, EventPort port)
    : impl_(std::make_unique<Impl>(hypervisor, store, domain, ring, port)) {
  SIM_ASSERT(hypervisor.memory.contains(ring));
  Impl* impl = impl_.get();
  impl->connection = store.connect(domain.id, [impl](std::vector<uint8_t> message) {
    impl->send(std::move(message));
    // An event that another connection has caused.
    if (!impl->in_store) impl->pump();
  });
  hypervisor.channels.set_handler(port, [impl] { impl->pump(); });
}

XenStoreRing::~XenStoreRing() {
  impl_->hypervisor.channels.set_handler(impl_->port, nullptr);
  impl_->hypervisor.events.cancel(impl_->serving);
  impl_->store.disconnect(impl_->connection);
}

bool XenStoreRing::ignored() const { return impl_->ignored; }

void XenStoreRing::visit_state(StateVisitor& visitor) const {
  visitor.number("ignored", impl_->ignored);
  visitor.number("incoming", hash64(impl_->incoming));
  visitor.number("requests", impl_->requests.size());
  visitor.number("outgoing", impl_->outgoing.size());
  visitor.number("outgoing_bytes", impl_->outgoing_bytes);
  visitor.number("written", impl_->outgoing.empty() ? 0 : impl_->outgoing.front().written);
  visitor.number("outstanding", impl_->outstanding);
  visitor.number("messages", impl_->messages);
  visitor.number("traffic", impl_->running_hash);
}

}  // namespace ringside
