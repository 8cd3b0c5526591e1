// A guest of which only one shared page and one event channel exist, for tests of backends that speak
// through a ring. The test plays the guest: it stores into the page and notifies.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "hv-model/hypervisor.h"

namespace ringside {

struct RingGuest {
  RingGuest() {
    domain = &hypervisor.create_domain();
    domain->max_pages = 16;
    domain->shared_info = hypervisor.frames.allocate(domain->id).value();
    page = hypervisor.frames.allocate(domain->id).value();
    const int64_t guest_port = hypervisor.channels.alloc_unbound(domain->id, DomainId{0});
    REQUIRE(guest_port > 0);
    port = EventPort{static_cast<uint32_t>(guest_port)};
    const int64_t backend_port = hypervisor.channels.bind_interdomain(DomainId{0}, domain->id, port);
    REQUIRE(backend_port > 0);
    remote_port = EventPort{static_cast<uint32_t>(backend_port)};
    run(milliseconds(1));
    notified();
  }

  uint32_t index(size_t offset) const { return memory->load<uint32_t>(page.address() + offset); }
  void set_index(size_t offset, uint32_t value) { memory->store(page.address() + offset, value); }

  // Puts bytes behind the producer of a ring of `size` bytes that starts at `start`; false without room.
  bool put(size_t start, uint32_t size, size_t producer_at, size_t consumer_at,
           const std::vector<uint8_t>& bytes) {
    uint32_t producer = index(producer_at);
    if (size - (producer - index(consumer_at)) < bytes.size()) return false;
    for (const uint8_t byte : bytes) memory->store(page.address() + (start + producer++ % size), byte);
    set_index(producer_at, producer);
    return true;
  }

  std::vector<uint8_t> take(size_t start, uint32_t size, size_t producer_at, size_t consumer_at,
                            size_t most) {
    std::vector<uint8_t> bytes;
    uint32_t consumer = index(consumer_at);
    while (consumer != index(producer_at) && bytes.size() < most) {
      bytes.push_back(memory->load<uint8_t>(page.address() + (start + consumer++ % size)));
    }
    set_index(consumer_at, consumer);
    return bytes;
  }

  void notify() { REQUIRE(hypervisor.channels.send(domain->id, port) == 0); }

  // True when an event has arrived since the last call.
  bool notified() {
    const GuestPhys word = domain->shared_info.address() + (kPendingOffset + port.value / 64 * 8);
    const uint64_t bit = uint64_t{1} << (port.value % 64);
    const uint64_t value = memory->load<uint64_t>(word);
    memory->store(word, value & ~bit);
    return (value & bit) != 0;
  }

  void run(Tick duration) {
    const Tick end = clock.now + duration;
    while (events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = end;
  }

  static constexpr size_t kPendingOffset = 32 * 64;  // evtchn_pending, behind 32 vcpu_info (public/xen.h)

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = std::move(Memory::create(GuestPhys{0x100000}, 64 * kPageSize).value());
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  Domain* domain = nullptr;
  Mfn page;
  EventPort port, remote_port;
};

// Records what crosses the wires that match, and does as it is told to.
struct ScriptedTap : Tap {
  std::vector<std::string> seen;
  std::function<void(const Wire&, Crossing&, Verdict&)> act;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override {
    seen.push_back(wire.name() + (crossing.direction == Direction::out ? " out " : " in ") +
                   to_line(decode(wire.payload_type(), crossing.bytes())));
    if (act) act(wire, crossing, verdict);
  }
};

}  // namespace ringside
