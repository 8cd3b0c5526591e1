// Proves that a test can be a network frontend against our backend, and the backend of a frontend, by
// public/io/netif.h.
#include <catch2/catch.hpp>

#include "ringside/ring.h"

using namespace ringside::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

Bytes frame_of(size_t bytes) {
  Bytes frame(bytes);
  const Bytes addresses = {0x02, 0, 0, 0, 0, 1, 0x00, 0x16, 0x3e, 0, 0, 1, 0x88, 0xb5};
  std::copy(addresses.begin(), addresses.end(), frame.begin());
  for (size_t i = addresses.size(); i < bytes; ++i) frame[i] = static_cast<uint8_t>(i * 3);
  return frame;
}

}  // namespace

TEST_CASE("net: a frame out, of one request and of two", "[testkit][ring]") {
  const bool split = GENERATE(true, false);
  XenBench bench;
  NetRing& ring = bench.add_net({.split_event_channels = split});
  ring.connect();
  const GrantedPage page = bench.grant_page(true), more = bench.grant_page(true);  // only read there
  const Bytes frame = frame_of(100), long_frame = frame_of(1400);
  page.put(200, frame);
  ring.push(net::transmit{.grant = page.ref(), .offset = 200, .size = 100, .id = 3});
  ring.evtchn_tx().notify();
  ring.expect(net::transmitted{net::ok, 3});
  ring.evtchn_tx().expect(1ms);
  ring.expect_sent(frame);

  page.put(0, std::span(long_frame).first(1000));
  more.put(0, std::span(long_frame).subspan(1000));
  ring.push({.grant = page.ref(), .size = 1400, .flags = net::more_data, .id = 4});
  ring.push({.grant = more.ref(), .size = 400, .id = 5});
  ring.evtchn_tx().notify();
  ring.expect(net::transmitted{net::ok, 4});
  ring.expect(net::transmitted{net::ok, 5});
  ring.expect_sent(long_frame);
  CHECK(bench.wire("eth/vif0/tx").size() == 2);
  ring.disconnect();
  bench.expect_no_grant_in_use();
  CHECK((page.revoke() && more.revoke()));
  bench.finish();
}

TEST_CASE("net: a frame in", "[testkit][ring]") {
  XenBench bench;
  NetRing& ring = bench.add_net();
  ring.connect();
  std::vector<GrantedPage> pages;
  for (uint16_t id = 0; id < 20; ++id) {
    pages.push_back(bench.grant_page());
    ring.push(net::receive{pages.back().ref(), id});
  }
  ring.evtchn_rx().notify();
  bench.advance(1ms);
  Bytes frame = frame_of(300);
  const Bytes to = {0x00, 0x16, 0x3e, 0, 0, 1, 0x02, 0, 0, 0, 0, 1};
  std::copy(to.begin(), to.end(), frame.begin());
  ring.deliver(frame);
  const net::received got = ring.expect_received();
  ring.evtchn_rx().expect(1ms);
  CHECK(got.status == 300);
  CHECK(pages.at(got.id).copy(got.offset, 300) == frame);
  CHECK_THROWS_WITH(ring.expect_received(1ms), Contains("none did"));
}

TEST_CASE("net: a bad grant is an error, a good one behind it is not", "[testkit][ring]") {
  XenBench bench({.allow = {"*"}});
  NetRing& ring = bench.add_net();
  ring.connect();
  const GrantedPage page = bench.grant_page();
  page.put(0, frame_of(60));
  ring.push({.grant = 7777, .size = 60, .id = 1});
  ring.push({.grant = page.ref(), .size = 60, .id = 2});
  ring.evtchn_tx().notify();
  ring.expect(net::transmitted{net::error, 1});
  ring.expect(net::transmitted{net::ok, 2});
  ring.expect_sent(frame_of(60));
}

TEST_CASE("net: the test is the backend", "[testkit][ring]") {
  XenBench bench({.allow = {"grants/used_after_end"}});  // a reference that is none
  NetRing& ring = bench.add_net({.played = true});
  ring.connect();
  NetBackEnd& backend = ring.backend();
  const GrantedPage page = bench.grant_page();
  page.put(10, frame_of(80));
  ring.push({.grant = page.ref(), .offset = 10, .size = 80, .id = 9});
  ring.evtchn_tx().notify();
  backend.evtchn_tx().expect(1ms);
  const net::transmit request = backend.expect_transmit();
  CHECK(backend.fetch(request) == frame_of(80));
  CHECK(backend.respond(request, net::dropped));
  backend.evtchn_tx().notify();
  ring.evtchn_tx().expect(1ms);
  ring.expect(net::transmitted{net::dropped, 9});

  ring.push(net::receive{page.ref(), 4});
  const net::receive buffer = backend.expect_receive();
  CHECK(backend.deliver(buffer, frame_of(70), net::data_validated));
  const net::received got = ring.expect_received();
  CHECK((got.id == 4 && got.status == 70 && got.flags == net::data_validated));
  CHECK(page.copy(0, 70) == frame_of(70));
  page.expect_unused();
  CHECK_THROWS_AS(backend.deliver({4444, 0}, frame_of(70)), ExpectationFailed);
}
