// Proves what a frontend sees of the block backend on its ring: data, statuses, order, events, and that a
// hostile ring hurts nobody. The walk of XenBus states is in blk_xenbus.cpp.
#include <algorithm>
#include <functional>

#include "sim/hash.h"
#include "sim/random.h"
#include "tests/unit/hv-model/blk_fixture.h"

namespace ringside {

namespace {

struct ActingTap : Tap {
  std::function<void(Crossing&, Verdict&)> act;
  uint64_t crossings = 0, digest = 0;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override {
    ++crossings;
    digest = hash_mix(hash_mix(digest, wire.index()), hash64(crossing.bytes()));
    digest = hash_mix(digest, crossing.at.ps);
    if (act) act(crossing, verdict);
  }
};

}  // namespace

TEST_CASE("blk: reads bring the disk's sectors, and only where the segment says") {
  BlkFixture fixture;
  fixture.connect();
  std::memset(fixture.data(0), 0xee, kPageSize);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 100, 0, 2, 4)) == BLKIF_RSP_OKAY);
  CHECK(fixture.notified());
  for (unsigned i = 0; i < kPageSize; ++i) {
    const unsigned sector = i / 512;
    const uint8_t expected = sector < 2 || sector > 4 ? 0xee : BlkFixture::byte_of(100 + sector - 2);
    REQUIRE(fixture.data(0)[i] == expected);
  }
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: eleven segments are one run of sectors") {
  BlkFixture fixture;
  fixture.connect();
  blkif_request request = BlkFixture::request(BLKIF_OP_READ, 10);
  request.nr_segments = 11;
  for (unsigned i = 0; i < 11; ++i) {
    request.seg[i] = {BlkFixture::kDataGrant + i, static_cast<uint8_t>(i % 8), static_cast<uint8_t>(i % 8)};
  }
  CHECK(fixture.ask(request) == BLKIF_RSP_OKAY);
  for (unsigned i = 0; i < 11; ++i) CHECK(fixture.data(i)[i % 8 * 512] == BlkFixture::byte_of(10 + i));
}

TEST_CASE("blk: what is written is read back, and a flush succeeds") {
  BlkFixture fixture;
  fixture.connect();
  std::memset(fixture.data(1), 0x5a, kPageSize);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_WRITE, 33, 1, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.ask(BlkFixture::request(BLKIF_OP_FLUSH_DISKCACHE, 0)) == BLKIF_RSP_OKAY);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 32, 2, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(2)[0] == BlkFixture::byte_of(32));
  CHECK(fixture.data(2)[512] == 0x5a);
  // A flush may carry data: it is written after the flush.
  std::memset(fixture.data(1), 0xa5, kPageSize);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_FLUSH_DISKCACHE, 32, 1, 0, 0)) == BLKIF_RSP_OKAY);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 32, 2, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(2)[0] == 0xa5);
}

TEST_CASE("blk: a write needs no writable grant, a read does") {
  BlkFixture fixture;
  fixture.connect();
  blkif_request request = BlkFixture::request(BLKIF_OP_WRITE, 8);
  request.nr_segments = 1;
  request.seg[0] = {BlkFixture::kReadOnlyGrant, 0, 0};
  CHECK(fixture.ask(request) == BLKIF_RSP_OKAY);
  request.operation = BLKIF_OP_READ;
  CHECK(fixture.ask(request) == BLKIF_RSP_ERROR);
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: each mistake gets xen-blkback's status, and the next request is served") {
  BlkFixture fixture;
  fixture.connect();
  const auto spoilt = [](auto spoil) {
    blkif_request request = BlkFixture::transfer(BLKIF_OP_READ, 64, 0, 0, 7);
    spoil(request);
    return request;
  };
  const auto check_error = [&](auto spoil) {
    CHECK(fixture.ask(spoilt(spoil)) == BLKIF_RSP_ERROR);
    CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 0, 1, 0, 7)) == BLKIF_RSP_OKAY);
  };
  check_error([](auto& r) { r.nr_segments = 0; });
  check_error([](auto& r) { r.nr_segments = 12; });
  check_error([](auto& r) { r.nr_segments = 255; });
  check_error([](auto& r) { r.seg[0].last_sect = 8; });
  check_error([](auto& r) { r.seg[0].first_sect = 255; });
  check_error([](auto& r) { r.sector_number = BlkFixture::kSectors - 7; });
  check_error([](auto& r) { r.sector_number = UINT64_MAX - 7; });
  check_error([](auto& r) { r.seg[0].gref = 400; });
  check_error([](auto& r) { r.seg[0].gref = 0xffffffff; });
  // The first segment's grant is given back when the second one's is bad.
  check_error([](auto& r) {
    r.nr_segments = 2;
    r.seg[1] = {400, 0, 7};
  });
  CHECK(fixture.ask(spoilt([](auto& r) { r.operation = BLKIF_OP_WRITE_BARRIER; })) == BLKIF_RSP_EOPNOTSUPP);
  CHECK(fixture.ask(spoilt([](auto& r) { r.operation = 200; })) == BLKIF_RSP_EOPNOTSUPP);
  CHECK_FALSE(fixture.any_grant_in_use());
}

TEST_CASE("blk: a read-only disk refuses what changes it") {
  BlkFixture fixture(BlkBackendConfig{.name = "xvda", .read_only = true, .discard = true});
  fixture.connect();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 0, 0, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_WRITE, 0, 0, 0, 7)) == BLKIF_RSP_ERROR);
  CHECK(fixture.ask(BlkFixture::request(BLKIF_OP_DISCARD, 0)) == BLKIF_RSP_ERROR);
}

TEST_CASE("blk: a discard zeroes where it is offered, and is unsupported elsewhere") {
  const bool offered = GENERATE(false, true);
  BlkFixture fixture(BlkBackendConfig{.name = "xvda", .discard = offered});
  fixture.connect();
  blkif_request request{};
  blkif_request_discard discard{};
  discard.operation = BLKIF_OP_DISCARD;
  discard.id = 1;
  discard.sector_number = 8;
  discard.nr_sectors = 9;
  std::memcpy(&request, &discard, sizeof discard);
  CHECK(fixture.ask(request) == (offered ? BLKIF_RSP_OKAY : BLKIF_RSP_EOPNOTSUPP));
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 16, 0, 0, 7)) == BLKIF_RSP_OKAY);
  CHECK(fixture.data(0)[0] == (offered ? 0 : BlkFixture::byte_of(16)));
  CHECK(fixture.data(0)[512] == BlkFixture::byte_of(17));
  discard.nr_sectors = UINT64_MAX;
  std::memcpy(&request, &discard, sizeof discard);
  CHECK(fixture.ask(request) == BLKIF_RSP_ERROR);
}

TEST_CASE("blk: a full ring is in flight at once, and short seeks come back first") {
  const uint32_t first_index = GENERATE(0u, 0xfffffff0u);  // the indices wrap around
  BlkFixture fixture;
  fixture.connect(first_index);
  for (unsigned i = 0; i < 32; ++i) {
    fixture.put(BlkFixture::transfer(BLKIF_OP_READ, i * 89 % 256, i, 0, 0, i));
  }
  fixture.kick();
  fixture.run(microseconds(10));
  CHECK(fixture.grant_in_use(BlkFixture::kDataGrant));
  CHECK(fixture.grant_in_use(BlkFixture::kDataGrant + 31));
  fixture.run();
  const auto taken = fixture.take();
  REQUIRE(taken.size() == 32);
  std::vector<bool> seen(32);
  bool in_order = true;
  for (unsigned i = 0; i < 32; ++i) {
    const auto id = static_cast<unsigned>(taken[i].id);
    CHECK(taken[i].status == BLKIF_RSP_OKAY);
    in_order = in_order && id == i;
    seen.at(id) = true;
    CHECK(fixture.data(id)[0] == BlkFixture::byte_of(id * 89 % 256));
  }
  CHECK(std::count(seen.begin(), seen.end(), true) == 32);
  CHECK_FALSE(in_order);
}

TEST_CASE("blk: no event comes before the response that the frontend asked to be told of") {
  BlkFixture fixture;
  fixture.connect();
  fixture.shared()->rsp_event = 3;
  for (uint64_t i = 0; i < 2; ++i) fixture.put(BlkFixture::transfer(BLKIF_OP_READ, i, 0, 0, 0, i));
  fixture.kick();
  fixture.run();
  CHECK(fixture.shared()->rsp_prod == 2);
  CHECK_FALSE(fixture.notified());
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 2, 0, 0, 0, 2));
  fixture.kick();
  fixture.run();
  CHECK(fixture.notified());
}

TEST_CASE("blk: requests that were published without an event are found with the next one") {
  BlkFixture fixture;
  fixture.connect();
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 0, 0, 0, 0));
  fixture.shared()->req_prod = fixture.front.req_prod_pvt;
  fixture.run();
  CHECK(fixture.take().empty());
  fixture.notify();
  fixture.run();
  CHECK(fixture.take().size() == 1);
}

TEST_CASE("blk: a refused request makes the backend pause for a millisecond") {
  BlkFixture fixture;
  fixture.connect();
  fixture.put(BlkFixture::request(BLKIF_OP_READ, 0));  // no segments
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 0, 0, 0, 0));
  fixture.kick();
  fixture.run(microseconds(900));
  CHECK(fixture.shared()->rsp_prod == 1);
  fixture.run(milliseconds(1));
  CHECK(fixture.shared()->rsp_prod == 2);
}

TEST_CASE("blk: indices that jump halt the ring until it is connected anew") {
  const uint32_t jump = GENERATE(33u, 0x80000000u, 0xffffffffu);
  BlkFixture fixture;
  fixture.connect();
  const uint64_t notices = fixture.domain->notices.count(NoticeKind::unusual);
  fixture.shared()->req_prod = jump;
  fixture.notify();
  fixture.run();
  CHECK(fixture.domain->notices.count(NoticeKind::unusual) == notices + 1);
  fixture.shared()->req_prod = 0;
  fixture.put(BlkFixture::transfer(BLKIF_OP_READ, 0, 0, 0, 0));
  fixture.shared()->req_prod = 1;
  fixture.notify();
  fixture.run();
  CHECK(fixture.shared()->rsp_prod == 0);
  fixture.set_state(XenbusState::closed);
  fixture.set_state(XenbusState::initialising);
  fixture.connect();
  CHECK(fixture.ask(BlkFixture::transfer(BLKIF_OP_READ, 0, 0, 0, 0)) == BLKIF_RSP_OKAY);
}

TEST_CASE("blk: a frontend that closes gets no more responses, and its grants back") {
  BlkFixture fixture;
  fixture.connect();
  for (unsigned i = 0; i < 32; ++i) fixture.put(BlkFixture::transfer(BLKIF_OP_READ, i * 8 % 256, i, 0, 7, i));
  fixture.kick();
  fixture.run(microseconds(10));
  REQUIRE(fixture.any_grant_in_use());
  fixture.put_node("state", "6");
  fixture.run(microseconds(20));
  CHECK_FALSE(fixture.grant_in_use(BlkFixture::kRingGrant));
  std::memset(fixture.shared(), 0xcc, kPageSize);
  fixture.run();
  CHECK_FALSE(fixture.any_grant_in_use());
  for (unsigned i = 0; i < kPageSize; ++i) {
    REQUIRE(reinterpret_cast<const uint8_t*>(fixture.shared())[i] == 0xcc);
  }
}

TEST_CASE("blk: random bytes as requests hurt nobody") {
  const uint64_t seed = 20240105;
  CAPTURE(seed);
  Random random(seed);
  BlkFixture fixture(BlkBackendConfig{.name = "xvda", .discard = true});
  fixture.connect();
  std::memset(fixture.page_bytes(fixture.canary), 0x77, kPageSize);
  uint64_t answered = 0;
  for (int step = 0; step < 3000; ++step) {
    blkif_request request;
    auto* bytes = reinterpret_cast<uint8_t*>(&request);
    for (size_t i = 0; i < sizeof request; ++i) bytes[i] = static_cast<uint8_t>(random.next());
    // Often enough, nearly right.
    if (!random.one_in(4)) request.operation = static_cast<uint8_t>(random.below(7));
    if (!random.one_in(4)) request.nr_segments = static_cast<uint8_t>(random.below(13));
    if (!random.one_in(4)) request.sector_number = random.below(BlkFixture::kSectors + 2);
    for (auto& segment : request.seg) {
      if (!random.one_in(8))
        segment = {static_cast<uint32_t>(9 + random.below(111)), 0, static_cast<uint8_t>(random.below(9))};
    }
    fixture.put(request);
    if (random.one_in(4)) {
      fixture.kick();
      fixture.run();
      answered += fixture.take().size();
    } else if (fixture.front.req_prod_pvt - fixture.front.rsp_cons == 32) {
      fixture.kick();
      fixture.run(milliseconds(100));
      answered += fixture.take().size();
    }
  }
  fixture.kick();
  fixture.run(seconds(1));
  answered += fixture.take().size();
  CHECK(answered == 3000);
  CHECK_FALSE(fixture.any_grant_in_use());
  for (unsigned i = 0; i < kPageSize; ++i) REQUIRE(fixture.page_bytes(fixture.canary)[i] == 0x77);
}

TEST_CASE("blk: faults on the wires") {
  BlkFixture fixture;
  fixture.connect();
  ActingTap tap;
  const auto read = BlkFixture::transfer(BLKIF_OP_READ, 40, 0, 0, 0, 7);
  std::memset(fixture.data(0), 0, kPageSize);

  SECTION("a request fails without touching the disk") {
    tap.act = [](Crossing&, Verdict& verdict) { verdict.fail = -5; };
    fixture.wiring.add_tap(tap, "ring/xvda/request");
    CHECK(fixture.ask(read) == BLKIF_RSP_ERROR);
    CHECK(fixture.data(0)[0] == 0);
  }
  SECTION("a response fails after the data came") {
    tap.act = [](Crossing&, Verdict& verdict) { verdict.fail = -5; };
    fixture.wiring.add_tap(tap, "ring/xvda/response");
    CHECK(fixture.ask(read) == BLKIF_RSP_ERROR);
    CHECK(fixture.data(0)[0] == BlkFixture::byte_of(40));
  }
  SECTION("a request is lost") {
    tap.act = [](Crossing&, Verdict& verdict) { verdict.copies = 0; };
    fixture.wiring.add_tap(tap, "ring/xvda/request");
    fixture.put(read);
    fixture.kick();
    fixture.run();
    CHECK(fixture.take().empty());
  }
  SECTION("a response comes twice") {
    tap.act = [](Crossing&, Verdict& verdict) { verdict.copies = 2; };
    fixture.wiring.add_tap(tap, "ring/xvda/response");
    fixture.put(read);
    fixture.kick();
    fixture.run();
    CHECK(fixture.take().size() == 2);
  }
  SECTION("a request is corrupted: another sector is read") {
    tap.act = [](Crossing& crossing, Verdict&) { (*crossing.payload)[16] = 41; };  // sector_number
    fixture.wiring.add_tap(tap, "ring/xvda/request");
    CHECK(fixture.ask(read) == BLKIF_RSP_OKAY);
    CHECK(fixture.data(0)[0] == BlkFixture::byte_of(41));
  }
  SECTION("a response is late, and comes to nobody once the frontend has gone") {
    tap.act = [](Crossing&, Verdict& verdict) { verdict.delay = milliseconds(200); };
    fixture.wiring.add_tap(tap, "ring/xvda/response");
    fixture.put(read);
    fixture.kick();
    fixture.run();
    CHECK(fixture.take().empty());
    fixture.set_state(XenbusState::closed);
    std::memset(fixture.shared(), 0xcc, kPageSize);
    fixture.run(milliseconds(300));
    CHECK(fixture.shared()->rsp_prod == 0xcccccccc);
  }
  REQUIRE(tap.crossings > 0);
  fixture.wiring.remove_tap(tap);
}

TEST_CASE("blk: equal requests give equal crossings, times and states") {
  const auto trace = [] {
    BlkFixture fixture;
    ActingTap tap;
    fixture.wiring.add_tap(tap, "*");
    fixture.connect();
    Random random(20240106);
    for (int round = 0; round < 20; ++round) {
      for (unsigned i = 0; i < 32; ++i) {
        const auto operation = static_cast<uint8_t>(random.below(4));
        fixture.put(BlkFixture::transfer(operation, random.below(250), i, 0, 5, i));
      }
      fixture.kick();
      fixture.run();
      (void)fixture.take();
    }
    const auto result =
        std::tuple(tap.digest, tap.crossings, state_digest(*fixture.backend), fixture.clock.now.ps);
    fixture.wiring.remove_tap(tap);
    return result;
  };
  const auto first = trace();
  CHECK(std::get<1>(first) > 1000);
  CHECK(first == trace());
}

}  // namespace ringside
