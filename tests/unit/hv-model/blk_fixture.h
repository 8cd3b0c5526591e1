// A block frontend played by a test: its ring page, its grants and its nodes, against the real backend,
// hypervisor and XenStore. It uses Xen's own front ring macros on the shared page.
#pragma once

#include <unistd.h>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenbus.h"

namespace ringside {

struct BlkFixture {
  static constexpr uint64_t kSectors = 256;
  static constexpr uint32_t kRingGrant = 8, kDataGrant = 16, kReadOnlyGrant = 100;
  static constexpr unsigned kDataPages = 40;

  explicit BlkFixture(BlkBackendConfig config = {}, DiskLatency latency = {}) {
    char path[] = "/tmp/ringside-blk-XXXXXX";
    const int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0);
    for (uint64_t sector = 0; sector < kSectors; ++sector) {
      const std::vector<uint8_t> bytes(512, byte_of(sector));
      REQUIRE(::write(descriptor, bytes.data(), bytes.size()) == 512);
    }
    ::close(descriptor);
    DiskImageConfig image_config;
    image_config.name = "xvda";
    image_config.path = path;
    image_config.latency = latency;
    auto opened = DiskImage::open(image_config, clock, events, wiring);
    std::remove(path);  // the descriptor keeps it
    REQUIRE(opened.has_value());
    image = std::move(*opened);

    domain = &hypervisor.create_domain();
    domain->max_pages = 128;
    domain->shared_info = hypervisor.frames.allocate(domain->id).value();
    REQUIRE(hypervisor.grants.create(*domain));
    ring_page = hypervisor.frames.allocate(domain->id).value();
    for (unsigned i = 0; i < kDataPages; ++i) {
      data_pages.push_back(hypervisor.frames.allocate(domain->id).value());
      grant(kDataGrant + i, data_pages[i], false);
    }
    canary = hypervisor.frames.allocate(domain->id).value();
    grant(kReadOnlyGrant, canary, true);
    grant(kRingGrant, ring_page, false);
    store.introduce(domain->id);
    backend = std::make_unique<BlkBackend>(hypervisor, toolstack, *domain, *image, config);
    guest = std::make_unique<XenStoreClient>(store, events, clock, microseconds(1), domain->id);
    run();
  }

  static uint8_t byte_of(uint64_t sector) { return static_cast<uint8_t>(sector * 3 + 1); }

  void grant(uint32_t reference, Mfn frame, bool read_only) {
    grant_entry_v1_t entry{};
    entry.flags = static_cast<uint16_t>(GTF_permit_access | (read_only ? GTF_readonly : 0));
    entry.frame = static_cast<uint32_t>(frame.value);
    memory->store(grant_entry(reference), entry);
  }
  GuestPhys grant_entry(uint32_t reference) const {
    return domain->grants.frames.at(0).address() + reference * sizeof(grant_entry_v1_t);
  }
  bool grant_in_use(uint32_t reference) const {
    return (memory->load<uint16_t>(grant_entry(reference)) & (GTF_reading | GTF_writing)) != 0;
  }
  bool any_grant_in_use() const {
    for (unsigned i = 0; i < kDataPages; ++i) {
      if (grant_in_use(kDataGrant + i)) return true;
    }
    return grant_in_use(kReadOnlyGrant);
  }

  void run(Tick duration = milliseconds(50)) {
    const Tick end = clock.now + duration;
    while (events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = end;
  }

  // --- XenStore ---
  std::string frontend_folder() const { return "/local/domain/1/device/vbd/51712"; }
  std::string backend_folder() const { return "/local/domain/0/backend/vbd/1/51712"; }
  std::string backend_node(const std::string& name) {
    return toolstack.read(backend_folder() + "/" + name).value_or("(none)");
  }
  void put_node(const std::string& name, const std::string& value) {
    REQUIRE(guest->write(frontend_folder() + "/" + name, value).has_value());
  }
  void set_state(XenbusState state) {
    put_node("state", std::to_string(static_cast<unsigned>(state)));
    run();
  }
  XenbusState backend_state() { return parse_xenbus_state(backend_node("state")); }

  // --- The ring ---
  blkif_sring* shared() {
    return reinterpret_cast<blkif_sring*>(memory->data() +
                                          (ring_page.address().value - memory->base().value));
  }
  void publish_nodes() {
    const int64_t allocated = hypervisor.channels.alloc_unbound(domain->id, DomainId{0});
    REQUIRE(allocated > 0);
    port = EventPort{static_cast<uint32_t>(allocated)};
    put_node("ring-ref", std::to_string(kRingGrant));
    put_node("event-channel", std::to_string(port.value));
    put_node("protocol", "x86_64-abi");
  }
  void connect(uint32_t first_index = 0) {
    blkif_sring* page = shared();
    std::memset(page, 0, kPageSize);
    page->req_prod = page->rsp_prod = first_index;
    page->req_event = page->rsp_event = first_index + 1;
    FRONT_RING_ATTACH(&front, page, first_index, kPageSize);
    publish_nodes();
    set_state(XenbusState::initialised);
    REQUIRE(backend_state() == XenbusState::connected);
    set_state(XenbusState::connected);
    (void)notified();
  }

  static blkif_request request(uint8_t operation, uint64_t sector, uint64_t id = 1) {
    blkif_request made{};
    made.operation = operation;
    made.sector_number = sector;
    made.id = id;
    return made;
  }
  // One segment: sectors first to last of a data page.
  static blkif_request transfer(uint8_t operation, uint64_t sector, unsigned page, uint8_t first,
                                uint8_t last, uint64_t id = 1) {
    blkif_request made = request(operation, sector, id);
    made.nr_segments = 1;
    made.seg[0] = {kDataGrant + page, first, last};
    return made;
  }
  void put(const blkif_request& made) { *RING_GET_REQUEST(&front, front.req_prod_pvt++) = made; }
  void kick() {
    int wanted = 0;
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front, wanted);
    if (wanted) notify();
  }
  void notify() { REQUIRE(hypervisor.channels.send(domain->id, port) == 0); }
  std::vector<blkif_response> take() {
    std::vector<blkif_response> taken;
    int more = 0;
    do {
      while (front.rsp_cons != shared()->rsp_prod)
        taken.push_back(*RING_GET_RESPONSE(&front, front.rsp_cons++));
      RING_FINAL_CHECK_FOR_RESPONSES(&front, more);
    } while (more);
    return taken;
  }
  // The status of one request that is made alone.
  int16_t ask(const blkif_request& made) {
    put(made);
    kick();
    run();
    const auto taken = take();
    REQUIRE(taken.size() == 1);
    CHECK(taken[0].id == made.id);
    CHECK(taken[0].operation == made.operation);
    return taken[0].status;
  }
  // True when an event has arrived since the last call.
  bool notified() {
    constexpr size_t kPendingOffset = 32 * 64;  // evtchn_pending, behind 32 vcpu_info (public/xen.h)
    const GuestPhys word = domain->shared_info.address() + (kPendingOffset + port.value / 64 * 8);
    const uint64_t bit = uint64_t{1} << (port.value % 64);
    const uint64_t value = memory->load<uint64_t>(word);
    memory->store(word, value & ~bit);
    return (value & bit) != 0;
  }

  uint8_t* page_bytes(Mfn frame) { return memory->data() + (frame.address().value - memory->base().value); }
  uint8_t* data(unsigned page) { return page_bytes(data_pages[page]); }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = std::move(Memory::create(GuestPhys{0x100000}, 128 * kPageSize).value());
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  XenStore store;
  XenStoreClient toolstack{store, events, clock, microseconds(1)};
  std::unique_ptr<DiskImage> image;
  Domain* domain = nullptr;
  Mfn ring_page, canary;
  std::vector<Mfn> data_pages;
  std::unique_ptr<BlkBackend> backend;
  std::unique_ptr<XenStoreClient> guest;
  EventPort port;
  blkif_front_ring_t front{};
};

}  // namespace ringside
