// The switch: who hears a frame and when, what it learns and forgets, links, and that nothing grows without
// bound. How two switches would agree on a path is not modelled.
#include <catch2/catch.hpp>

#include "sim/random.h"
#include "tests/unit/host/network_bench.h"

using namespace ringside;
using namespace ringside::network_bench;

namespace {

struct Three : Segment {
  using Segment::Segment;
  Station a{*this, "a"}, b{*this, "b"}, c{*this, "c"};
};

}  // namespace

TEST_CASE("a frame for all arrives at all others after the latency, and not at its sender") {
  Three lan(microseconds(3));
  lan.run_to(microseconds(10));
  const Bytes hello = frame(kEverybody, mac(1), 0x88b5, {1, 2, 3});
  lan.a.port.transmit(hello);
  CHECK(lan.b.heard.empty());
  lan.run_for(milliseconds(1));
  CHECK(lan.a.heard.empty());
  CHECK(lan.b.heard == std::vector<Heard>{{microseconds(13), hello}});
  CHECK(lan.c.heard == lan.b.heard);
  CHECK(lan.lan.delivered() == 2);
}

TEST_CASE("an unknown address is flooded, a learned one is not, and groups always are") {
  Three lan;
  lan.a.port.transmit(frame(mac(2), mac(1), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.b.heard.size() == 1);
  CHECK(lan.c.heard.size() == 1);
  lan.b.port.transmit(frame(mac(1), mac(2), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.a.heard.size() == 1);
  CHECK(lan.c.heard.size() == 1);
  lan.a.port.transmit(frame(mac(2), mac(1), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.b.heard.size() == 2);
  CHECK(lan.c.heard.size() == 1);
  lan.a.port.transmit(frame({0x01, 0x00, 0x5e, 0, 0, 1}, mac(1), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.c.heard.size() == 2);
}

TEST_CASE("a station that moves is found where it is now") {
  Three lan;
  lan.a.port.transmit(frame(kEverybody, mac(1), 0x88b5, {}));
  lan.b.port.transmit(frame(kEverybody, mac(1), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  lan.c.port.transmit(frame(mac(1), mac(3), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.a.heard.size() == 1);  // b's broadcast alone
  CHECK(lan.b.heard.size() == 2);
}

TEST_CASE("a frame for an address on its own port goes nowhere") {
  Three lan;
  lan.a.port.transmit(frame(kEverybody, mac(1), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  lan.a.port.transmit(frame(mac(1), mac(9), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.b.heard.size() == 1);
}

TEST_CASE("nobody learns a group address from a source field") {
  Three lan;
  lan.a.port.transmit(frame(mac(9), kEverybody, 0x88b5, {}));
  lan.run_for(milliseconds(1));
  lan.b.port.transmit(frame(kEverybody, mac(2), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.c.heard.size() == 2);
}

TEST_CASE("a monitor hears what is for others") {
  Three lan;
  lan.b.port.transmit(frame(kEverybody, mac(2), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  lan.c.port.set_monitor(true);
  lan.a.port.transmit(frame(mac(2), mac(1), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.b.heard.size() == 1);
  CHECK(lan.c.heard.size() == 2);
}

TEST_CASE("a pulled cable loses frames both ways, is heard of, and is forgotten") {
  Three lan;
  std::vector<bool> changes;
  lan.b.port.on_link_change([&](bool up) { changes.push_back(up); });
  lan.b.port.transmit(frame(kEverybody, mac(2), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  lan.a.port.transmit(frame(mac(2), mac(1), 0x88b5, {}));
  lan.b.port.set_link(false);  // with a frame on its way
  lan.b.port.set_link(false);
  lan.run_for(milliseconds(1));
  CHECK(lan.b.heard.empty());
  lan.b.port.transmit(frame(kEverybody, mac(2), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.a.heard.size() == 1);
  CHECK(lan.lan.lost() == 2);
  lan.b.port.set_link(true);
  CHECK(changes == std::vector<bool>{false, true});
  // Its address is unknown again.
  const size_t before = lan.c.heard.size();
  lan.a.port.transmit(frame(mac(2), mac(1), 0x88b5, {}));
  lan.run_for(milliseconds(1));
  CHECK(lan.b.heard.size() == 1);
  CHECK(lan.c.heard.size() == before + 1);
}

TEST_CASE("what is no frame is lost: 13 bytes, and more than a jumbo frame") {
  Three lan;
  lan.a.port.transmit(Bytes{});
  lan.a.port.transmit(Bytes(13));
  lan.a.port.transmit(Bytes(16'385));
  CHECK(lan.lan.lost() == 3);
  lan.a.port.transmit(Bytes(14, 0xff));
  lan.a.port.transmit(Bytes(16'384, 0xff));
  lan.run_for(milliseconds(1));
  CHECK(lan.b.heard.size() == 2);
}

TEST_CASE("the table of addresses and the frames inside are bounded; a full table floods") {
  Three lan(milliseconds(1));
  for (unsigned i = 0; i < 20'000; ++i) {
    MacAddress from = {0x02, 0, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    lan.a.port.transmit(frame(mac(9), from, 0x88b5, {}));
  }
  CHECK(lan.lan.lost() == 20'000 - 16'384);
  lan.run_for(milliseconds(2));
  CHECK(lan.b.heard.size() == 16'384);
  // The table is full of a's: b's address finds no room, so that c hears what is for b.
  lan.b.port.transmit(frame(kEverybody, mac(2), 0x88b5, {}));
  lan.a.port.transmit(frame(mac(2), {0x02, 0, 0, 0, 0, 0}, 0x88b5, {}));
  lan.run_for(milliseconds(2));
  CHECK(lan.c.heard.size() == 16'384 + 2);
}

TEST_CASE("a station may answer from within its receiver, and frames keep their order") {
  Segment lan;
  Station a(lan, "a");
  SwitchPort& echo = lan.lan.attach("echo");
  echo.set_receiver([&](std::span<const uint8_t> heard) {
    Bytes back(heard.begin(), heard.end());
    std::copy_n(heard.begin() + 6, 6, back.begin());
    std::copy_n(mac(2).begin(), 6, back.begin() + 6);
    echo.transmit(back);
  });
  for (uint8_t i = 0; i < 50; ++i) a.port.transmit(frame(kEverybody, mac(1), 0x88b5, {i}));
  lan.run_for(milliseconds(1));
  REQUIRE(a.heard.size() == 50);
  for (uint8_t i = 0; i < 50; ++i) CHECK(a.heard[i].frame[14] == i);
  CHECK(a.heard[0].at == microseconds(2));
}

TEST_CASE("equal traffic gives equal state, and a different frame in flight another") {
  const auto digest = [](uint64_t seed) {
    Three lan;
    Random random(seed);
    Station* stations[] = {&lan.a, &lan.b, &lan.c};
    for (int i = 0; i < 500; ++i) {
      Bytes any(14 + random.below(100));
      for (uint8_t& byte : any) byte = static_cast<uint8_t>(random.below(4));
      stations[random.below(3)]->port.transmit(any);
      if (random.one_in(3)) lan.run_for(nanoseconds(random.below(2000)));
      if (random.one_in(20)) stations[random.below(3)]->port.set_link(random.one_in(2));
    }
    return state_digest(lan.lan);
  };
  for (uint64_t seed = 1; seed <= 5; ++seed) CHECK(digest(seed) == digest(seed));
  CHECK(digest(1) != digest(2));
}

TEST_CASE("who listens makes no difference to the state: a replay writes no capture") {
  const auto digest = [](bool listens) {
    Three lan;
    SwitchPort& capture = lan.lan.attach("capture");
    if (listens) {
      capture.set_monitor(true);
      capture.set_receiver([](std::span<const uint8_t>) {});
    }
    for (uint8_t i = 1; i < 9; ++i) {
      lan.a.port.transmit(frame(mac(i), mac(i % 3), 0x88b5, {i}));
      lan.b.port.transmit(frame(kEverybody, mac(9), 0x88b5, {i}));
      lan.run_for(nanoseconds(700));
    }
    return state_digest(lan.lan);
  };
  CHECK(digest(true) == digest(false));
}

TEST_CASE("a switch that is destroyed takes its events along") {
  Clock clock;
  EventQueue events;
  {
    EthernetSwitch lan("net0", microseconds(1), clock, events);
    lan.attach("b").set_receiver([](std::span<const uint8_t>) {});
    lan.attach("a").transmit(Bytes(60));
  }
  CHECK(events.empty());
}
