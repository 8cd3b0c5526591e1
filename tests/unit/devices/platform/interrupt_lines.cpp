// Proves the 24 lines: several sources, and what a tap's verdict does to a change.
#include "devices/platform/interrupt_lines.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

struct LinesBench : PlatformBench {
  InterruptLines lines{site.named("irq")};
  InterruptPin first, second;
  std::vector<std::pair<bool, uint64_t>> seen;  // level, microseconds
  VerdictTap tap;

  LinesBench() {
    lines.connect(first, 5);
    lines.connect(second, 5);
    lines.on_change([this](unsigned line, bool level) {
      CHECK(line == 5);
      seen.emplace_back(level, clock.now.ps / 1'000'000);
    });
  }
  void fault(Verdict verdict, uint64_t from, uint64_t to) {
    tap.verdict = verdict;
    tap.from = from;
    tap.to = to;
    wiring.add_tap(tap, "irq/5");
  }
};

using Seen = std::vector<std::pair<bool, uint64_t>>;

}  // namespace

TEST_CASE("a line is high while any of its sources is") {
  LinesBench bench;
  bench.first.set(true);
  bench.second.set(true);
  bench.first.set(false);
  CHECK(bench.lines.level(5));
  bench.second.set(false);
  CHECK(bench.seen == Seen{{true, 0}, {false, 0}});
}

TEST_CASE("a pin that is high when it is connected counts") {
  LinesBench bench;
  InterruptPin late;
  late.set(true);
  bench.lines.connect(late, 5);
  CHECK(bench.lines.level(5));
  late.set(false);
  CHECK_FALSE(bench.lines.level(5));
  bench.lines.connect(late, 24);  // there is no such line
  late.set(true);
  CHECK_FALSE(bench.lines.level(24));
}

TEST_CASE("a dropped rise never arrives; a dropped fall leaves the line high until the next") {
  LinesBench bench;
  bench.fault({.copies = 0}, 1, 1);
  bench.first.set(true);
  bench.first.set(false);
  CHECK(bench.seen.empty());
  bench.first.set(true);
  CHECK(bench.seen == Seen{{true, 0}});

  LinesBench stuck;
  stuck.fault({.copies = 0}, 2, 2);
  stuck.first.set(true);
  stuck.first.set(false);
  stuck.first.set(true);
  CHECK(stuck.seen == Seen{{true, 0}});
  stuck.first.set(false);
  CHECK_FALSE(stuck.lines.level(5));
}

TEST_CASE("what is behind a delayed change waits for it") {
  LinesBench bench;
  bench.fault({.delay = microseconds(100)}, 1, 1);
  bench.first.set(true);
  bench.run_for(microseconds(10));
  bench.first.set(false);
  CHECK(bench.seen.empty());
  bench.run_for(milliseconds(1));
  CHECK(bench.seen == Seen{{true, 100}, {false, 100}});
}

TEST_CASE("delays do not gather without bound, and the line ends as its sources do") {
  LinesBench bench;
  bench.fault({.delay = seconds(1)}, 1, UINT64_MAX);
  for (int i = 0; i < 100'001; ++i) bench.first.set(i % 2 == 0);
  bench.run_for(seconds(2));
  CHECK(bench.seen.size() <= 65);
  CHECK(bench.lines.level(5));
}

TEST_CASE("a repeated change is a glitch 20 us later that lasts 20 us") {
  LinesBench bench;
  bench.fault({.copies = 3}, 1, 1);
  bench.first.set(true);
  bench.run_for(microseconds(10));
  bench.first.set(false);
  bench.run_for(milliseconds(1));
  CHECK(bench.seen == Seen{{true, 0}, {false, 10}, {true, 20}, {false, 40}, {true, 60}, {false, 80}});
  CHECK(bench.events.empty());
}

TEST_CASE("a glitch without a change is a spurious pulse") {
  LinesBench bench;
  bench.lines.glitch(5);
  bench.lines.glitch(24);
  bench.run_for(milliseconds(1));
  CHECK(bench.seen == Seen{{true, 20}, {false, 40}});
}

TEST_CASE("a storm of copies is cut") {
  LinesBench bench;
  bench.fault({.copies = UINT32_MAX}, 1, UINT64_MAX);
  bench.first.set(true);
  bench.first.set(false);
  bench.run_for(seconds(1));
  CHECK(bench.seen.size() == 2 + 2 * 16);
}

TEST_CASE("a spurious interrupt is a pulse, or a glitch of a line that is high; it crosses the wire") {
  LinesBench bench;
  bench.wiring.add_tap(bench.tap, "irq/5");
  const auto& stimulus = bench.wiring.find("dom1/irq/5")->stimulus();
  stimulus({});
  stimulus({});  // while it pulses already
  bench.run_for(microseconds(200));
  CHECK(bench.tap.seen == 2);
  REQUIRE(bench.seen.size() >= 2);
  CHECK(bench.seen[0] == std::pair<bool, uint64_t>(true, 0));
  CHECK_FALSE(bench.lines.level(5));
  bench.first.set(true);
  bench.seen.clear();
  stimulus({});
  bench.run_for(microseconds(200));
  REQUIRE(bench.seen.size() == 2);
  CHECK_FALSE(bench.seen[0].first);
  CHECK(bench.lines.level(5));
  bench.wiring.remove_tap(bench.tap);
}
