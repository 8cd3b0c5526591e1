// What each action does to the crossings that it strikes.
#include "sim/state.h"
#include "tests/unit/sim/fault_bench.h"

using namespace ringside;
using namespace ringside::fault_bench;

namespace {

using Arrivals = std::vector<std::pair<Tick, std::string>>;

// The last crossing of that wire that was seen.
const Seen& last_seen(const Bench& bench, const Wire& wire) {
  for (size_t i = bench.listener.seen.size(); i-- > 0;) {
    if (bench.listener.seen[i].wire == wire.name()) return bench.listener.seen[i];
  }
  FAIL("nothing was seen on " << wire.name());
  return bench.listener.seen.front();
}

}  // namespace

TEST_CASE("a dropped one never arrives, a duplicated one twice") {
  Bench bench;
  REQUIRE(bench.objection("console/out@1 drop") == "");
  REQUIRE(bench.objection("console/out@2 duplicate") == "");
  for (const char* text : {"a", "b", "c"}) bench.send(text);
  CHECK(bench.arrived == Arrivals{{Tick{0}, "b"}, {Tick{0}, "b"}, {Tick{0}, "c"}});
  using C = Crossing;
  CHECK(bench.listener.seen[1].flags == (C::kCanonical | C::kInjected | C::kDropped));
  CHECK(bench.listener.seen[3].flags == (C::kCanonical | C::kInjected | C::kRepeated));
  CHECK(bench.listener.seen[4].flags == C::kCanonical);
}

TEST_CASE("a delayed one arrives later, a reordered one behind later ones") {
  Bench bench;
  REQUIRE(bench.objection("console/out@1 delay(1ms)") == "");
  REQUIRE(bench.objection("console/out@2 reorder(2)") == "");
  for (const char* text : {"a", "b", "c", "d", "e"}) {
    bench.send(text);
    bench.run_to(bench.clock.now + microseconds(1));
  }
  bench.run_to(milliseconds(2));
  REQUIRE(bench.arrived.size() == 5);
  CHECK(bench.arrived[0].second == "c");
  CHECK(bench.arrived[1].second == "d");
  CHECK(bench.arrived[2].second == "b");
  CHECK(bench.arrived[3].second == "e");
  CHECK(bench.arrived[4] == std::pair(milliseconds(1), std::string("a")));
}

TEST_CASE("what waits for later crossings that never come arrives all the same") {
  Bench bench;
  REQUIRE(bench.objection("console/out@1 reorder(1)") == "");
  bench.send("a");
  bench.run_to(seconds(1));
  CHECK(bench.arrived == Arrivals{{Wire::kReorderLimit, "a"}});
}

TEST_CASE("bytes are changed by field, by element of the tail, or by offset") {
  const auto changed = [](const std::string& action) {
    Bench bench;
    INFO(action);
    REQUIRE(bench.objection("ring/xvda/response " + action) == "");
    Bytes payload = Bench::answer(0, 0x12345678);
    payload.resize(30, 0x11);
    bench.pass(*bench.answers, payload);
    CHECK((last_seen(bench, *bench.answers).flags & Crossing::kInjected) != 0);
    return bench.last;
  };
  Bytes plain = Bench::answer(0, 0x12345678);
  plain.resize(30, 0x11);
  const auto with = [&](size_t offset, const Bytes& bytes) {
    Bytes expected = plain;
    std::copy(bytes.begin(), bytes.end(), expected.begin() + static_cast<ptrdiff_t>(offset));
    return expected;
  };
  CHECK(changed("corrupt(operation, flush)") == with(0, {3}));
  CHECK(changed("corrupt(flags, parity|overrun)") == with(1, {5}));
  CHECK(changed("corrupt(status, -1)") == with(2, {0xff, 0xff}));
  CHECK(changed("corrupt(sector, flip)") == with(4, {0x87, 0xa9, 0xcb, 0xed}));
  CHECK(changed("corrupt(label, hi)") == with(8, {'h', 'i', 0, 0}));
  CHECK(changed("corrupt(latency, 1ns)") == with(12, {0xe8, 3, 0, 0, 0, 0, 0, 0}));
  CHECK(changed("corrupt(segments[1].gref, 7)") == with(25, {7, 0, 0, 0}));
  CHECK(changed("corrupt(29, 0xaa)") == with(29, {0xaa}));
  CHECK(changed("corrupt(29, -1)") == with(29, {0xff}));
  CHECK(changed("corrupt(30, 0xaa)") == plain);
  CHECK(changed("corrupt(segments[9].gref, 7)") == plain);
  CHECK(changed("truncate(4)") == Bytes(plain.begin(), plain.begin() + 4));
  CHECK(changed("truncate(100)") == plain);
  CHECK(changed("parity") == with(1, {1}));
}

TEST_CASE("a field that does not fit, or is not there, is an error that lists what is") {
  Bench bench;
  const auto says = [&](const char* action, const char* part) {
    const std::string message = bench.objection(std::string("ring/xvda/response ") + action);
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
  };
  says("corrupt(sektor, 1)", "did you mean 'sector'");
  says("corrupt(segments[0].grf, 1)", "segments[0].gref");
  says("corrupt(segments.gref, 1)", "segments[0].gref");
  says("corrupt(operation, raed)", "did you mean 'read'");
  says("corrupt(operation, 256)", "1 byte");
  says("corrupt(status, 65536)", "2 bytes");
  says("corrupt(label, hello)", "4 bytes");
  CHECK(bench.objection("ring/xvda/response[sektor=1] drop").find("did you mean 'sector'") !=
        std::string::npos);
  CHECK(bench.objection("ring/xvda/response[label<a] drop").find("is a text") != std::string::npos);
  CHECK(bench.objection("ring/xvda/response[sector~1] drop").find("neither") != std::string::npos);
  // None of them has left anything behind.
  CHECK(bench.drops(*bench.answers, 3) == "000");
  CHECK(bench.injector.struck().empty());
}

TEST_CASE("a stall holds what passes and releases it in order") {
  Bench bench;
  REQUIRE(bench.objection("console/out@2 stall(1ms)") == "");
  const auto at = [&](Tick time, const std::string& text) {
    bench.events.schedule(time, "test", [&bench, text] { bench.send(text); });
  };
  at(microseconds(0), "a");
  at(microseconds(100), "b");
  at(microseconds(500), "c");
  // In the very tick in which the stall ends, scheduled before it began: it must not overtake.
  at(microseconds(1100), "d");
  at(microseconds(1200), "e");
  bench.run_to(seconds(1));
  REQUIRE(bench.arrived.size() == 5);
  std::string order;
  for (const auto& [when, text] : bench.arrived) order += text;
  CHECK(order == "abcde");
  CHECK(bench.arrived[1].first == microseconds(1100));
  CHECK(bench.arrived[2].first == microseconds(1100));
  CHECK(bench.arrived[3].first == microseconds(1100) + picoseconds(1));
  CHECK(bench.arrived[4].first == microseconds(1200));
}

TEST_CASE("a stall without an end lets nothing pass, and one at a time begins there") {
  Bench bench;
  REQUIRE(bench.objection("console/out@2 stall") == "");
  REQUIRE(bench.objection("ring/xvda/response@at(1ms) stall(1ms)") == "");
  for (const char* text : {"a", "b", "c"}) bench.send(text);
  bench.run_to(seconds(100));
  CHECK(bench.arrived == Arrivals{{Tick{0}, "a"}});
  CHECK(bench.injector.struck()[1].times == 1);
}

TEST_CASE("what a stall holds has a bound") {
  Bench bench;
  REQUIRE(bench.objection("console/out@1 stall(1ms)") == "");
  const std::string big(1 << 20, 'x');
  for (int i = 0; i < 100; ++i) bench.send(big);
  bench.run_to(seconds(1));
  CHECK(bench.arrived.size() == 64);
}

TEST_CASE("calls fail, are late, or give another result") {
  Bench bench;
  REQUIRE(bench.objection("hypercall@1 fail(EIO)") == "");
  REQUIRE(bench.objection("hypercall@2 delay(1us)") == "");
  REQUIRE(bench.objection("hypercall@3 corrupt(status, 9)") == "");
  CHECK(bench.pass(*bench.calls).fail == -5);
  CHECK((last_seen(bench, *bench.calls).flags & Crossing::kFailed) != 0);
  CHECK(bench.pass(*bench.calls).delay == microseconds(1));
  bench.pass(*bench.calls);
  CHECK(bench.last[2] == 9);
}

TEST_CASE("a spurious one is made as its sender makes it, and is nobody's to strike") {
  Bench bench;
  std::vector<Bytes> made;
  bench.events_wire->set_stimulus([&](std::span<const uint8_t> payload) {
    made.emplace_back(payload.begin(), payload.end());
    Bytes copy = made.back();
    bench.events_wire->pass(Direction::in, copy);
  });
  REQUIRE(bench.objection("evtchn spurious(sector=5)") == "");
  REQUIRE(bench.objection("evtchn@at(1ms) spurious(operation=write)") == "");
  bench.pass(*bench.events_wire, Bench::answer(3));
  CHECK(made.empty());  // from the event queue
  bench.run_to(milliseconds(2));
  REQUIRE(made.size() == 2);
  CHECK(made[0] == Bench::answer(3, 5));  // like the one that it was struck on
  CHECK(made[1] == Bench::answer(1));
  CHECK(bench.injector.struck()[0].times == 1);
  CHECK(last_seen(bench, *bench.events_wire).flags == (Crossing::kCanonical | Crossing::kInjected));
}

TEST_CASE("an entry in shared memory is rewritten after it was published") {
  Bench bench;
  std::vector<std::pair<Tick, Bytes>> made;
  bench.indices->set_rewriter([&](std::span<const uint8_t> payload) {
    made.emplace_back(bench.clock.now, Bytes(payload.begin(), payload.end()));
  });
  REQUIRE(bench.objection("ring/xvda/indices@2 rewrite(sector, 7, 1us)") == "");
  bench.pass(*bench.indices, Bench::answer(1));
  bench.pass(*bench.indices, Bench::answer(2));
  CHECK(bench.last == Bench::answer(2));
  bench.run_to(milliseconds(1));
  REQUIRE(made.size() == 1);
  CHECK(made[0] == std::pair(microseconds(1), Bench::answer(2, 7)));
}

TEST_CASE("a crash is told to those who can, from the event queue") {
  struct Targets final : FaultTargets {
    bool crash(const Wire& wire, Tick back_after) override {
      crashed.emplace_back(wire.name(), back_after);
      return true;
    }
    bool can_crash(const Wire& wire) const override { return wire.name() == "dom1/ring/xvda/response"; }
    std::vector<std::pair<std::string, Tick>> crashed;
  } targets;
  Bench bench;
  CHECK(bench.objection("ring/xvda/response@1 crash") != "");
  bench.injector.set_targets(&targets);
  REQUIRE(bench.objection("ring/xvda/response@1 crash(5ms)") == "");
  REQUIRE(bench.objection("ring/*@at(1ms) crash") == "");
  CHECK(bench.objection("console/out@1 crash") != "");
  bench.pass(*bench.answers);
  CHECK(targets.crashed.empty());
  bench.run_to(milliseconds(2));
  REQUIRE(targets.crashed.size() == 2);
  CHECK(targets.crashed[0] == std::pair(std::string("dom1/ring/xvda/response"), milliseconds(5)));
  CHECK(targets.crashed[1].second == Tick{0});
}

TEST_CASE("several faults on one crossing are judged by what was sent, and all are done") {
  Bench bench;
  REQUIRE(bench.objection("ring/xvda/response@1 corrupt(operation, write)") == "");
  REQUIRE(bench.objection("ring/xvda/response[operation=read]@1 delay(1us)") == "");
  REQUIRE(bench.objection("ring/xvda/response[operation=read]@1 fail(-5)") == "");
  const Verdict verdict = bench.pass(*bench.answers);
  CHECK(verdict.delay == microseconds(1));
  CHECK(verdict.fail == -5);
  CHECK(bench.last[0] == 1);
}

TEST_CASE("what struck stands before the crossing on the wire fault, in the order of sequences") {
  Bench bench;
  REQUIRE(bench.objection("n: ring/xvda/response@2 drop") == "");
  REQUIRE(bench.objection("ring/xvda/response@2 delay(1us)") == "");
  bench.drops(*bench.answers, 3);
  const auto& seen = bench.listener.seen;
  REQUIRE(seen.size() == 5);
  for (size_t i = 0; i < seen.size(); ++i) CHECK(seen[i].sequence == i + 1);
  CHECK(seen[1].wire == "fault");
  CHECK(seen[2].wire == "fault");
  CHECK(seen[3].wire == "dom1/ring/xvda/response");
  CHECK((seen[1].flags & Crossing::kCanonical) != 0);
  const std::string line = to_line(decode(kFaultPayload, seen[1].payload));
  CHECK(line.find("action=drop crossing=4") == 0);
  CHECK(line.find("spec=\"n: ring/xvda/response@2 drop\"") != std::string::npos);
}

TEST_CASE("a scout is asked at every place, and what it answers is done there") {
  struct Scout final : FaultScout {
    const FaultAction* on_site(const FaultSite& site) override {
      places.push_back(site.place());
      return site.place() == "dom1/console/out@2" ? &action : nullptr;
    }
    FaultAction action = *parse_fault_action("drop");
    std::vector<std::string> places;
  } scout;
  Bench bench;
  bench.injector.set_scout(&scout);
  for (const char* text : {"a", "b", "c"}) bench.send(text);
  bench.pass(*bench.indices);  // nothing can be done there
  CHECK(scout.places ==
        std::vector<std::string>{"dom1/console/out@1", "dom1/console/out@2", "dom1/console/out@3"});
  CHECK(bench.arrived == Arrivals{{Tick{0}, "a"}, {Tick{0}, "c"}});
  REQUIRE(bench.injector.struck().size() == 1);
  CHECK(bench.injector.struck()[0].text == "dom1/console/out@2 drop");
  // The same by its text leaves the same crossings behind, in numbers too.
  Bench again;
  REQUIRE(again.objection(bench.injector.struck()[0].text) == "");
  for (const char* text : {"a", "b", "c"}) again.send(text);
  again.pass(*again.indices);
  REQUIRE(again.listener.seen.size() == bench.listener.seen.size());
  for (size_t i = 0; i < again.listener.seen.size(); ++i) {
    CHECK(again.listener.seen[i].sequence == bench.listener.seen[i].sequence);
    CHECK(again.listener.seen[i].payload == bench.listener.seen[i].payload);
  }
}

TEST_CASE("what decides later strikes is in the injector's state") {
  const auto digest = [](int crossings, const char* text) {
    Bench bench;
    REQUIRE(bench.objection(text) == "");
    bench.drops(*bench.texts, crossings);
    return state_digest(bench.injector);
  };
  CHECK(digest(1, "console/out@9 drop") == digest(1, "console/out@9 drop"));
  CHECK(digest(1, "console/out@9 drop") != digest(2, "console/out@9 drop"));
  CHECK(digest(1, "console/out@9 drop") != digest(1, "console/out@8 drop"));
  CHECK(digest(1, "console/out@1 stall(1ms)") != digest(2, "console/out@1 stall(1ms)"));
}
