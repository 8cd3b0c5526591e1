// The order at one tick (events by sequence, before instructions) and several machines in one process.
// Cannot show: how SystemC orders its own processes among themselves, which its standard leaves open.
#include "sim/systemc/timeline.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace ringside;

TEST_CASE("events run in the order of tick and sequence") {
  Timeline timeline;
  std::vector<int> order;
  timeline.run([&] {
    EventQueue& events = timeline.events();
    events.schedule(nanoseconds(20), "c", [&] { order.push_back(3); });
    events.schedule(nanoseconds(10), "a", [&] {
      order.push_back(1);
      events.schedule(nanoseconds(10), "nested", [&] { order.push_back(10); });
    });
    events.schedule(nanoseconds(10), "b", [&] { order.push_back(2); });
    CHECK(timeline.next_tick() == nanoseconds(10));
    timeline.advance_to(nanoseconds(10));
    CHECK(order == std::vector{1, 2, 10});
    timeline.advance_to(nanoseconds(25));
    CHECK(timeline.clock().now == nanoseconds(25));
    // Time never goes back.
    timeline.advance_to(nanoseconds(5));
    CHECK(timeline.clock().now == nanoseconds(25));
  });
  CHECK(order == std::vector{1, 2, 10, 3});
}

TEST_CASE("a cancelled event does not run, and cancelling twice does nothing") {
  EventQueue events;
  int ran = 0;
  auto handle = events.schedule(nanoseconds(1), "x", [&] { ++ran; });
  auto copy = handle;
  events.cancel(handle);
  events.cancel(copy);
  events.run_due(seconds(1));
  CHECK(ran == 0);
  CHECK(events.empty());
}

TEST_CASE("an event scheduled for the past runs at the next opportunity") {
  EventQueue events;
  std::vector<int> order;
  events.schedule(nanoseconds(10), "now", [&] {
    order.push_back(1);
    events.schedule(nanoseconds(3), "past", [&] { order.push_back(2); });
  });
  events.run_due(nanoseconds(10));
  CHECK(order == std::vector{1, 2});
}

TEST_CASE("many machines live in one process, one after the other") {
  for (int i = 0; i < 50; ++i) {
    Timeline timeline;
    int ran = 0;
    timeline.run([&] {
      timeline.events().schedule(microseconds(3), "only", [&] { ++ran; });
      timeline.advance_to(timeline.next_tick());
    });
    REQUIRE(ran == 1);
  }
}
