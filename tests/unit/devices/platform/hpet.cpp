// Proves the HPET against the IA-PC HPET specification 1.0a: the counter, one-shot and periodic comparators
// in 32 and 64 bits, status in level mode, routing, and the bound on the work that a guest can ask for.
#include "devices/platform/hpet.h"

#include <catch2/catch.hpp>

#include "sim/random.h"
#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

constexpr uint64_t kBase = 0xfed00000;

struct HpetBench : PlatformBench {
  Hpet hpet{site.named("hpet"), memory};
  std::vector<Tick> rises;

  HpetBench() {
    hpet.lines[0].connect([this](bool level) {
      if (level) rises.push_back(clock.now);
    });
  }
  uint64_t get(uint64_t offset, unsigned size = 8) { return memory.read(kBase + offset, size); }
  void put(uint64_t offset, uint64_t value, unsigned size = 8) { memory.write(kBase + offset, size, value); }
  void start() { put(0x10, 1); }
};

constexpr uint64_t kLine20 = 20 << 9, kEnable = 4, kPeriodic = 8, kSetValue = 0x40, kLevel = 2,
                   kMode32 = 0x100;

}  // namespace

TEST_CASE("what it is: 10 ns, three 64-bit timers, legacy replacement") {
  HpetBench bench;
  CHECK(bench.get(0x000) == 0x00989680'8086a201);
  CHECK(bench.get(0x004, 4) == 10'000'000);
  CHECK(bench.get(0x100) == 0x00f00000'00000030);
  CHECK(bench.get(0x120) == 0x00f00000'00000020);
  CHECK(bench.get(0x140) == 0x00f00000'00000020);
  CHECK(bench.get(0x108) == ~0ull);
  bench.put(0x000, 0);
  CHECK(bench.get(0x000) == 0x00989680'8086a201);
}

TEST_CASE("the counter runs while it is enabled, and is written while it is not") {
  HpetBench bench;
  bench.run_to(milliseconds(1));
  CHECK(bench.get(0xf0) == 0);
  bench.put(0xf0, 1000);
  bench.start();
  bench.run_for(milliseconds(1));
  CHECK(bench.get(0xf0) == 101'000);
  bench.put(0xf0, 5);  // ignored
  CHECK(bench.get(0xf0) == 101'000);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
  bench.put(0x10, 0);
  bench.run_for(milliseconds(1));
  CHECK(bench.get(0xf0, 4) == 101'000);
  bench.put(0xf4, 0x12, 4);
  CHECK(bench.get(0xf0) == 0x12'0001'8a88);
}

TEST_CASE("one shot: one edge at the comparator, and no more") {
  HpetBench bench;
  bench.put(0x100, kLine20 | kEnable);
  bench.put(0x108, 150);
  CHECK(bench.events.empty());
  bench.start();
  bench.run_for(seconds(1));
  REQUIRE(bench.rises.size() == 1);
  CHECK(bench.rises[0] == nanoseconds(1500));
  CHECK(bench.events.empty());
  CHECK(bench.get(0x20) == 0);  // edges have no status
}

TEST_CASE("a 32-bit timer matches again after each wrap") {
  HpetBench bench;
  bench.put(0x100, kLine20 | kEnable | kMode32);
  bench.put(0x108, 0x1'0000'0064);
  bench.start();
  bench.run_for(seconds(100));
  REQUIRE(bench.rises.size() == 3);
  CHECK(bench.rises[0] == microseconds(1));
  CHECK(bench.rises[2] - bench.rises[1] == nanoseconds(42'949'672'960));
}

TEST_CASE("periodic: first the comparator behind VAL_SET, then the period") {
  HpetBench bench;
  bench.put(0x100, kLine20 | kEnable | kPeriodic | kSetValue | kMode32, 4);  // as Linux does
  bench.put(0x108, 100'000, 4);
  CHECK((bench.get(0x100) & kSetValue) == 0);
  bench.put(0x108, 400'000, 4);
  bench.start();
  bench.run_for(milliseconds(101));
  REQUIRE(bench.rises.size() == 26);
  CHECK(bench.rises[0] == milliseconds(1));
  CHECK(bench.rises[1] == milliseconds(5));
  CHECK(bench.rises[25] == milliseconds(101));
  CHECK(bench.get(0x108) == 100'000 + 26 * 400'000);
}

TEST_CASE("only timer 0 can be periodic") {
  HpetBench bench;
  bench.put(0x120, kPeriodic);
  CHECK((bench.get(0x120) & kPeriodic) == 0);
}

TEST_CASE("level mode: the status stays until a 1 is written to it") {
  HpetBench bench;
  bench.put(0x100, kLine20 | kEnable | kLevel);
  bench.put(0x108, 100);
  bench.start();
  bench.run_for(microseconds(2));
  CHECK(bench.hpet.lines[0].level());
  CHECK(bench.get(0x20) == 1);
  bench.put(0x20, 6);
  CHECK(bench.hpet.lines[0].level());
  bench.put(0x20, 1);
  CHECK_FALSE(bench.hpet.lines[0].level());
  CHECK(bench.get(0x20) == 0);
}

TEST_CASE("without its enable a timer sets its status all the same, and costs no event") {
  HpetBench bench;
  bench.put(0x100, kLine20 | kLevel);
  bench.put(0x108, 100);
  bench.start();
  CHECK(bench.events.empty());
  bench.run_for(microseconds(2));
  CHECK(bench.get(0x20) == 1);
  CHECK(bench.rises.empty());
}

TEST_CASE("legacy replacement takes timers 0 and 1 to the PIT's and the clock's lines") {
  HpetBench bench;
  unsigned changes = 0;
  bench.hpet.on_legacy = [&] { ++changes; };
  bench.put(0x100, kLine20 | kEnable);
  bench.put(0x120, kLine20 | kEnable);
  bench.put(0x108, 100);
  bench.put(0x128, 200);
  bench.put(0x10, 3);
  CHECK(bench.hpet.legacy());
  CHECK(changes == 1);
  bench.run_for(microseconds(1));
  CHECK(bench.hpet.timer_line.level());
  CHECK_FALSE(bench.hpet.clock_line.level());
  bench.run_for(microseconds(1));
  CHECK(bench.hpet.clock_line.level());
  CHECK(bench.rises.empty());
}

TEST_CASE("an interrupt each 10 ns is one each microsecond") {
  HpetBench bench;
  bench.put(0x100, kLine20 | kEnable | kPeriodic | kSetValue);
  bench.put(0x108, 1);
  bench.start();
  bench.run_for(milliseconds(1));
  CHECK(bench.rises.size() >= 999);
  CHECK(bench.rises.size() <= 1001);
}

TEST_CASE("random accesses end, and end alike") {
  const auto storm = [](uint64_t seed) {
    HpetBench bench;
    Random random(seed);
    for (int i = 0; i < 3000; ++i) {
      const uint64_t offsets[] = {0x10,  0x20,  0xf0,  0x100, 0x108,
                                  0x120, 0x128, 0x140, 0x148, random.below(0x400)};
      const unsigned size = 1u << random.below(4);
      const uint64_t offset = offsets[random.below(10)] & ~uint64_t{size - 1};
      if (random.one_in(3)) {
        bench.get(offset, size);
      } else {
        bench.put(offset, random.next() >> random.below(64), size);
      }
      bench.run_for(Tick{random.below(random.one_in(50) ? 100'000'000'000 : 5'000'000)});
    }
    return state_digest(bench.hpet);
  };
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    CHECK(storm(seed) == storm(seed));
  }
}
