// A 9P frontend played by a test: its rings' pages, its grants and nodes, against the real backend,
// hypervisor and XenStore, with a service that answers as the test wants.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "host/9p/messages.h"
#include "host/9p/service.h"
#include "hv-model/backends/9pfs/p9_backend.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenbus.h"
#include "tests/unit/hv-model/ring_guest.h"

namespace ringside {

// Answers each T message, after 10 us, with an R message of `answer_bytes`; or keeps it until release().
struct ScriptedService final : NinePService {
  ScriptedService(const Clock& the_clock, EventQueue& the_events) : clock(the_clock), events(the_events) {}

  static std::vector<uint8_t> message(uint8_t type, uint16_t tag, size_t bytes = 7, uint8_t fill = 0) {
    std::vector<uint8_t> made(bytes, fill);
    const auto size = static_cast<uint32_t>(bytes);
    std::memcpy(made.data(), &size, 4);
    made[4] = type;
    std::memcpy(made.data() + 5, &tag, 2);
    return made;
  }
  static uint16_t tag_of(const std::vector<uint8_t>& message) {
    return static_cast<uint16_t>(message.at(5) | message.at(6) << 8);
  }

  void receive(std::vector<uint8_t> message_in, Reply reply) override {
    std::vector<uint8_t> answer = message(static_cast<uint8_t>(message_in.at(4) + 1), tag_of(message_in),
                                          answer_bytes, static_cast<uint8_t>(tag_of(message_in)));
    seen.push_back(std::move(message_in));
    if (holds) {
      held.emplace_back(std::move(answer), std::move(reply));
      return;
    }
    events.schedule(clock.now + microseconds(10), "test/answer",
                    [this, round = resets, answer = std::move(answer), reply = std::move(reply)] {
                      if (round == resets) reply(answer);
                    });
  }
  void release() {
    while (!held.empty()) {
      auto [answer, reply] = std::move(held.front());
      held.pop_front();
      reply(std::move(answer));
    }
  }
  void reset() override {
    ++resets;
    held.clear();
  }
  uint32_t msize() const override { return msize_now; }
  void visit_state(StateVisitor& visitor) const override { visitor.number("seen", seen.size()); }

  const Clock& clock;
  EventQueue& events;
  size_t answer_bytes = 7;
  uint32_t msize_now = 1 << 20;
  bool holds = false;
  unsigned resets = 0;
  std::vector<std::vector<uint8_t>> seen;
  std::deque<std::pair<std::vector<uint8_t>, Reply>> held;
};

// One ring, from the frontend's side.
struct FrontRing {
  Mfn interface;
  std::vector<Mfn> data;
  uint32_t order = 0;
  EventPort port;
  uint32_t out_prod = 0, in_cons = 0;
  uint32_t size() const { return 2048u << order; }
};

struct P9Fixture {
  static constexpr uint32_t kGrantsPerRing = 600;
  static constexpr size_t kInCons = 0, kInProd = 4, kOutCons = 64, kOutProd = 68, kOrder = 128, kRefs = 132;

  explicit P9Fixture(NinePfsConfig config = {}) {
    domain = &hypervisor.create_domain();
    domain->max_pages = 2000;
    domain->shared_info = hypervisor.frames.allocate(domain->id).value();
    REQUIRE(hypervisor.grants.create(*domain));
    canary = hypervisor.frames.allocate(domain->id).value();
    store.introduce(domain->id);
    (void)toolstack.make_directory("/local/domain/1");
    (void)toolstack.set_permissions("/local/domain/1", {"n1"});
    backend = std::make_unique<NinePfsBackend>(hypervisor, toolstack, *domain, service, config);
    run();
  }

  // --- Memory ---
  void grant(uint32_t reference, Mfn frame, bool read_only = false) {
    while (domain->grants.frames.size() <= reference / 512) {
      const Mfn more = hypervisor.frames.allocate(domain->id).value();
      domain->grants.frames.push_back(more);
      domain->grants.active.resize(domain->grants.frames.size() * GrantTable::kEntriesPerFrame);
    }
    grant_entry_v1_t entry{};
    entry.flags = static_cast<uint16_t>(GTF_permit_access | (read_only ? GTF_readonly : 0));
    entry.frame = static_cast<uint32_t>(frame.value);
    memory->store(grant_entry(reference), entry);
  }
  GuestPhys grant_entry(uint32_t reference) const {
    return domain->grants.frames.at(reference / 512).address() +
           uint64_t{reference % 512} * sizeof(grant_entry_v1_t);
  }
  bool any_grant_in_use() const {
    for (const ActiveGrant& active : domain->grants.active) {
      if (active.readers + active.writers != 0) return true;
    }
    return false;
  }
  static uint32_t interface_grant(size_t ring) { return 8 + static_cast<uint32_t>(ring) * kGrantsPerRing; }

  void run(Tick duration = milliseconds(20)) {
    const Tick end = clock.now + duration;
    while (events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = end;
  }

  // --- XenStore ---
  std::string frontend_folder() const { return "/local/domain/1/device/9pfs/0"; }
  std::string backend_folder() const { return "/local/domain/0/backend/9pfs/1/0"; }
  std::string backend_node(const std::string& name) {
    return toolstack.read(backend_folder() + "/" + name).value_or("(none)");
  }
  std::string error_node() {
    return toolstack.read("/local/domain/0/error/backend/9pfs/1/0/error").value_or("(none)");
  }
  void put_node(const std::string& name, const std::string& value) {
    REQUIRE(guest.write(frontend_folder() + "/" + name, value).has_value());
  }
  void set_state(XenbusState state) {
    put_node("state", std::to_string(static_cast<unsigned>(state)));
    run();
  }
  XenbusState backend_state() { return parse_xenbus_state(backend_node("state")); }

  // --- Rings ---
  void make_ring(uint32_t order) {
    FrontRing ring;
    ring.order = order;
    const size_t number = rings.size();
    ring.interface = hypervisor.frames.allocate(domain->id).value();
    grant(interface_grant(number), ring.interface);
    store_index(ring, kOrder, order);
    for (uint32_t i = 0; i < 1u << order; ++i) {
      ring.data.push_back(hypervisor.frames.allocate(domain->id).value());
      grant(interface_grant(number) + 1 + i, ring.data.back());
      store_index(ring, kRefs + 4 * i, interface_grant(number) + 1 + i);
    }
    rings.push_back(ring);
  }
  void publish_nodes() {
    put_node("version", "1");
    put_node("num-rings", std::to_string(rings.size()));
    for (size_t i = 0; i < rings.size(); ++i) {
      const int64_t port = hypervisor.channels.alloc_unbound(domain->id, DomainId{0});
      REQUIRE(port > 0);
      rings[i].port = EventPort{static_cast<uint32_t>(port)};
      put_node("ring-ref" + std::to_string(i), std::to_string(interface_grant(i)));
      put_node("event-channel-" + std::to_string(i), std::to_string(port));
    }
  }
  void connect(uint32_t order = 1, size_t count = 1) {
    while (rings.size() < count) make_ring(order);
    publish_nodes();
    set_state(XenbusState::initialised);
    REQUIRE(backend_state() == XenbusState::connected);
    set_state(XenbusState::connected);
  }

  uint32_t load_index(const FrontRing& ring, size_t at) const {
    return memory->load<uint32_t>(ring.interface.address() + at);
  }
  void store_index(const FrontRing& ring, size_t at, uint32_t value) {
    memory->store(ring.interface.address() + at, value);
  }
  GuestPhys byte_address(const FrontRing& ring, uint32_t half, uint32_t index) const {
    const uint32_t place = half * ring.size() + (index & (ring.size() - 1));
    return ring.data.at(place / kPageSize).address() + place % kPageSize;
  }

  // Puts bytes behind out_prod, without a look at what room there is.
  void write(const std::vector<uint8_t>& bytes, size_t number = 0) {
    FrontRing& ring = rings.at(number);
    for (const uint8_t byte : bytes) memory->store(byte_address(ring, 1, ring.out_prod++), byte);
    store_index(ring, kOutProd, ring.out_prod);
  }
  void notify(size_t number = 0) {
    REQUIRE(hypervisor.channels.send(domain->id, rings.at(number).port) == 0);
  }
  void ask(const std::vector<uint8_t>& bytes, size_t number = 0) {
    write(bytes, number);
    notify(number);
    run();
  }
  size_t answer_bytes_there(size_t number = 0) const {
    return load_index(rings.at(number), kInProd) - rings.at(number).in_cons;
  }
  // The next answer; empty when there is none, or not all of it.
  std::vector<uint8_t> take(size_t number = 0) {
    FrontRing& ring = rings.at(number);
    const uint32_t there = load_index(ring, kInProd) - ring.in_cons;
    std::vector<uint8_t> bytes;
    uint32_t size = 4;
    for (uint32_t i = 0; i < size && i < there; ++i) {
      bytes.push_back(memory->load<uint8_t>(byte_address(ring, 0, ring.in_cons + i)));
      if (i == 3) std::memcpy(&size, bytes.data(), 4);
    }
    if (bytes.size() < 4 || bytes.size() < size) return {};
    ring.in_cons += size;
    store_index(ring, kInCons, ring.in_cons);
    return bytes;
  }
  // True when an event has arrived since the last call.
  bool notified(size_t number = 0) {
    const uint32_t port = rings.at(number).port.value;
    const GuestPhys word = domain->shared_info.address() + (RingGuest::kPendingOffset + port / 64 * 8);
    const uint64_t bit = uint64_t{1} << (port % 64);
    const uint64_t value = memory->load<uint64_t>(word);
    memory->store(word, value & ~bit);
    return (value & bit) != 0;
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = std::move(Memory::create(GuestPhys{0x100000}, 2048 * kPageSize).value());
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  XenStore store;
  XenStoreClient toolstack{store, events, clock, microseconds(1)};
  ScriptedService service{clock, events};
  Domain* domain = nullptr;
  Mfn canary;
  std::unique_ptr<NinePfsBackend> backend;
  XenStoreClient guest{store, events, clock, microseconds(1), DomainId{1}};
  std::vector<FrontRing> rings;
};

}  // namespace ringside
