// Proves the shapes that a block ring may have: several pages that lie anywhere, several queues, the 32-bit
// layout. The frontend here lays out its slots by hand.
#include <algorithm>

#include "sim/random.h"
#include "tests/unit/hv-model/blk_fixture.h"

namespace ringside {

namespace {

// A frontend's end of a ring over pages in any order, in either layout.
struct HandMadeRing {
  BlkFixture& fixture;
  std::vector<Mfn> pages;
  bool narrow = false;
  EventPort port{};
  uint32_t req_prod = 0, rsp_cons = 0;

  uint32_t slot_bytes() const { return narrow ? 108 : 112; }
  uint32_t slots() const {
    uint32_t slots = 1;
    while (64 + slots * 2 * slot_bytes() <= pages.size() * kPageSize) slots *= 2;
    return slots;
  }
  uint8_t* byte(uint64_t offset) {
    return fixture.page_bytes(pages[offset / kPageSize]) + offset % kPageSize;
  }
  uint32_t* index(unsigned number) { return reinterpret_cast<uint32_t*>(byte(number * 4)); }
  template <class Value>
  void put_at(uint64_t offset, Value value) {
    uint8_t bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    for (size_t i = 0; i < sizeof value; ++i) *byte(offset + i) = bytes[i];
  }
  template <class Value>
  Value get_at(uint64_t offset) {
    uint8_t bytes[sizeof(Value)];
    for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = *byte(offset + i);
    Value value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  void clear() {
    for (const Mfn page : pages) std::memset(fixture.page_bytes(page), 0, kPageSize);
    *index(1) = *index(3) = 1;
  }
  // A read of one sector into the first of a data page.
  void read(uint64_t sector, unsigned page, uint64_t id) {
    const uint64_t slot = 64 + uint64_t{req_prod++ % slots()} * slot_bytes();
    const unsigned shift = narrow ? 4 : 0;
    put_at(slot, uint8_t{BLKIF_OP_READ});
    put_at(slot + 1, uint8_t{1});
    put_at(slot + 8 - shift, id);
    put_at(slot + 16 - shift, sector);
    put_at(slot + 24 - shift, BlkFixture::kDataGrant + page);
    put_at(slot + 28 - shift, uint16_t{0});
  }
  void kick() {
    *index(0) = req_prod;
    REQUIRE(fixture.hypervisor.channels.send(fixture.domain->id, port) == 0);
    fixture.run();
  }
  // The ids of the responses, each of which must be a success.
  std::vector<uint64_t> take() {
    std::vector<uint64_t> ids;
    for (; rsp_cons != *index(2); ++rsp_cons) {
      const uint64_t slot = 64 + uint64_t{rsp_cons % slots()} * slot_bytes();
      CHECK(get_at<uint8_t>(slot + 8) == BLKIF_OP_READ);
      CHECK(get_at<int16_t>(slot + 10) == BLKIF_RSP_OKAY);
      ids.push_back(get_at<uint64_t>(slot));
    }
    *index(3) = rsp_cons + 1;
    return ids;
  }
};

constexpr uint32_t kPageGrant = 200;

// Grants the pages and writes the nodes under the folder.
void publish(BlkFixture& fixture, HandMadeRing& ring, const std::string& folder, uint32_t first_grant) {
  const int64_t port = fixture.hypervisor.channels.alloc_unbound(fixture.domain->id, DomainId{0});
  REQUIRE(port > 0);
  ring.port = EventPort{static_cast<uint32_t>(port)};
  ring.clear();
  fixture.put_node(folder + "event-channel", std::to_string(port));
  for (unsigned i = 0; i < ring.pages.size(); ++i) {
    fixture.grant(first_grant + i, ring.pages[i], false);
    fixture.put_node(folder + "ring-ref" + std::to_string(i), std::to_string(first_grant + i));
  }
}

}  // namespace

TEST_CASE("blk: a ring of several pages, in no order, is one ring") {
  const unsigned order = GENERATE(0u, 1u, 2u, 4u);
  const bool narrow = GENERATE(false, true);
  CAPTURE(order, narrow);
  BlkFixture fixture;
  HandMadeRing ring{fixture, {}, narrow};
  for (unsigned i = 0; i < 1u << order; ++i) ring.pages.push_back(fixture.data_pages[39 - i]);
  publish(fixture, ring, "", kPageGrant);
  fixture.put_node("ring-page-order", std::to_string(order));
  fixture.put_node("protocol", narrow ? "x86_32-abi" : "x86_64-abi");
  fixture.set_state(XenbusState::initialised);
  REQUIRE(fixture.backend_state() == XenbusState::connected);
  CHECK(ring.slots() == 32u << order);
  for (unsigned round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < ring.slots(); ++i) ring.read(i % 256, i % 16, 1000 + i);
    ring.kick();
    std::vector<uint64_t> ids = ring.take();
    REQUIRE(ids.size() == ring.slots());
    std::sort(ids.begin(), ids.end());
    for (uint32_t i = 0; i < ring.slots(); ++i) REQUIRE(ids[i] == 1000 + i);
  }
  ring.read(77, 3, 1);
  ring.kick();
  CHECK(ring.take() == std::vector<uint64_t>{1});
  CHECK(fixture.data(3)[0] == BlkFixture::byte_of(77));
  // One more than fit.
  *ring.index(0) = ring.req_prod + ring.slots() + 1;
  REQUIRE(fixture.hypervisor.channels.send(fixture.domain->id, ring.port) == 0);
  fixture.run();
  CHECK(ring.take().empty());
  fixture.set_state(XenbusState::closed);
  for (unsigned i = 0; i < ring.pages.size(); ++i) CHECK_FALSE(fixture.grant_in_use(kPageGrant + i));
}

TEST_CASE("blk: several queues are rings of their own, with wires of their own") {
  BlkFixture fixture;
  std::vector<HandMadeRing> rings;
  for (unsigned queue = 0; queue < 3; ++queue) {
    rings.push_back({fixture, {fixture.data_pages[30 + 2 * queue], fixture.data_pages[20 + queue]}});
    publish(fixture, rings[queue], "queue-" + std::to_string(queue) + "/", kPageGrant + 2 * queue);
  }
  fixture.put_node("ring-page-order", "1");
  fixture.put_node("multi-queue-num-queues", "3");
  fixture.set_state(XenbusState::initialised);
  REQUIRE(fixture.backend_state() == XenbusState::connected);
  CHECK(fixture.wiring.find("dom1/ring/xvda/queue-2/request") != nullptr);
  for (unsigned queue = 0; queue < 3; ++queue) {
    for (unsigned i = 0; i < 10; ++i) rings[queue].read(50 + queue, queue, queue * 100 + i);
  }
  for (HandMadeRing& ring : rings) ring.kick();
  for (unsigned queue = 0; queue < 3; ++queue) {
    const std::vector<uint64_t> ids = rings[queue].take();
    REQUIRE(ids.size() == 10);
    for (const uint64_t id : ids) CHECK(id / 100 == queue);
    CHECK(fixture.data(queue)[0] == BlkFixture::byte_of(50 + queue));
  }
  // One that is broken does not hold up the others.
  *rings[1].index(0) = rings[1].req_prod + 1000;
  REQUIRE(fixture.hypervisor.channels.send(fixture.domain->id, rings[1].port) == 0);
  rings[2].read(1, 0, 7);
  rings[2].kick();
  CHECK(rings[2].take() == std::vector<uint64_t>{7});
  fixture.set_state(XenbusState::closed);
  for (unsigned i = 0; i < 6; ++i) CHECK_FALSE(fixture.grant_in_use(kPageGrant + i));
  CHECK(fixture.hypervisor.channels.ports_in_use(DomainId{0}) == 0);
}

TEST_CASE("blk: queues that share a ring page hurt only their own frontend") {
  BlkFixture fixture;
  std::vector<HandMadeRing> rings;
  for (unsigned queue = 0; queue < 2; ++queue) {
    rings.push_back({fixture, {fixture.data_pages[30]}});
    publish(fixture, rings[queue], "queue-" + std::to_string(queue) + "/", kPageGrant);
  }
  fixture.put_node("multi-queue-num-queues", "2");
  fixture.set_state(XenbusState::initialised);
  REQUIRE(fixture.backend_state() == XenbusState::connected);
  for (unsigned i = 0; i < 8; ++i) rings[0].read(i, i, i);
  rings[0].kick();
  REQUIRE(fixture.hypervisor.channels.send(fixture.domain->id, rings[1].port) == 0);
  fixture.run();
  fixture.set_state(XenbusState::closed);
  CHECK(fixture.backend_state() == XenbusState::closed);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK_FALSE(fixture.grant_in_use(kPageGrant));
}

TEST_CASE("blk: what a 32-bit frontend does not write of its slots stays as it was") {
  BlkFixture fixture;
  HandMadeRing ring{fixture, {fixture.data_pages[39]}, true};
  publish(fixture, ring, "", kPageGrant);
  fixture.put_node("protocol", "x86_32-abi");
  fixture.set_state(XenbusState::initialised);
  REQUIRE(fixture.backend_state() == XenbusState::connected);
  ring.put_at(64 + 108, uint32_t{0x5a5a5a5a});
  ring.put_at(64 + 104, uint32_t{0xa5a5a5a5});
  ring.read(3, 0, 1);
  ring.kick();
  CHECK(ring.take().size() == 1);
  CHECK(ring.get_at<uint32_t>(64 + 108) == 0x5a5a5a5a);
  CHECK(ring.get_at<uint32_t>(64 + 104) == 0xa5a5a5a5);
}

}  // namespace ringside
