// Proves the clock against the MC146818A's datasheet: formats, update cycle, the three interrupts, the table
// of periodic rates, alarms with "don't care" codes, and the CMOS bytes that a PC's firmware reads.
#include "devices/platform/rtc.h"

#include <catch2/catch.hpp>
#include <string>

#include "sim/random.h"
#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

constexpr uint64_t kLeapEve = 951'782'398;  // 2000-02-28 23:59:58 UTC, a Monday

struct RtcBench : PlatformBench {
  explicit RtcBench(RtcConfig config = {.wall_clock_seconds = kLeapEve})
      : rtc(site.named("rtc"), config, ports) {
    rtc.interrupt.connect([this](bool level) {
      if (level) rises.push_back(clock.now);
    });
  }
  uint8_t get(uint8_t index) { return out(0x70, index), in(0x71); }
  void put(uint8_t index, uint8_t value) { out(0x70, index), out(0x71, value); }
  // "20000228 235958 2": with the day of the week behind.
  std::string date() {
    char text[32];
    std::snprintf(text, sizeof text, "%02x%02x%02x%02x %02x%02x%02x %x", get(0x32), get(9), get(8), get(7),
                  get(4), get(2), get(0), get(6));
    return text;
  }
  Rtc rtc;
  std::vector<Tick> rises;
};

}  // namespace

TEST_CASE("the date begins with the wall clock and counts over a leap day") {
  RtcBench bench;
  CHECK(bench.date() == "20000228 235958 2");
  bench.run_to(seconds(2) - picoseconds(1));
  CHECK(bench.date() == "20000228 235959 2");
  bench.run_to(seconds(2));
  CHECK(bench.date() == "20000229 000000 3");
  bench.run_to(seconds(2 + 86'400));
  CHECK(bench.date() == "20000301 000000 4");
}

TEST_CASE("a century ends") {
  RtcBench bench({.wall_clock_seconds = 946'684'799});
  CHECK(bench.date() == "19991231 235959 6");
  bench.run_to(seconds(1));
  CHECK(bench.date() == "20000101 000000 7");
  bench.run_to(seconds(1 + 86'400));
  CHECK(bench.date() == "20000102 000000 1");  // Sunday is 1
}

TEST_CASE("binary and 12-hour formats") {
  RtcBench bench;
  bench.put(0x0b, 0x86);  // SET, binary, 24 h
  bench.put(4, 23);
  bench.put(2, 59);
  bench.put(0, 59);
  bench.put(0x0b, 0x06);
  bench.run_to(seconds(1));
  CHECK(bench.get(4) == 0);
  bench.put(0x0b, 0x80);  // SET, BCD, 12 h
  bench.put(4, 0x12);     // midnight
  bench.put(2, 0x59);
  bench.put(0, 0x59);
  bench.put(0x0b, 0x00);
  bench.run_for(seconds(1));
  CHECK(bench.get(4) == 0x01);
  bench.put(4, 0x11);
  bench.put(2, 0x59);
  bench.put(0, 0x59);
  bench.run_for(seconds(1));
  CHECK(bench.get(4) == 0x92);  // 12 PM is noon
  bench.put(4, 0x91);
  bench.put(2, 0x59);
  bench.put(0, 0x59);
  bench.run_for(seconds(1));
  CHECK(bench.get(4) == 0x12);
}

TEST_CASE("SET keeps the time; the second's phase goes on") {
  RtcBench bench;
  bench.put(0x0b, 0x82);
  bench.run_to(milliseconds(5300));
  CHECK(bench.date() == "20000228 235958 2");
  bench.put(0x0b, 0x02);
  bench.run_to(seconds(6) - picoseconds(1));
  CHECK(bench.get(0) == 0x58);
  bench.run_to(seconds(6));
  CHECK(bench.get(0) == 0x59);
}

TEST_CASE("UIP is set for the last 2228 us of a second, and not under SET") {
  RtcBench bench;
  bench.run_to(seconds(1) - microseconds(2229));
  CHECK(bench.get(0x0a) == 0x26);
  bench.run_to(seconds(1) - microseconds(2228));
  CHECK(bench.get(0x0a) == 0xa6);
  bench.put(0x0b, 0x82);
  CHECK(bench.get(0x0a) == 0x26);
  bench.put(0x0b, 0x02);
  bench.run_to(seconds(1));
  CHECK(bench.get(0x0a) == 0x26);
}

TEST_CASE("after a reset of the divider the first update is half a second later") {
  RtcBench bench;
  bench.run_to(milliseconds(300));
  bench.put(0x0a, 0x70);
  bench.run_to(seconds(10));
  CHECK(bench.get(0) == 0x58);
  bench.put(0x0a, 0x26);
  bench.run_for(milliseconds(500) - picoseconds(1));
  CHECK(bench.get(0) == 0x58);
  bench.run_for(picoseconds(1));
  CHECK(bench.get(0) == 0x59);
}

TEST_CASE("the periodic rates of table 5") {
  // Rate select, interrupts a second.
  const std::pair<uint8_t, unsigned> rates[] = {
      {0, 0},   {1, 256}, {2, 128}, {3, 8192}, {4, 4096}, {5, 2048}, {6, 1024}, {7, 512},
      {8, 256}, {9, 128}, {10, 64}, {11, 32},  {12, 16},  {13, 8},   {14, 4},   {15, 2}};
  for (const auto& [select, rate] : rates) {
    RtcBench bench;
    bench.rtc.interrupt.connect([&bench](bool level) {
      if (level) CHECK((bench.get(0x0c) & 0xc0) == 0xc0);
    });
    bench.put(0x0a, static_cast<uint8_t>(0x20 | select));
    bench.put(0x0b, 0x42);
    bench.run_to(seconds(1));
    CHECK(bench.rises.size() == rate);
    if (rate != 0) CHECK(bench.rises[0].ps == (1'000'000'000'000ull + rate - 1) / rate);
  }
}

TEST_CASE("the update-ended interrupt comes with each second, and waits for register C") {
  RtcBench bench;
  bench.put(0x0b, 0x12);
  bench.run_to(milliseconds(3500));
  REQUIRE(bench.rises.size() == 1);
  CHECK(bench.rises[0] == seconds(1));
  CHECK(bench.rtc.interrupt.level());
  CHECK((bench.get(0x0c) & 0x90) == 0x90);
  CHECK_FALSE(bench.rtc.interrupt.level());
  CHECK(bench.get(0x0c) == 0);
  bench.run_to(seconds(4));
  CHECK(bench.rises.size() == 2);
}

TEST_CASE("alarms: one a day, one an hour, one each minute") {
  struct Case {
    uint8_t hours, minutes, seconds;
    std::vector<unsigned> expected;  // seconds from the start, within 3 hours
  };
  const Case cases[] = {
      {0x01, 0x00, 0x00, {3602}},
      {0xff, 0x00, 0x00, {2, 3602, 7202}},
      {0xc0, 0xff, 0x30, {}},
  };
  for (const Case& alarm : cases) {
    RtcBench bench;
    bench.rtc.interrupt.connect([&bench](bool level) {
      if (level) CHECK((bench.get(0x0c) & 0xa0) == 0xa0);
    });
    bench.put(1, alarm.seconds);
    bench.put(3, alarm.minutes);
    bench.put(5, alarm.hours);
    bench.put(0x0b, 0x22);
    bench.run_to(seconds(3 * 3600));
    if (alarm.expected.empty()) {
      CHECK(bench.rises.size() == 180);
      CHECK(bench.rises[1] - bench.rises[0] == seconds(60));
      CHECK(bench.rises[0] == seconds(32));
      continue;
    }
    REQUIRE(bench.rises.size() == alarm.expected.size());
    for (size_t i = 0; i < alarm.expected.size(); ++i) CHECK(bench.rises[i] == seconds(alarm.expected[i]));
  }
}

TEST_CASE("flags are set without their enables, and no event is spent on them") {
  RtcBench bench;
  CHECK(bench.events.empty());
  bench.put(1, 0x59);
  bench.put(3, 0xff);
  bench.put(5, 0xff);
  bench.run_to(milliseconds(1500));
  CHECK(bench.get(0x0c) == 0x70);
  bench.run_to(seconds(2));
  CHECK(bench.get(0x0c) == 0x50);
  CHECK(bench.rises.empty());
  CHECK(bench.events.empty());
}

TEST_CASE("an alarm that can never be costs no events") {
  RtcBench bench;
  bench.put(1, 0x77);
  bench.put(0x0b, 0x22);
  CHECK(bench.events.empty());
}

TEST_CASE("enabling an interrupt whose flag is set raises it at once") {
  RtcBench bench;
  bench.run_to(seconds(2));
  bench.put(0x0b, 0x12);
  CHECK(bench.rtc.interrupt.level());
}

TEST_CASE("register D is valid, register C read-only; the index keeps the NMI mask") {
  RtcBench bench;
  CHECK(bench.get(0x0d) == 0x80);
  bench.put(0x0d, 0);
  CHECK(bench.get(0x0d) == 0x80);
  bench.put(0x0c, 0xff);
  CHECK(bench.get(0x0c) == 0);
  CHECK_FALSE(bench.rtc.nmi_masked());
  bench.out(0x70, 0x8d);
  CHECK(bench.rtc.nmi_masked());
  CHECK(bench.in(0x71) == 0x80);
}

TEST_CASE("a reset keeps the time and the RAM, and turns the interrupts off") {
  RtcBench bench;
  bench.put(0x40, 0x5a);
  bench.put(0x0b, 0x72);
  bench.run_to(seconds(1));
  bench.rtc.reset();
  CHECK_FALSE(bench.rtc.interrupt.level());
  CHECK(bench.get(0x0b) == 0x02);
  CHECK(bench.get(0x40) == 0x5a);
  CHECK(bench.date() == "20000228 235959 2");
}

TEST_CASE("the CMOS RAM tells the memory, the boot order and its checksum") {
  RtcBench bench({.memory_below_4g = 256ull << 20, .memory_above_4g = 3ull << 30, .boot_order = 0x423});
  const auto word = [&](uint8_t low) {
    return bench.get(low) | bench.get(static_cast<uint8_t>(low + 1)) << 8;
  };
  CHECK(word(0x15) == 640);
  CHECK(word(0x17) == 63 * 1024);
  CHECK(word(0x30) == 63 * 1024);
  CHECK(word(0x34) == (256 - 16) * 16);
  CHECK((word(0x5b) | bench.get(0x5d) << 16) == 3 * 1024 * 16);
  CHECK(bench.get(0x3d) == 0x23);
  CHECK((bench.get(0x38) & 0xf0) == 0x40);
  unsigned sum = 0;
  for (uint8_t at = 0x10; at <= 0x2d; ++at) sum += bench.get(at);
  CHECK((bench.get(0x2e) << 8 | bench.get(0x2f)) == static_cast<int>(sum));
}

TEST_CASE("a tap on rtc/interrupt drops or delays a periodic interrupt") {
  for (const bool drop : {true, false}) {
    RtcBench bench;
    VerdictTap tap;
    tap.from = tap.to = 1;
    tap.verdict.copies = drop ? 0 : 1;
    tap.verdict.delay = drop ? Tick{} : milliseconds(200);
    bench.wiring.add_tap(tap, "rtc/interrupt");
    bench.put(0x0a, 0x2f);  // 2 Hz
    bench.put(0x0b, 0x42);
    bench.run_to(milliseconds(900));
    CHECK(bench.rises.size() == (drop ? 0 : 1));
    if (!drop) CHECK(bench.rises[0] == milliseconds(700));
    bench.run_to(seconds(1));
    CHECK(bench.rises.size() == 1);
  }
}

TEST_CASE("nonsense in the time registers stays harmless") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    RtcBench bench;
    for (int i = 0; i < 200; ++i) {
      bench.put(static_cast<uint8_t>(random.below(14)), static_cast<uint8_t>(random.next()));
      bench.put(0x32, static_cast<uint8_t>(random.next()));
      bench.run_for(Tick{random.below(3'000'000'000'000)});
      bench.get(0x0c);
    }
    // Programmed properly again, it goes as it should.
    bench.put(0x0a, 0x76);
    bench.put(0x0a, 0x26);
    bench.put(0x0b, 0x82);
    for (const auto& [index, value] :
         {std::pair{0, 0x58}, {2, 0x59}, {4, 0x23}, {7, 0x28}, {8, 0x02}, {9, 0x00}}) {
      bench.put(static_cast<uint8_t>(index), static_cast<uint8_t>(value));
    }
    bench.put(0x32, 0x20);
    bench.put(6, 2);
    bench.put(0x0b, 0x02);
    bench.run_for(milliseconds(2100));
    CHECK(bench.date() == "20000229 000000 3");
  }
}
