// Proves the local APIC timer's periods, for each divider of SDM volume 3A figure 10-10, to the picosecond.
#include <catch2/catch.hpp>

#include "tests/unit/devices/apic/apic_bench.h"

using namespace ringside;

namespace {

// Serves what is requested, and says when it came.
struct Expiries {
  ApicBench& bench;
  std::vector<uint64_t> at_ps;
  void run_until(Tick until) {
    while (!bench.events.empty() && bench.events.next_tick() <= until) {
      bench.run_until(bench.events.next_tick());
      while (bench.local.acknowledge()) {
        at_ps.push_back(bench.clock.now.ps);
        bench.end_of_interrupt();
      }
    }
    bench.clock.now = until;
  }
};

}  // namespace

TEST_CASE("one shot, for every divider") {
  struct {
    uint32_t code;
    uint64_t divider;
  } const dividers[] = {{0x0, 2}, {0x1, 4}, {0x2, 8}, {0x3, 16}, {0x8, 32}, {0x9, 64}, {0xa, 128}, {0xb, 1}};
  for (const auto& row : dividers) {
    INFO("code " << row.code);
    ApicBench bench;  // 100 MHz: one count of the bus is 10 ns
    bench.enable();
    bench.set(0x3e0, row.code);
    bench.set(0x320, 0x40);
    bench.set(0x380, 1000);
    CHECK(bench.get(0x390) == 1000);
    const uint64_t count_ps = 10'000 * row.divider;
    bench.run_until(Tick{count_ps - 1});
    CHECK(bench.get(0x390) == 1000);
    bench.run_until(Tick{count_ps});
    CHECK(bench.get(0x390) == 999);
    bench.run_until(Tick{1000 * count_ps - 1});
    CHECK(bench.get(0x390) == 1);
    CHECK_FALSE(bench.local.output());
    bench.run_until(Tick{1000 * count_ps});
    CHECK(bench.get(0x390) == 0);
    CHECK(bench.local.acknowledge() == 0x40);
    bench.end_of_interrupt();
    bench.run_until(Tick{5000 * count_ps});
    CHECK_FALSE(bench.local.output());
    CHECK(bench.get(0x390) == 0);
    CHECK(bench.get(0x380) == 1000);
  }
}

TEST_CASE("periodic expiries do not drift at a frequency that picoseconds cannot hold") {
  ApicBench bench(30'000'000);
  bench.enable();
  bench.set(0x3e0, 0xb);
  bench.set(0x320, 0x20040);
  bench.set(0x380, 7);
  Expiries expiries{bench, {}};
  expiries.run_until(microseconds(10));
  // The nth at n * 7 / 30 MHz, rounded up.
  REQUIRE(expiries.at_ps.size() == 42);
  CHECK(expiries.at_ps[0] == 233'334);
  CHECK(expiries.at_ps[1] == 466'667);
  CHECK(expiries.at_ps[2] == 700'000);
  CHECK(expiries.at_ps[41] == 9'800'000);
}

TEST_CASE("the current count of a periodic timer starts again") {
  ApicBench bench;
  bench.enable();
  bench.set(0x3e0, 0xb);
  bench.set(0x320, 0x30040);  // masked, periodic
  bench.set(0x380, 100);
  CHECK(bench.events.empty());
  bench.run_until(nanoseconds(990));
  CHECK(bench.get(0x390) == 1);
  bench.run_until(nanoseconds(1000));
  CHECK(bench.get(0x390) == 100);
  bench.run_until(nanoseconds(12340));
  CHECK(bench.get(0x390) == 66);
  bench.set(0x320, 0x20040);
  bench.run_until(nanoseconds(12999));
  CHECK_FALSE(bench.local.output());
  bench.run_until(nanoseconds(13000));
  CHECK(bench.local.output());
}

TEST_CASE("an expiry while masked is lost, in one shot") {
  ApicBench bench;
  bench.enable();
  bench.set(0x3e0, 0xb);
  bench.set(0x320, 0x10040);
  bench.set(0x380, 10);
  bench.run_until(nanoseconds(200));
  bench.set(0x320, 0x00040);
  bench.run_until(milliseconds(1));
  CHECK_FALSE(bench.local.output());
}

TEST_CASE("writing the initial count starts again, and 0 stops") {
  ApicBench bench;
  bench.enable();
  bench.set(0x3e0, 0xb);
  bench.set(0x320, 0x20040);
  bench.set(0x380, 100);
  bench.run_until(nanoseconds(900));
  bench.set(0x380, 100);
  bench.run_until(nanoseconds(1899));
  CHECK_FALSE(bench.local.output());
  bench.run_until(nanoseconds(1900));
  CHECK(bench.local.acknowledge() == 0x40);
  bench.end_of_interrupt();
  bench.set(0x380, 0);
  CHECK(bench.get(0x390) == 0);
  CHECK(bench.events.empty());
}

TEST_CASE("a new divider or mode leaves the count where it is") {
  ApicBench bench;
  bench.enable();
  bench.set(0x3e0, 0xb);
  bench.set(0x320, 0x00040);
  bench.set(0x380, 100);
  bench.run_until(nanoseconds(505));
  bench.set(0x320, 0x20040);
  CHECK(bench.get(0x390) == 50);
  bench.run_until(nanoseconds(510));
  CHECK(bench.get(0x390) == 49);
  bench.set(0x3e0, 0x3);
  CHECK(bench.get(0x390) == 49);
  bench.run_until(nanoseconds(510 + 160));
  CHECK(bench.get(0x390) == 48);
  bench.run_until(nanoseconds(510 + 49 * 160));
  CHECK(bench.local.acknowledge() == 0x40);
  CHECK(bench.get(0x390) == 100);
}

TEST_CASE("a period of one count makes no more events than interrupts are taken") {
  ApicBench bench;
  bench.enable();
  bench.set(0x3e0, 0xb);
  bench.set(0x320, 0x20040);
  bench.set(0x380, 1);
  bench.run_until(nanoseconds(10));
  CHECK(bench.local.output());
  CHECK(bench.events.empty());
  bench.run_until(seconds(100));
  CHECK(bench.local.acknowledge() == 0x40);
  CHECK(bench.events.next_tick() == seconds(100) + nanoseconds(10));
}

TEST_CASE("an illegal timer vector is an error once") {
  ApicBench bench;
  bench.enable();
  bench.set(0x3e0, 0xb);
  bench.set(0x320, 0x20005);
  bench.set(0x380, 1);
  bench.run_until(seconds(1));
  CHECK_FALSE(bench.local.output());
  bench.set(0x280, 0);
  CHECK(bench.get(0x280) == 0x40);
}

TEST_CASE("a timer for the end of time") {
  ApicBench bench(1);
  bench.enable();
  bench.set(0x3e0, 0xa);
  bench.set(0x320, 0x40);
  bench.set(0x380, 0xffffffff);
  CHECK(bench.events.empty());
  bench.run_until(seconds(1280));
  CHECK(bench.get(0x390) == 0xffffffff - 10);
}
