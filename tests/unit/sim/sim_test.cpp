// Ticks, hashes, randomness, memory, wires, field tables.
#include <catch2/catch.hpp>

#include "sim/field_table.h"
#include "sim/memory.h"
#include "sim/notice.h"
#include "sim/random.h"
#include "sim/tick.h"
#include "sim/wire.h"

using namespace ringside;

TEST_CASE("times are read with their units and printed whole") {
  CHECK(parse_tick("20s")->ps == 20'000'000'000'000);
  CHECK(parse_tick("1.5ms")->ps == 1'500'000'000);
  CHECK(parse_tick("30us")->ps == 30'000'000);
  CHECK(parse_tick("87ns")->ps == 87'000);
  CHECK(parse_tick("12ps")->ps == 12);
  CHECK(parse_tick("4711")->ps == 4711);
  CHECK(to_string(Tick{1'234'567'890'123}) == "1.234567890123s");
  for (const char* wrong : {"", "s", "1.s", "1.5", "-1s", "1 s", "1h", "99999999999999s", "1.5x"}) {
    INFO(wrong);
    CHECK_FALSE(parse_tick(wrong));
  }
}

TEST_CASE("adding to the end of time stays there") {
  CHECK(saturating_add(Tick::never(), seconds(1)) == Tick::never());
  CHECK(saturating_add(seconds(1), seconds(2)) == seconds(3));
}

TEST_CASE("a fork of a random stream depends on seed and name only") {
  Random machine(1);
  Random disk = machine.fork("disk");
  machine.next();
  CHECK(machine.fork("disk").next() == disk.next());
  CHECK(Random(1).fork("disk").next() != Random(1).fork("net").next());
  CHECK(Random(1).fork("disk").next() != Random(2).fork("disk").next());
  Random draw(7);
  std::vector<int> seen(10);
  for (int i = 0; i < 1000; ++i) ++seen.at(draw.below(10));
  for (const int count : seen) CHECK(count > 50);
}

TEST_CASE("memory refuses what lies outside, also where the sum wraps") {
  auto memory = std::move(*Memory::create(GuestPhys{0x100000000}, 16 * kPageSize));
  const uint64_t value = 0x1122334455667788;
  uint64_t back = 0;
  CHECK(memory->write(GuestPhys{0x100000ff8}, &value, 8));
  CHECK(memory->read(GuestPhys{0x100000ff8}, &back, 8));
  CHECK(back == value);
  CHECK_FALSE(memory->write(GuestPhys{0xffffffff8}, &value, 8));
  CHECK_FALSE(memory->write(GuestPhys{0x10000fffc}, &value, 8));
  CHECK_FALSE(memory->read(GuestPhys{~0ull - 3}, &back, 8));
  CHECK(memory->at(GuestPhys{0x100000000}, ~0ull) == nullptr);
  CHECK(memory->at(GuestPhys{0x100000000 + 16 * kPageSize}, 1) == nullptr);
}

TEST_CASE("a frame that became zero again counts as untouched in the digest") {
  auto memory = std::move(*Memory::create(GuestPhys{0}, 16 * kPageSize));
  const uint64_t empty = memory->digest();
  memory->store(GuestPhys{0x3000}, uint8_t{1});
  const uint64_t changed = memory->digest();
  CHECK(changed != empty);
  memory->store(GuestPhys{0x3000}, uint8_t{0});
  CHECK(memory->digest() == empty);
  memory->store(GuestPhys{0x4000}, uint8_t{1});
  CHECK(memory->digest() != changed);
}

TEST_CASE("only stores into frames with code reach the observer") {
  auto memory = std::move(*Memory::create(GuestPhys{0}, 16 * kPageSize));
  std::vector<std::pair<uint64_t, uint64_t>> seen;
  memory->add_code_observer([&](GuestPhys at, uint64_t length) { seen.emplace_back(at.value, length); });
  memory->set_frame_flags(Mfn{2}, Memory::code);
  memory->store(GuestPhys{0x1000}, uint64_t{1});
  CHECK(seen.empty());
  memory->store(GuestPhys{0x1ffc}, uint64_t{1});
  CHECK(seen == std::vector<std::pair<uint64_t, uint64_t>>{{0x1ffc, 8}});
}

namespace {

struct Record {
  uint16_t number;
  uint8_t flags;
  uint8_t operation;
};
constexpr FieldName kOperations[] = {{0, "READ"}, {1, "WRITE"}};
constexpr FieldName kFlags[] = {{1, "urgent"}, {4, "last"}};
constexpr Field kFields[] = {{"number", 0, 2},
                             {"flags", 2, 1, FieldFormat::flags, kFlags},
                             {"operation", 3, 1, FieldFormat::enumeration, kOperations}};
constexpr Field kPieceFields[] = {{"at", 0, 1, FieldFormat::hex}};
const PayloadType kTestType{.id = 65000,
                            .name = "test_record",
                            .title = "For tests",
                            .size = 4,
                            .fields = kFields,
                            .tail = TailKind::records,
                            .tail_name = "pieces",
                            .tail_record_size = 1,
                            .tail_fields = kPieceFields};

struct Listener : Tap {
  std::vector<std::string> seen;
  Verdict give;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override {
    seen.push_back(wire.name() + "#" + std::to_string(crossing.sequence));
    verdict = give;
  }
};

}  // namespace

TEST_CASE("a payload is decoded by its table, as far as there are bytes") {
  const std::vector<uint8_t> bytes{0x34, 0x12, 0x0d, 1, 0xaa, 0xbb};
  CHECK(to_line(decode(kTestType, bytes)) ==
        "number=4660 flags=urgent|last|0x8 operation=WRITE pieces=[{at=0xaa} {at=0xbb}]");
  CHECK(to_line(decode(kTestType, std::span(bytes).first(3))) == "number=4660 flags=urgent|last|0x8");
  CHECK(to_line(decode(kTestType, {})).empty());
}

TEST_CASE("globs match with and without the domain") {
  CHECK(wire_matches("ring/*", "dom1/ring/xvda/request"));
  CHECK(wire_matches("dom1/ring/*", "dom1/ring/xvda/request"));
  CHECK_FALSE(wire_matches("dom2/ring/*", "dom1/ring/xvda/request"));
  CHECK(wire_matches("*", "dom1/notice"));
  CHECK(wire_matches("ring/xvd?/re*t", "dom1/ring/xvda/request"));
  CHECK_FALSE(wire_matches("xvda", "dom1/ring/xvda/request"));
}

TEST_CASE("a capture policy holds for wires that are there and for those that come; the last one counts") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  const Wire& before = wiring.add("dom1/pio/disk", WireKind::call, kTestType);
  wiring.set_capture("pio/*", {CaptureMode::none, 0});
  wiring.set_capture("pio/uart*", {CaptureMode::first_bytes, 4});
  const Wire& late = wiring.add("dom1/pio/late", WireKind::call, kTestType);
  const Wire& uart = wiring.add("dom1/pio/uart0", WireKind::call, kTestType);
  const Wire& other = wiring.add("dom1/mmio/nic", WireKind::call, kTestType);
  CHECK(before.capture().mode == CaptureMode::none);
  CHECK(late.capture().mode == CaptureMode::none);
  CHECK(uart.capture().mode == CaptureMode::first_bytes);
  CHECK(uart.capture().bytes == 4);
  CHECK(other.capture().mode == CaptureMode::full);
}

TEST_CASE("taps see the crossings of their wires and decide what arrives") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  Wire& uart = wiring.add("dom1/uart0/tx", WireKind::message, kTestType);
  Wire& other = wiring.add("dom1/hypercall", WireKind::call, kTestType);
  CHECK_FALSE(uart.tapped());
  Listener listener;
  wiring.add_tap(listener, "uart0/*");
  CHECK(uart.tapped());
  CHECK_FALSE(other.tapped());

  int arrived = 0;
  const auto receiver = [&](std::span<const uint8_t>) { ++arrived; };
  uart.send(Direction::out, {1, 2}, receiver);
  CHECK(arrived == 1);
  listener.give.copies = 0;
  uart.send(Direction::out, {1, 2}, receiver);
  CHECK(arrived == 1);
  listener.give = {.copies = 2, .delay = microseconds(5)};
  uart.send(Direction::out, {1, 2}, receiver);
  CHECK(arrived == 1);
  events.run_due(microseconds(5));
  CHECK(arrived == 3);
  CHECK(listener.seen == std::vector<std::string>{"dom1/uart0/tx#1", "dom1/uart0/tx#2", "dom1/uart0/tx#3"});

  wiring.remove_tap(listener);
  CHECK_FALSE(uart.tapped());
}

namespace {

// Wants payloads that begin with a number above 9.
struct Above9 final : CrossingSieve {
  bool is_wanted(const std::vector<uint8_t>& payload) const override { return payload[0] > 9; }
};

}  // namespace

TEST_CASE("a filter spares a tap what it does not want, and that counts all the same") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  Wire& calls = wiring.add("dom1/hypercall", WireKind::call, kTestType);
  Listener first, second;
  wiring.add_tap(first);
  wiring.set_filter(calls, first, CrossingFilter(1).want(Direction::out, 7).want(Direction::in, 8));
  const auto pass = [&](Direction direction, uint8_t number) {
    std::vector<uint8_t> payload{0, number, 0, 0, 0};
    (void)calls.pass(direction, payload);
  };
  pass(Direction::out, 7);
  pass(Direction::in, 7);
  pass(Direction::out, 8);
  pass(Direction::in, 8);
  CHECK(first.seen == std::vector<std::string>{"dom1/hypercall#1", "dom1/hypercall#4"});
  CHECK(wiring.last_sequence() == 4);

  // Another tap sees everything; one that has changed the payload before decides what the filter sees.
  struct Changer : Tap {
    void on_crossing(const Wire&, Crossing& crossing, Verdict&) override { (*crossing.payload)[1] = 7; }
  } changer;
  wiring.set_first_tap(changer);
  wiring.tap_first(calls, true);
  wiring.add_tap(second);
  pass(Direction::out, 9);
  CHECK(first.seen.size() == 3);
  CHECK(second.seen.size() == 1);
  // Nobody can say what a payload is that is cut short.
  std::vector<uint8_t> cut{0, 9};
  wiring.tap_first(calls, false);
  (void)calls.pass(Direction::out, cut);
  CHECK(first.seen.size() == 4);
  wiring.remove_tap(first);
  pass(Direction::out, 9);
  CHECK(second.seen.size() == 3);
}

TEST_CASE("a sieve spares the only tap of a wire, and no tap beside another") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  Wire& grants = wiring.add("dom1/grant", WireKind::call, kTestType);
  Listener sieved, beside;
  const Above9 above9;
  wiring.add_tap(sieved);
  wiring.set_sieve(grants, sieved, above9);
  (void)grants.show(Direction::in, uint8_t{9});
  (void)grants.show(Direction::in, uint8_t{10});
  CHECK(sieved.seen == std::vector<std::string>{"dom1/grant#2"});
  wiring.add_tap(beside);
  (void)grants.show(Direction::in, uint8_t{9});
  CHECK(sieved.seen.size() == 2);
  CHECK(beside.seen.size() == 1);
  wiring.remove_tap(sieved);
  (void)grants.show(Direction::in, uint8_t{9});
  CHECK(beside.seen.size() == 2);
}

TEST_CASE("what waits for later crossings counts those that no tap wants, too") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  Wire& calls = wiring.add("dom1/hypercall", WireKind::call, kTestType);
  Listener listener;
  wiring.add_tap(listener);
  wiring.set_filter(calls, listener, CrossingFilter(0).want(Direction::out, 7));
  int released = 0;
  const auto pass = [&](uint32_t number) {
    (void)calls.show(Direction::out, number);
    events.run_due(clock.now);
  };
  calls.release({.behind = 2}, "test/held", [&] { ++released; });
  pass(8);
  CHECK(released == 0);
  pass(7);
  CHECK(released == 1);
  pass(8);
  CHECK(listener.seen == std::vector<std::string>{"dom1/hypercall#2"});
  CHECK(wiring.last_sequence() == 3);
}

TEST_CASE("a tap may show something on the wire that it looks at") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  Wire& wire = wiring.add("dom1/notice", WireKind::sampled, kTestType);
  struct Echo : Tap {
    Wire* on = nullptr;
    std::vector<uint8_t> seen;
    void on_crossing(const Wire&, Crossing& crossing, Verdict&) override {
      if ((*crossing.payload)[0] < 3)
        (void)on->show(Direction::in, static_cast<uint8_t>((*crossing.payload)[0] + 1));
      seen.push_back((*crossing.payload)[0]);
    }
  } echo;
  echo.on = &wire;
  wiring.add_tap(echo);
  (void)wire.show(Direction::out, uint8_t{1});
  (void)wire.show(Direction::out, uint8_t{2});
  CHECK(echo.seen == std::vector<uint8_t>{3, 2, 1, 3, 2});
}

TEST_CASE("notices are shown up to a bound and counted beyond it") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  Notices notices(wiring, "dom1");
  Listener listener;
  wiring.add_tap(listener);
  for (uint64_t i = 0; i < Notices::kept_max + 10; ++i) notices.emit(NoticeKind::unusual, "blkif", "again");
  CHECK(listener.seen.size() == Notices::kept_max);
  CHECK(notices.count(NoticeKind::unusual) == Notices::kept_max + 10);
}
