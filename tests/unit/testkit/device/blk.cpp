// Proves that a test can be a block frontend against our backend, and the backend of a frontend: requests,
// grants, events, the walk of XenBus, by public/io/blkif.h; and that what the backend makes of bad requests
// is seen.
#include <catch2/catch.hpp>

#include "ringside/ring.h"

using namespace ringside::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

Bytes pattern(size_t bytes, uint8_t seed) {
  Bytes made(bytes);
  for (size_t i = 0; i < bytes; ++i) made[i] = static_cast<uint8_t>(seed + i * 7 + i / 512);
  return made;
}

}  // namespace

TEST_CASE("blk: a request, an event, a response", "[testkit][ring]") {
  XenBench bench;
  BlkRing& ring = bench.add_blk({.sectors = 4096});
  ring.connect();
  ring.disk().write(2048, pattern(4096, 5));
  const GrantedPage page = bench.grant_page();
  ring.push(blk::read{2048, {page}});
  ring.evtchn().notify();
  ring.expect(blk::response{blk::ok});
  ring.evtchn().expect(10us);
  CHECK(page.copy(0, 4096) == pattern(4096, 5));
  const Crossings requests = bench.wire("ring/xvda/request");
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].field("operation") == "READ");
  CHECK(requests[0].field("sector_number") == 2048);
  ring.disconnect();
  bench.expect_no_grant_in_use();
  CHECK(page.revoke());
  bench.finish();
}

TEST_CASE("blk: the walk of XenBus, step by step", "[testkit][ring]") {
  XenBench bench({.allow = {"ring/stale_indices"}});
  BlkRing& ring = bench.add_blk({.flush = false});
  const XenBus bus = ring.xenbus();
  bus.expect_other(BusState::init_wait, 10ms);
  CHECK(bus.read_other("feature-flush-cache").value_or("0") == "0");
  CHECK(bus.state() == BusState::initialising);
  ring.make_ring(0xfffffff0);  // the indices run over
  ring.publish_nodes();
  bus.set_state(BusState::initialised);
  bus.expect_other(BusState::connected, 10ms);
  CHECK(bus.read_other("sectors") == "4096");
  bus.set_state(BusState::connected);
  const GrantedPage page = bench.grant_page();
  for (int i = 0; i < 40; ++i) {
    ring.push(blk::read{0, {page}});
    ring.evtchn().notify();
    ring.expect({blk::ok});
  }
  CHECK(ring.indices().rsp_prod == 0xfffffff0 + 40);
}

TEST_CASE("blk: 32 in flight, answered in any order", "[testkit][ring]") {
  XenBench bench;
  BlkRing& ring = bench.add_blk({.sectors = 1 << 16});
  ring.connect();
  std::vector<GrantedPage> pages;
  std::vector<uint64_t> ids;
  for (uint64_t i = 0; i < ring.slots(); ++i) {
    pages.push_back(bench.grant_page());
    ring.disk().write(i * 1000, pattern(4096, static_cast<uint8_t>(i)));
    ids.push_back(ring.put(blk::read{i * 1000, {pages[i]}}));
  }
  CHECK_THROWS_WITH(ring.put(blk::read{0, {pages[0]}}), Contains("the ring is full"));
  REQUIRE(ring.publish());
  ring.evtchn().notify();
  for (size_t i = ids.size(); i-- > 0;) ring.expect({blk::ok, ids[i]});
  for (size_t i = 0; i < pages.size(); ++i)
    CHECK(pages[i].copy(0, 4096) == pattern(4096, static_cast<uint8_t>(i)));
  ring.expect_none(1ms);
}

TEST_CASE("blk: writes, flushes, discards, and requests with many segments", "[testkit][ring]") {
  XenBench bench;
  BlkRing& ring = bench.add_blk({.discard = true});
  ring.connect();
  std::vector<BlkSegment> segments;
  for (uint8_t i = 0; i < 40; ++i) {
    const GrantedPage page = bench.grant_page(true);  // only read there
    page.put(0, pattern(4096, i));
    segments.emplace_back(page);
  }
  const auto ask = [&](const BlkRequest& request) {
    const uint64_t id = ring.push(request);
    ring.evtchn().notify();
    ring.expect({blk::ok, id});
  };
  ask(blk::write{8, segments});  // indirect
  ask(blk::flush{});
  for (uint8_t i = 0; i < 40; ++i) CHECK(ring.disk().read(8 + 8u * i, 8) == pattern(4096, i));
  ask(blk::discard{8, 8});
  CHECK(ring.disk().read(8, 8) == Bytes(4096));
}

TEST_CASE("blk: what is wrong with a request, its response says", "[testkit][ring]") {
  XenBench bench({.allow = {"*"}});
  BlkRing& ring = bench.add_blk({.sectors = 64});
  ring.connect();
  const GrantedPage page = bench.grant_page(), read_only = bench.grant_page(true);
  const auto ask = [&](const BlkRequest& request, int16_t status) {
    ring.push(request);
    ring.evtchn().notify();
    ring.expect({status});
  };
  ask(blk::read{64, {page}}, blk::error);         // behind the end
  ask(blk::read{0, {read_only}}, blk::error);     // the backend would have to write there
  ask(blk::read{0, {{9999, 0, 7}}}, blk::error);  // no such grant
  ask(blk::read{0, {{page, 5, 4}}}, blk::error);  // the last sector before the first
  ask(blk::write{0, {read_only}}, blk::ok);
  ask({.operation = 77}, blk::not_supported);
  page.expect_unused();
  CHECK(page.revoke());
  ask(blk::read{0, {page}}, blk::error);
  CHECK_THROWS_WITH(ask(blk::read{0, {page}}, blk::ok),
                    Contains("status 0; request 8 has got -1; the last notice"));
}

TEST_CASE("blk: a producer index that lies halts the ring", "[testkit][ring]") {
  XenBench bench({.allow = {"*"}});
  BlkRing& ring = bench.add_blk();
  ring.connect();
  RingIndices indices = ring.indices();
  indices.req_prod += 1000;
  ring.set_indices(indices);
  ring.evtchn().notify();
  ring.expect_none(100ms);
  bench.expect_notice("1000");
  CHECK_FALSE(bench.violations().empty());
}

TEST_CASE("blk: faults strike the ring", "[testkit][ring]") {
  XenBench bench;
  BlkRing& ring = bench.add_blk();
  ring.connect();
  bench.fault("ring/xvda/response@2 fail(-5)");
  const GrantedPage page = bench.grant_page();
  for (const int16_t status : {blk::ok, blk::error, blk::ok}) {
    ring.push(blk::read{0, {page}});
    ring.evtchn().notify();
    ring.expect({status});
  }
  bench.expect_faults_struck();
}

TEST_CASE("blk: the test is the backend", "[testkit][ring]") {
  XenBench bench({.allow = {"grants/used_after_end"}});  // a reference that is none
  BlkRing& ring = bench.add_blk({.sectors = 1234, .played = true});
  ring.connect();
  CHECK(ring.xenbus().read_other("sectors") == "1234");
  BlkBackEnd& backend = ring.backend();
  const GrantedPage page = bench.grant_page();
  CHECK_FALSE(backend.take());

  ring.push(blk::read{77, {{page, 2, 5}}});
  ring.evtchn().notify();
  backend.evtchn().expect(1ms);
  const BlkRequest request = backend.expect_request();
  CHECK(request.operation == 0);
  CHECK(request.sector == 77);
  REQUIRE(request.segments.size() == 1);
  CHECK(request.segments[0].first == 2);
  const Buffer mapped = backend.map(request.segments[0].grant, false);
  CHECK(page.in_use());
  CHECK_FALSE(page.revoke());
  mapped.put(1024, pattern(2048, 1));
  backend.unmap(request.segments[0].grant);
  page.expect_unused();
  CHECK(backend.respond(request, blk::ok));
  ring.evtchn().expect_none(1ms);
  backend.evtchn().notify();
  ring.evtchn().expect(1ms);
  ring.expect({blk::ok, request.id});
  CHECK(page.copy(1024, 2048) == pattern(2048, 1));
  CHECK(bench.wire("ring/xvda/*").size() == 2);
  CHECK_THROWS_WITH(backend.map(4000), Contains("could not map grant 4000"));
  CHECK_THROWS_WITH(backend.expect_request(1ms), Contains("there is none"));
  CHECK_THROWS_AS(ring.disk(), Error);
  ring.disconnect();
  page.revoke();
  bench.finish();
}

TEST_CASE("blk: the played backend reads an indirect request's lists", "[testkit][ring]") {
  XenBench bench;
  BlkRing& ring = bench.add_blk({.played = true});
  ring.connect();
  std::vector<BlkSegment> segments;
  for (int i = 0; i < 600; ++i) segments.emplace_back(static_cast<uint32_t>(1000 + i), 0, 7);
  ring.push(blk::read{1, segments});
  const BlkRequest request = ring.backend().expect_request();
  REQUIRE(request.segments.size() == 600);
  CHECK(request.segments[599].grant == 1599);
  ring.backend().respond(request, blk::not_supported);
  CHECK(ring.expect({blk::not_supported}).operation == 0);
}

TEST_CASE("blk: a grant that is not given back is told at the end", "[testkit][ring]") {
  XenBench bench;
  BlkRing& ring = bench.add_blk();
  ring.connect();
  const GrantedPage page = bench.grant_page();
  ring.push(blk::read{0, {page}});
  ring.evtchn().notify();
  ring.expect({blk::ok});
  ring.disconnect();
  bench.expect_clean();
  CHECK_THROWS_WITH(bench.finish(), Contains("grants/leaked"));
}

TEST_CASE("blk: a frontend disconnects, and connects again", "[testkit][ring]") {
  const bool played = GENERATE(false, true);
  XenBench bench;
  BlkRing& ring = bench.add_blk({.played = played});
  for (int round = 0; round < 3; ++round) {
    ring.connect();
    ring.disconnect();
    bench.expect_no_grant_in_use();
    ring.xenbus().set_state(BusState::initialising);
    if (played) ring.backend().xenbus().set_state(BusState::init_wait);
  }
}

TEST_CASE("xenstore: nodes, watches, transactions and permissions", "[testkit][ring]") {
  XenBench bench;
  StoreClient& store = bench.xenstore();
  CHECK(store.write("data/a", "1") == "");
  CHECK(store.read("data/a") == "1");
  CHECK_FALSE(store.read("data/b"));
  CHECK(store.directory("data") == std::vector<std::string>{"a"});
  CHECK(store.write("/local/domain/0/x", "1") == "EACCES");
  CHECK(store.watch("data") == "");
  bench.advance(1ms);
  CHECK(store.take_watch_events() == std::vector<std::string>{"data"});
  CHECK(bench.xenstore_of_domain_0().write("/local/domain/1/data/a", "2") == "");
  bench.advance(1ms);
  CHECK(store.take_watch_events() == std::vector<std::string>{"data/a"});
  const uint32_t transaction = store.begin();
  CHECK(store.read("data/a", transaction) == "2");
  CHECK(store.write("data/c", "x", transaction) == "");
  CHECK(store.write("data/a", "3") == "");
  CHECK(store.commit(transaction) == "EAGAIN");
  CHECK_FALSE(store.read("data/c"));
}
