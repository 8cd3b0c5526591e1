// Proves the 8254 against the datasheet (Intel 231164): the figures of its six modes pulse by pulse, latches,
// byte sequences, BCD, read-back, and that the arithmetic over long times equals counting each pulse.
#include "devices/platform/pit.h"

#include <catch2/catch.hpp>
#include <string>

#include "sim/random.h"
#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

constexpr uint8_t kLowOnly = 0x10;

// A counter alone, one line per pulse: "H4" is OUT high and CE 4.
struct CounterBench {
  PitCounter counter;
  uint64_t pulse = 0;

  explicit CounterBench(unsigned mode, bool gate = true, uint8_t access = kLowOnly, bool bcd = false) {
    counter.reset(gate);
    counter.write_control(static_cast<uint8_t>(access | mode << 1 | bcd), pulse);
  }
  void count(uint8_t value) { counter.write(value, pulse); }
  std::string run(unsigned pulses) {
    std::string shown;
    for (unsigned i = 0; i < pulses; ++i) {
      ++pulse;
      const uint8_t value = counter.read(pulse);
      shown += (shown.empty() ? "" : " ") + std::string(counter.output() ? "H" : "L") + std::to_string(value);
    }
    return shown;
  }
  bool output() { return counter.advance(pulse), counter.output(); }
};

struct PitBench : PlatformBench {
  Pit pit{site.named("pit"), ports};
  std::vector<Tick> rises;
  PitBench() {
    pit.output0.connect([this](bool level) {
      if (level) rises.push_back(clock.now);
    });
  }
};

}  // namespace

TEST_CASE("mode 0: OUT rises N + 1 pulses after the count, and CE goes on") {
  CounterBench bench(0);
  CHECK_FALSE(bench.output());
  bench.count(4);
  CHECK(bench.run(7) == "L4 L3 L2 L1 H0 H255 H254");
  bench.count(2);  // OUT falls with the write
  CHECK_FALSE(bench.output());
  CHECK(bench.run(4) == "L2 L1 H0 H255");
}

TEST_CASE("mode 0: GATE low stops counting, and a load needs no gate") {
  CounterBench bench(0);
  bench.count(3);
  CHECK(bench.run(2) == "L3 L2");
  bench.counter.set_gate(false, bench.pulse);
  CHECK(bench.run(3) == "L2 L2 L2");
  bench.counter.set_gate(true, bench.pulse);
  CHECK(bench.run(3) == "L1 H0 H255");
  bench.counter.set_gate(false, bench.pulse);
  bench.count(2);
  CHECK(bench.run(2) == "L2 L2");
}

TEST_CASE("mode 0: the first byte of two stops counting") {
  CounterBench bench(0, true, 0x30);
  bench.count(5);
  bench.count(0);
  bench.pulse += 3;
  bench.count(9);
  bench.counter.latch_count(bench.pulse + 10);
  CHECK(bench.counter.read(bench.pulse + 10) == 3);
  CHECK_FALSE(bench.output());
}

TEST_CASE("mode 1: a one-shot of N pulses, begun again by each trigger") {
  CounterBench bench(1, false);
  bench.count(3);
  CHECK(bench.run(1).front() == 'H');
  bench.counter.set_gate(true, bench.pulse);
  CHECK(bench.run(5) == "L3 L2 L1 H0 H255");
  bench.counter.set_gate(false, bench.pulse);
  bench.counter.set_gate(true, bench.pulse);
  CHECK(bench.run(2) == "L3 L2");
  bench.counter.set_gate(false, bench.pulse);
  bench.counter.set_gate(true, bench.pulse);
  CHECK(bench.run(4) == "L3 L2 L1 H0");
  // A new count waits for the next trigger.
  bench.count(2);
  CHECK(bench.run(1) == "H255");
}

TEST_CASE("mode 2: OUT is low in the last pulse of each N") {
  CounterBench bench(2);
  bench.count(3);
  CHECK(bench.run(7) == "H3 H2 L1 H3 H2 L1 H3");
  bench.count(4);  // takes over at the end of the period
  CHECK(bench.run(7) == "H2 L1 H4 H3 H2 L1 H4");
}

TEST_CASE("mode 2: GATE low stops it with OUT high, its rise begins a period") {
  CounterBench bench(2);
  bench.count(3);
  CHECK(bench.run(3) == "H3 H2 L1");
  bench.counter.set_gate(false, bench.pulse);
  CHECK(bench.output());
  CHECK(bench.run(2) == "H1 H1");
  bench.counter.set_gate(true, bench.pulse);
  CHECK(bench.run(4) == "H3 H2 L1 H3");
}

TEST_CASE("mode 3: a square wave; odd counts are high one pulse longer") {
  CounterBench even(3);
  even.count(4);
  CHECK(even.run(9) == "H4 H2 L4 L2 H4 H2 L4 L2 H4");
  CounterBench odd(3);
  odd.count(5);
  CHECK(odd.run(11) == "H4 H2 H0 L4 L2 H4 H2 H0 L4 L2 H4");
  CounterBench three(3);
  three.count(3);
  CHECK(three.run(7) == "H2 H0 L2 H2 H0 L2 H2");
}

TEST_CASE("mode 3: GATE low sets OUT high at once, and its rise begins anew") {
  CounterBench bench(3);
  bench.count(4);
  CHECK(bench.run(3) == "H4 H2 L4");
  bench.counter.set_gate(false, bench.pulse);
  CHECK(bench.output());
  bench.counter.set_gate(true, bench.pulse);
  CHECK(bench.run(4) == "H4 H2 L4 L2");
}

TEST_CASE("mode 4: one low pulse N + 1 pulses after the count, and no second one") {
  CounterBench bench(4);
  bench.count(3);
  CHECK(bench.run(6) == "H3 H2 H1 L0 H255 H254");
  bench.counter.advance(bench.pulse + 300'000);
  CHECK(bench.counter.output());
  CHECK(bench.counter.next_step() == PitCounter::kNever);
}

TEST_CASE("mode 5: the strobe comes N + 1 pulses after a trigger") {
  CounterBench bench(5, false);
  bench.count(3);
  bench.pulse += 10;
  bench.counter.set_gate(true, bench.pulse);
  CHECK(bench.run(6) == "H3 H2 H1 L0 H255 H254");
}

TEST_CASE("modes 6 and 7 are 2 and 3") {
  CounterBench bench(6);
  bench.count(3);
  CHECK(bench.run(4) == "H3 H2 L1 H3");
}

TEST_CASE("BCD counts from 10 through 9 and wraps to 9999") {
  CounterBench bench(0, true, 0x30, true);
  bench.count(0x10);
  bench.count(0x00);
  bench.pulse += 2;
  CHECK(bench.counter.read(bench.pulse) == 0x09);
  bench.counter.read(bench.pulse);
  bench.pulse += 10;
  CHECK(bench.counter.read(bench.pulse) == 0x99);
  CHECK(bench.counter.read(bench.pulse) == 0x99);
}

TEST_CASE("a count of 0 is 65536, or 10000 in BCD") {
  for (const bool bcd : {false, true}) {
    CounterBench bench(0, true, kLowOnly, bcd);
    bench.count(0);
    const uint64_t count = bcd ? 10'000 : 65'536;
    bench.counter.advance(count);
    CHECK_FALSE(bench.counter.output());
    bench.counter.advance(count + 1);
    CHECK(bench.counter.output());
  }
}

TEST_CASE("an illegal count of 1 gives no pulses, and the next count does") {
  CounterBench bench(2);
  bench.count(1);
  CHECK(bench.run(3) == "H1 H1 H1");
  CHECK(bench.counter.next_step() == PitCounter::kNever);
  bench.count(2);
  CHECK(bench.run(3) == "H2 L1 H2");
}

TEST_CASE("the period of mode 2 with 1193 is 999.847 us") {
  PitBench bench;
  bench.out(0x43, 0x34);
  bench.out(0x40, 1193 & 0xff);
  bench.out(0x40, 1193 >> 8);
  bench.rises.clear();  // the control word raised OUT
  bench.run_for(seconds(1));
  REQUIRE(bench.rises.size() == 1000);
  // 1193 * 3 / 3579545 s = 999,847,746.0 ps to the nearest; over a thousand periods nothing drifts.
  CHECK((bench.rises[1] - bench.rises[0]).ps / 1'000'000 == 999);
  CHECK((bench.rises[999] - bench.rises[0]).ps == Approx(999.0 * 1193 * 3e12 / 3579545).margin(1));
}

TEST_CASE("1,193,181 or 1,193,182 pulses make a second, and 3,579,545 make three") {
  CHECK(Pit::pulses_at(seconds(1)) == 1'193'181);
  CHECK(Pit::pulses_at(seconds(3)) == 3'579'545);
  CHECK(Pit::pulses_at(seconds(18'000'000)) == 3'579'545ull * 6'000'000);
  Random random(7);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t pulse = random.below(1ull << 40);
    const Tick at = Pit::tick_of(pulse);
    CHECK(Pit::pulses_at(at) == pulse);
    if (pulse != 0) CHECK(Pit::pulses_at(at - picoseconds(1)) == pulse - 1);
  }
}

TEST_CASE("a latched count holds until both bytes are read") {
  PitBench bench;
  bench.out(0x43, 0x34);
  bench.out(0x40, 0x00);
  bench.out(0x40, 0x80);
  bench.run_to(Pit::tick_of(0x101));
  bench.out(0x43, 0x00);
  bench.run_for(milliseconds(1));
  bench.out(0x43, 0x00);  // ignored
  CHECK(bench.in(0x40) == 0x00);
  CHECK(bench.in(0x40) == 0x7f);
  bench.out(0x43, 0x00);
  CHECK((bench.in(0x40) | bench.in(0x40) << 8) < 0x7f00);
}

TEST_CASE("read-back latches status and count, the status first") {
  PitBench bench;
  bench.out(0x43, 0xb6);          // counter 2, both bytes, mode 3
  bench.out(0x43, 0xe8);          // status of counter 2
  CHECK(bench.in(0x42) == 0xf6);  // OUT, null count, and the control word
  bench.out(0x42, 0x10);
  bench.out(0x42, 0x27);
  bench.pit.set_gate2(true);
  bench.run_for(microseconds(2));
  bench.out(0x43, 0xc8);  // both
  CHECK(bench.in(0x42) == 0xb6);
  CHECK(bench.in(0x42) == 0x0e);  // 0x2710 - 2
  CHECK(bench.in(0x42) == 0x27);
}

TEST_CASE("the control word's port cannot be read") {
  PitBench bench;
  CHECK(bench.in(0x43) == 0xff);
}

TEST_CASE("events exist for counter 0 only, and none where OUT cannot change") {
  PitBench bench;
  CHECK(bench.events.empty());
  bench.out(0x43, 0xb6);
  bench.out(0x42, 0x10);
  bench.out(0x42, 0x27);
  CHECK(bench.events.empty());
  bench.out(0x43, 0x38);  // counter 0, mode 4: one shot
  bench.out(0x40, 0x10);
  bench.out(0x40, 0x00);
  bench.rises.clear();
  CHECK_FALSE(bench.events.empty());
  bench.run_for(seconds(1));
  CHECK(bench.events.empty());
  CHECK(bench.rises.size() == 1);
}

TEST_CASE("random programs: a far jump gives what pulse by pulse gives") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    PitCounter stepped, jumped;
    stepped.reset(true);
    jumped.reset(true);
    uint64_t pulse = 0;
    for (int action = 0; action < 30; ++action) {
      const uint64_t until = pulse + random.below(random.one_in(4) ? 3000 : 12);
      while (pulse < until) stepped.advance(++pulse);
      jumped.advance(pulse);
      const auto value = static_cast<uint8_t>(random.one_in(2) ? random.below(6) : random.next());
      const auto what = random.below(10);
      for (PitCounter* counter : {&stepped, &jumped}) {
        if (what == 0) counter->write_control(static_cast<uint8_t>((value & 0x3f) | 0x10), pulse);
        if (what >= 1 && what <= 5) counter->write(value, pulse);
        if (what == 6) counter->set_gate((value & 1) != 0, pulse);
        if (what == 7) counter->latch_count(pulse);
        if (what == 8) counter->latch_status(pulse);
      }
      INFO("seed " << seed << " action " << action << " pulse " << pulse);
      REQUIRE(stepped.output() == jumped.output());
      REQUIRE(stepped.next_step() == jumped.next_step());
      REQUIRE(stepped.read(pulse) == jumped.read(pulse));
    }
  }
}
