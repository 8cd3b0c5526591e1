// What the fuzz target of a backend stands on: a hypervisor with XenStore and two domains that have memory
// but no core. Domain 1 is the hostile one: an input stores into its pages, writes its grant entries and
// nodes, binds and rings its ports. Domain 2 is a neighbour, whose page and grants must stay as they were.
// After an input check_returned() sees that domain 0 has given back all that it had of domain 1.
//
// A page, a grant reference and a port are named by small numbers, so that an input's bytes mean something.
// A target makes one, adds its backend behind it (so that the backend goes first), and calls
// run_frontend_operations(), whose operations are listed there.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/device_bench.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/client.h"

namespace ringside {

struct FrontendBench {
  static constexpr unsigned kPages = 48;           // domain 1's, by number
  static constexpr uint32_t kFirstGrant = 8;       // reference of grant number 0
  static constexpr unsigned kGrants = 64;          // at the start, number n grants page n % kPages
  static constexpr unsigned kPorts = 8;            // slots for event channels
  static constexpr unsigned kEventsMax = 200'000;  // of one step; more is a hang
  static constexpr uint8_t kCanary = 0xa5;

  FrontendBench() {
    domain = &make_domain();
    neighbour = &make_domain();
    for (unsigned number = 0; number < kPages; ++number) pages.push_back(allocate(*domain));
    for (unsigned number = 0; number < kGrants; ++number) grant(number, number % kPages, false);
    canary = allocate(*neighbour);
    const std::vector<uint8_t> pattern(kPageSize, kCanary);
    memory->write(canary.address(), pattern.data(), pattern.size());
  }

  // --- Memory and grants of domain 1 ---
  GuestPhys address(unsigned page) const { return pages[page % kPages].address(); }
  static constexpr uint32_t reference(unsigned number) { return kFirstGrant + number % kGrants; }
  GuestPhys grant_entry(uint32_t ref) const {
    return domain->grants.frames.at(0).address() + uint64_t{ref} * sizeof(grant_entry_v1_t);
  }
  // `number` and `page` are taken modulo what there is.
  void grant(unsigned number, unsigned page, bool read_only) {
    grant_raw(number, static_cast<uint16_t>(GTF_permit_access | (read_only ? GTF_readonly : 0)), 0,
              pages[page % kPages].value);
  }
  void grant_raw(unsigned number, uint16_t flags, uint16_t to, uint64_t frame) {
    memory->store(grant_entry(reference(number)), grant_entry_v1_t{flags, to, static_cast<uint32_t>(frame)});
  }
  template <class Value>
  void store(unsigned page, uint64_t offset, const Value& value) {
    memory->write(address(page) + offset % (kPageSize - sizeof value + 1), &value, sizeof value);
  }

  // --- Event channels of domain 1 ---
  // A fresh port for domain 0 to bind to; what the slot held before is closed.
  EventPort make_port(unsigned slot) {
    EventPort& port = ports[slot % kPorts];
    if (port.value != 0) hypervisor.channels.close(domain->id, port);
    const int64_t made = hypervisor.channels.alloc_unbound(domain->id, DomainId{0});
    port = EventPort{made > 0 ? static_cast<uint32_t>(made) : 0};
    return port;
  }
  void close_port(unsigned slot) {
    hypervisor.channels.close(domain->id, ports[slot % kPorts]);
    ports[slot % kPorts] = EventPort{0};
  }
  void notify(unsigned slot) { hypervisor.channels.send(domain->id, ports[slot % kPorts]); }

  // --- XenStore, as domain 1 ---
  void write_node(const std::string& path, const std::string& value) { (void)guest.write(path, value); }

  // Runs what is due in the next `span`.
  void advance(Tick span) {
    const Tick until = clock.now + span;
    unsigned ran = 0;
    while (events.next_tick() <= until) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
      if (++ran >= kEventsMax) fail("the backend schedules without end");
    }
    clock.now = until;
  }

  // Call it when the backend is gone and time has passed: domain 0 maps nothing and has no port bound, and
  // the neighbour's page is as it was.
  void check_returned() {
    // A disk's answer that a fault has lost holds its grants for ever, as it would in Xen.
    if (faulted) return;
    const Domain& backends = *hypervisor.find_domain(DomainId{0});
    if (!backends.grants.mappings.empty()) fail("a grant is still mapped");
    if (hypervisor.channels.ports_in_use(DomainId{0}) != 0) fail("a port of domain 0 is still open");
    for (const ActiveGrant& active : domain->grants.active) {
      if (active.readers + active.writers != 0) fail("a grant is still counted as used");
    }
    const uint8_t* bytes = memory->at(canary.address(), kPageSize);
    if (!std::all_of(bytes, bytes + kPageSize, [](uint8_t byte) { return byte == kCanary; }))
      fail("the neighbour's page was changed");
  }
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "frontend bench: %s\n", what);
    std::abort();
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = std::move(*Memory::create(GuestPhys{0x100000}, 128 * kPageSize));
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  XenStore xenstore;
  XenStoreClient toolstack{xenstore, events, clock, microseconds(1)};
  FuzzTap faults{wiring};
  bool faulted = false;  // there were faults at some time
  Domain* domain = nullptr;
  Domain* neighbour = nullptr;
  std::vector<Mfn> pages;
  Mfn canary;
  std::array<EventPort, kPorts> ports{};
  XenStoreClient guest{xenstore, events, clock, microseconds(1), DomainId{1}};

 private:
  Domain& make_domain() {
    Domain& made = hypervisor.create_domain();
    made.max_pages = 64;
    made.shared_info = hypervisor.frames.allocate(made.id).value();
    if (!hypervisor.grants.create(made)) fail("no memory for a grant table");
    const std::string home = "/local/domain/" + std::to_string(made.id.value);
    (void)toolstack.make_directory(home);
    (void)toolstack.set_permissions(home, {"n" + std::to_string(made.id.value)});
    xenstore.introduce(made.id);
    return made;
  }
  Mfn allocate(const Domain& owner) { return hypervisor.frames.allocate(owner.id).value(); }
};

// What an input is made of, each a byte of code and its arguments:
//
//   code % 16 = 0  bytes into a page: page (1), offset (2), length (1), bytes
//               1  a number into a page: page (1), offset in words (2), value (4)
//               2  a small number into a page: page (1), offset in words (1), value (1)
//               3  one added to a number in a page: page (1), offset in words (1), how much (1)
//               4  a grant: number (1), page (1), flags (1: bit 0 read-only, bit 1 withdrawn, bit 2 to domain
//                  2, bit 3 the neighbour's frame, bit 4 a sub-page grant)
//               5  a port: slot (1; bit 7 closes it instead)
//               6  an event: slot (1)
//               7  a node that names a grant: node (1), number (1)
//               8  a node that names a port: node (1), slot (1)
//               9  a node with a small number: node (1), number (1)
//              10  a node with any text: node (1), length (1), bytes; length 255 removes it
//              11  the state: 1 byte
//              12  time: 1 byte, in units of 1 us
//              13  time: 1 byte, in units of 200 us
//              14  faults on the wires: seed (1), rate (1, 0: no more)
//              15  the target's own: its number is the next byte
//
// `nodes` are the names under `frontend`, the frontend's folder.
struct FrontendFolder {
  std::string frontend;
  std::vector<std::string> nodes;
  std::string path(uint8_t node) const { return frontend + "/" + nodes[node % nodes.size()]; }
};

inline void run_frontend_operations(FrontendBench& bench, FuzzInput& input, const FrontendFolder& folder,
                                    const std::function<void(uint8_t code, FuzzInput&)>& own = {}) {
  constexpr Tick kLongest = seconds(30);
  const auto byte = [&input] { return input.take<uint8_t>(); };
  while (!input.empty() && bench.clock.now < kLongest) {
    switch (byte() % 16) {
      case 0: {
        const uint8_t page = byte();
        const uint64_t offset = input.take<uint16_t>() % kPageSize;
        const auto bytes = input.take_bytes(byte());
        bench.memory->write(bench.address(page) + offset, bytes.data(),
                            std::min<uint64_t>(bytes.size(), kPageSize - offset));
        break;
      }
      case 1: {
        const uint8_t page = byte();
        const uint64_t word = input.take<uint16_t>();
        bench.store(page, word * 4 % kPageSize, input.take<uint32_t>());
        break;
      }
      case 2: {
        const uint8_t page = byte();
        const uint64_t word = byte();
        bench.store(page, word * 4, uint32_t{byte()});
        break;
      }
      case 3: {
        const uint8_t page = byte();
        const GuestPhys place = bench.address(page) + uint64_t{byte()} * 4;
        bench.memory->store(place, bench.memory->load<uint32_t>(place) + byte());
        break;
      }
      case 4: {
        const uint8_t number = byte(), page = byte(), flags = byte();
        const uint16_t type = flags & 2 ? 0 : GTF_permit_access;
        bench.grant_raw(
            number,
            static_cast<uint16_t>(type | (flags & 1 ? GTF_readonly : 0) | (flags & 16 ? GTF_sub_page : 0)),
            flags & 4 ? 2 : 0,
            flags & 8 ? bench.canary.value : bench.pages[page % FrontendBench::kPages].value);
        break;
      }
      case 5: {
        const uint8_t slot = byte();
        slot & 0x80 ? bench.close_port(slot) : static_cast<void>(bench.make_port(slot));
        break;
      }
      case 6: bench.notify(byte()); break;
      case 7: {
        const std::string path = folder.path(byte());
        bench.write_node(path, std::to_string(FrontendBench::reference(byte())));
        break;
      }
      case 8: {
        const std::string path = folder.path(byte());
        bench.write_node(path, std::to_string(bench.ports[byte() % FrontendBench::kPorts].value));
        break;
      }
      case 9: {
        const std::string path = folder.path(byte());
        bench.write_node(path, std::to_string(byte()));
        break;
      }
      case 10: {
        const std::string path = folder.path(byte());
        const uint8_t length = byte();
        const auto text = input.take_bytes(length == 0xff ? 0 : length);
        if (length == 0xff)
          (void)bench.guest.remove(path);
        else
          bench.write_node(path, std::string(text.begin(), text.end()));
        break;
      }
      case 11: bench.write_node(folder.frontend + "/state", std::to_string(byte() % 10)); break;
      case 12: bench.advance(microseconds(byte())); break;
      case 13: bench.advance(microseconds(200) * byte()); break;
      case 14: {
        const uint8_t seed = byte(), rate = byte();
        bench.faults.set(seed, rate);
        bench.faulted = bench.faulted || rate != 0;
        break;
      }
      default: {
        const uint8_t code = byte();
        if (own) own(code, input);
        break;
      }
    }
  }
}

}  // namespace ringside
