// Hostile clients of XenStore: on its own (a domain's and domain 0's connections), through a domain's ring,
// and through the socket of the host. After each input the tree must be whole and the accounts right.
//
//   code % 8 = 0-2  a request: who (1: % 3 is the domain), type (1), transaction (1), length (1), body
//              3    the same through domain 1's ring, as far as that has room, and an event; without `who`
//              4    a store into the ring's page: offset (2), value (4), and an event
//              5    domain 1 reads: how much is left (1), and an event
//              6    time: 1 byte, in units of 16 us
//              7    more: code (1) % 6 = 0 bytes of a socket's stream: client (1), length (1), bytes
//                                       1 a client comes: client (1)      2 it goes: client (1), length (1),
//                                       why 3 an input as it may stand in a session: length (1), bytes 4
//                                       faults: seed (1), rate (1) 5 a domain: bit 0 which, bits 1-2
//                                       introduced, shut down, released (1)
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "fuzz/device_bench.h"
#include "fuzz/driver.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/message.h"
#include "hv-model/xenstore/socket_clients.h"
#include "hv-model/xenstore/xenstore_ring.h"

namespace ringside {

namespace {

using Ring = xenstore_domain_interface;

XenStoreQuota small_quota() {
  XenStoreQuota quota;
  quota.nodes_per_domain = 8;
  quota.watches_per_domain = 3;
  quota.transactions_per_domain = 2;
  quota.nodes_per_transaction = 12;
  quota.memory_per_domain = 4000;
  quota.outstanding_requests = 3;
  return quota;
}

std::vector<uint8_t> message(uint32_t type, uint32_t transaction, std::span<const uint8_t> body) {
  const xsd_sockmsg header{type, 1, transaction, static_cast<uint32_t>(body.size())};
  std::vector<uint8_t> bytes(sizeof header + body.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  std::copy(body.begin(), body.end(), bytes.begin() + sizeof header);
  return bytes;
}

struct StoreBench {
  StoreBench() {
    for (uint16_t domain = 0; domain < 3; ++domain)
      peers[domain] = store.connect(DomainId{domain}, [](std::vector<uint8_t>) {});
    for (const char* home : {"1", "2"}) {
      const std::string path = std::string("/local/domain/") + home + '\0';
      ask(0, XS_MKDIR, 0, path);
      ask(0, XS_SET_PERMS, 0, path + "n" + home + '\0');
    }
    Domain& domain = hypervisor.create_domain();
    hypervisor.create_domain();
    domain.max_pages = 16;
    domain.shared_info = hypervisor.frames.allocate(domain.id).value();
    page = hypervisor.frames.allocate(domain.id).value().address();
    port = EventPort{static_cast<uint32_t>(hypervisor.channels.alloc_unbound(domain.id, DomainId{0}))};
    const EventPort remote{
        static_cast<uint32_t>(hypervisor.channels.bind_interdomain(DomainId{0}, domain.id, port))};
    for (const uint16_t id : {1, 2}) store.introduce(DomainId{id});
    ring = std::make_unique<XenStoreRing>(hypervisor, store, domain, Mfn{page.value / kPageSize}, remote);
  }

  void ask(size_t who, uint32_t type, uint32_t transaction, std::string_view body) {
    store.handle(peers[who],
                 message(type, transaction, {reinterpret_cast<const uint8_t*>(body.data()), body.size()}));
  }
  uint32_t index(size_t offset) const { return memory->load<uint32_t>(page + offset); }
  void put(const std::vector<uint8_t>& bytes) {
    uint32_t producer = index(offsetof(Ring, req_prod));
    for (const uint8_t byte : bytes) {
      if (producer - index(offsetof(Ring, req_cons)) >= XENSTORE_RING_SIZE) break;
      memory->store(page + (offsetof(Ring, req) + producer++ % XENSTORE_RING_SIZE), byte);
    }
    memory->store(page + offsetof(Ring, req_prod), producer);
  }
  void notify() { (void)hypervisor.channels.send(DomainId{1}, port); }
  void advance(Tick span) {
    const Tick until = clock.now + span;
    for (unsigned ran = 0; events.next_tick() <= until;) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
      if (++ran > 100'000) std::abort();
    }
    clock.now = until;
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  FuzzTap faults{wiring};
  std::unique_ptr<Memory> memory = std::move(*Memory::create(GuestPhys{0x100000}, 64 * kPageSize));
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  XenStore store{small_quota()};
  std::array<XenStore::ConnectionId, 3> peers{};
  GuestPhys page;
  EventPort port;
  std::unique_ptr<XenStoreRing> ring;
  XenStoreSocketClients clients{hypervisor, store};
  std::array<xenstore::MessageStream, XenStoreSocketClients::kClientsMax> streams;
};

void socket_bytes(StoreBench& bench, uint32_t client, std::span<const uint8_t> bytes) {
  xenstore::MessageStream& stream = bench.streams[client];
  while (!bytes.empty() && !stream.broken()) {
    bytes = bytes.subspan(stream.take(bytes));
    while (const auto whole = stream.next())
      bench.clients.take_input(encode({client, ClientInput::request}, *whole));
  }
}

void change_domain(StoreBench& bench, uint8_t how) {
  const DomainId id{static_cast<uint16_t>(1 + (how & 1))};
  switch (how >> 1 & 3) {
    case 0: bench.store.introduce(id); break;
    case 1: bench.store.shut_down(id); break;
    default: bench.store.release(id); break;
  }
}

void more(StoreBench& bench, FuzzInput& input) {
  const auto byte = [&input] { return input.take<uint8_t>(); };
  const uint8_t code = byte() % 6;
  const uint32_t client = code < 3 ? byte() % XenStoreSocketClients::kClientsMax : 0;
  switch (code) {
    case 0: socket_bytes(bench, client, input.take_bytes(byte())); break;
    case 1: bench.clients.take_input(encode({client, ClientInput::connected})); break;
    case 2:
      bench.clients.take_input(encode({client, ClientInput::gone}, input.take_bytes(byte())));
      bench.streams[client] = {};
      break;
    case 3: bench.clients.take_input(input.take_bytes(byte())); break;
    case 4: {
      const uint8_t seed = byte();
      bench.faults.set(seed, byte());
      break;
    }
    default: change_domain(bench, byte()); break;
  }
}

void step(StoreBench& bench, FuzzInput& input) {
  const auto byte = [&input] { return input.take<uint8_t>(); };
  const uint8_t code = byte() % 8;
  if (code == 7) return more(bench, input);
  if (code == 6) return bench.advance(microseconds(16) * byte());
  if (code == 4) {
    const uint64_t offset = input.take<uint16_t>() % (kPageSize - 3);
    bench.memory->store(bench.page + offset, input.take<uint32_t>());
    return bench.notify();
  }
  if (code == 5) {
    const uint32_t producer = bench.index(offsetof(Ring, rsp_prod)), left = byte();
    bench.memory->store(bench.page + offsetof(Ring, rsp_cons),
                        producer - std::min(left, producer - bench.index(offsetof(Ring, rsp_cons))));
    return bench.notify();
  }
  const size_t who = code == 3 ? 1 : byte() % 3;
  const uint32_t type = byte(), transaction = byte();
  const auto request = message(type, transaction, input.take_bytes(byte()));
  if (code < 3) {
    bench.store.handle(bench.peers[who], request);
  } else {
    bench.put(request);
    bench.notify();
  }
}

// --- Seeds ---
struct Step {
  uint8_t who, type, transaction;
  std::string body;  // '|' stands for NUL
};

std::vector<uint8_t> pack(std::initializer_list<Step> steps, bool by_ring = false) {
  std::vector<uint8_t> bytes;
  for (const Step& step : steps) {
    bytes.push_back(by_ring ? 3 : 0);
    if (!by_ring) bytes.push_back(step.who);
    bytes.insert(bytes.end(), {step.type, step.transaction, static_cast<uint8_t>(step.body.size())});
    for (const char c : step.body) bytes.push_back(c == '|' ? 0 : static_cast<uint8_t>(c));
    if (by_ring) bytes.insert(bytes.end(), {6, 10, 5, 0});
  }
  return bytes;
}

std::vector<uint8_t> by_socket() {
  std::vector<uint8_t> bytes{7, 1, 4};
  const std::string body("/tool\0t\0", 8);
  const auto request = message(XS_WATCH, 0, {reinterpret_cast<const uint8_t*>(body.data()), body.size()});
  bytes.insert(bytes.end(), {7, 0, 4, static_cast<uint8_t>(request.size())});
  bytes.insert(bytes.end(), request.begin(), request.end());
  bytes.insert(bytes.end(), {6, 100, 7, 2, 4, 2, 'n', 'o'});
  return bytes;
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  // Types: io/xs_wire.h, enum xsd_sockmsg_type.
  const std::initializer_list<Step> nodes = {
      {1, 11, 0, "a/b|value"}, {1, 2, 0, "a/b|"}, {1, 1, 0, "a|"}, {1, 22, 0, "a|0|"}, {1, 13, 0, "a|"}};
  const std::initializer_list<Step> watches = {{1, 4, 0, "a|t|"},      {2, 4, 0, "/local/domain/1|t|"},
                                               {1, 14, 0, "a|n1|r2|"}, {1, 11, 0, "a|x"},
                                               {1, 5, 0, "a|t|"},      {1, 21, 0, "|"}};
  const std::initializer_list<Step> transactions = {
      {1, 6, 0, "|"},    {1, 11, 1, "a/b|1"},    {2, 6, 0, "|"},    {1, 12, 0, "a|"},
      {1, 13, 1, "a|"},  {1, 7, 1, "T|"},        {2, 7, 1, "F|"},   {1, 6, 0, "|"},
      {1, 11, 2, "c|1"}, {1, 14, 2, "c|n1|r2|"}, {1, 4, 0, "c|t|"}, {1, 7, 2, "T|"}};
  return {pack(nodes),
          pack(watches),
          pack(transactions),
          pack(nodes, true),
          pack(watches, true),
          pack(transactions, true),
          by_socket(),
          pack({{0, 8, 0, "3|1|1|"},
                {0, 19, 0, "2|1|"},
                {2, 11, 0, "/local/domain/1/x|1"},
                {0, 17, 0, "3|"},
                {0, 14, 0, "@releaseDomain|n0|r1|"},
                {0, 4, 0, "@releaseDomain|s|"},
                {0, 9, 0, "3|"},
                {0, 14, 0, "/local/domain/1|n2|"},
                {0, 9, 0, "1|"},
                {0, 10, 0, "1|"},
                {0, 18, 0, "2|"},
                {0, 0, 0, "check|"},
                {0, 0, 0, "quota|1|"},
                {0, 0, 0, "quota|"},
                {0, 0, 0, "help|"},
                {0, 13, 0, "/local|"}})};
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  StoreBench bench;
  FuzzInput input(data, size);
  while (!input.empty() && bench.clock.now < seconds(10)) step(bench, input);
  bench.advance(milliseconds(10));
  state_digest(*bench.ring);
  state_digest(bench.clients);
  state_digest(bench.store);
  if (const std::string problem = bench.store.check_consistency(); !problem.empty()) {
    std::fprintf(stderr, "xenstore: %s\n", problem.c_str());
    std::abort();
  }
  return 0;
}
