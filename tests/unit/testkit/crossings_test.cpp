// Crossings, conditions and expectations, on wires of their own without a machine.
#include <cstring>

#include "ringside/catch.h"
#include "sim/field_table.h"
#include "testkit/crossing_store.h"

using namespace ringside::test;
using namespace std::chrono_literals;

namespace {

struct Sample {
  uint32_t operation, number;
};
constexpr ringside::FieldName kOperations[] = {{0, "READ"}, {1, "WRITE"}};
constexpr ringside::Field kFields[] = {
    {"operation", 0, 4, ringside::FieldFormat::enumeration, kOperations},
    {"number", 4, 4},
};
constexpr ringside::PayloadType kType{
    .id = 65000, .name = "sample", .title = "A sample", .size = 8, .fields = kFields};

struct Wires {
  explicit Wires(const CrossingStoreLimits& limits = {}) : log(limits) { wiring.add_tap(log); }
  struct Log final : ringside::Tap {
    explicit Log(const CrossingStoreLimits& limits) : store(std::make_shared<CrossingStore>(limits)) {}
    void on_wire_added(const ringside::Wire& wire) override { store->add_wire(wire); }
    void on_crossing(const ringside::Wire& wire, ringside::Crossing& crossing,
                     ringside::Verdict& verdict) override {
      store->add(wire, crossing, verdict);
    }
    std::shared_ptr<CrossingStore> store;
  };
  void show(ringside::Wire& wire, uint32_t operation, uint32_t number, uint64_t at_us) {
    clock.now = ringside::microseconds(at_us);
    wire.show(ringside::Direction::out, Sample{operation, number});
  }
  ringside::Clock clock;
  ringside::EventQueue events;
  ringside::Wiring wiring{clock, events};
  Log log;
  ringside::Wire& first = wiring.add("dom1/ring/a", ringside::WireKind::message, kType);
  ringside::Wire& second = wiring.add("dom1/ring/b", ringside::WireKind::message, kType);
};

}  // namespace

TEST_CASE("fields are had by name, as numbers and as names") {
  Wires wires;
  wires.show(wires.first, 1, 77, 3);
  const Crossings all = wires.log.store->select("ring/a");
  REQUIRE(all.size() == 1);
  const Crossing one = all[0];
  CHECK(one.field("operation") == "WRITE");
  CHECK(one.field("operation") == 1);
  CHECK(one.field("number") == 77);
  wires.show(wires.second, 0, static_cast<uint32_t>(-5), 3);
  const Crossing negative = wires.log.store->select("ring/b")[0];
  CHECK(negative.field("number") == -5);
  CHECK(negative.field("number").signed_number() == -5);
  CHECK((field("number") == -5).matches(negative));
  CHECK(one.at() == 3us);
  CHECK(one.wire() == "dom1/ring/a");
  CHECK(one.text() == "0.000003000 dom1/ring/a -> operation=WRITE number=77");
  CHECK_THROWS_WITH(one.field("nunber"), Catch::Contains("did you mean 'number'"));
  CHECK_THROWS_WITH(all[1], Catch::Contains("has 1 crossings"));
  CHECK_THROWS_WITH(wires.log.store->select("ring/c"), Catch::Contains("no wire matches 'ring/c'"));
}

TEST_CASE("conditions are judged, and read as they were written") {
  Wires wires;
  wires.show(wires.first, 0, 5, 1);
  const Crossing one = wires.log.store->select("*")[0];
  CHECK((field("operation") == "READ" && field("number") >= 5).matches(one));
  CHECK_FALSE((field("operation") == "READ" && field("number") > 5).matches(one));
  CHECK((field("operation") == "WRITE" || field("number") != 6).matches(one));
  CHECK((!(field("number") == 6) && outgoing() && !incoming() && on_wire("ring/a")).matches(one));
  CHECK_FALSE((field("nothing") == 5).matches(one));
  CHECK((field("operation") == "READ" && (field("number") < 3 || field("number") == 5)).text() ==
        "operation == \"READ\" && (number < 3 || number == 5)");
}

TEST_CASE("expectations hold, or say what there was instead") {
  Wires wires;
  for (uint32_t i = 0; i < 20; ++i) wires.show(i % 2 == 0 ? wires.first : wires.second, i % 2, i, 10 * i);
  const Crossings all = wires.log.store->select("ring/*");
  CHECK_THAT(all, HasCrossing(field("number") == 7));
  CHECK_THAT(all, NoCrossing(field("number") == 20) && Count(10, field("operation") == "READ"));
  CHECK_THAT(all, InOrder({field("number") == 3, field("number") == 9, on_wire("ring/a")}));
  CHECK_THAT(all, !InOrder({field("number") == 9, field("number") == 3}));
  CHECK_THAT(all, Within(190us) && !Within(189us));
  CHECK_THAT(all, Within(60us, InOrder({field("number") == 3, field("number") == 9})));
  CHECK_THAT(all, !Within(59us, InOrder({field("number") == 3, field("number") == 9})));
  CHECK_THAT(all.since(50us), Within(40us, HasCrossing(field("number") == 9)));
  CHECK_THAT(all, !Within(40us, HasCrossing(field("number") == 9)));

  const std::string text =
      expect_crossing(field("operation") == "WRITE" && field("number") == 4).explain(all);
  INFO(text);
  CHECK_THAT(text, Catch::StartsWith("of 20 crossings these come nearest:"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    CHECK(end - at <= 78);
    at = end + 1;
  }
  CHECK_THAT(expect_crossing(field("numbr") == 4).explain(all), Catch::Contains("did you mean 'number'"));
  CHECK_THAT(expect_in_order({field("number") == 9, field("number") == 3}).explain(all),
             Catch::Contains("1. ") && Catch::Contains("2. is missing: number == 3") &&
                 Catch::Contains("it came before"));
  CHECK_THAT(expect_within(59us, expect_in_order({field("number") == 3, field("number") == 9})).explain(all),
             Catch::Contains("it took 60us: from 30us to 90us"));
}

TEST_CASE("the oldest crossings go, and that is said") {
  Wires wires({.crossings_max = 100, .payload_bytes_max = 64u << 20});
  wires.show(wires.first, 0, 0, 0);
  const Crossing first = wires.log.store->select("*")[0];
  for (uint32_t i = 1; i < 1000; ++i) wires.show(wires.first, 0, i, i);
  const Crossings kept = wires.log.store->select("*");
  CHECK(kept.size() == 100);
  CHECK(kept.lost() == 900);
  CHECK(kept.front().field("number") == 900);
  CHECK_THROWS_WITH(first.field("number"), Catch::Contains("no longer kept"));
  CHECK_THAT(expect_crossing(field("number") == 5).explain(kept), Catch::Contains("the first 900 crossings"));
}

TEST_CASE("times are written with what they have") {
  CHECK(to_string(1500us) == "1.5ms");
  CHECK(to_string(87us) == "87us");
  CHECK(to_string(Time{1'000'050}) == "1.00005us");
  CHECK(to_string(Time{999}) == "999ps");
  CHECK(to_string(Time{0}) == "0s");
  CHECK(to_string(-5ms) == "-5ms");
  CHECK(to_string(kNever) == "never");
}
