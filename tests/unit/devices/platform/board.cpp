// Proves the single ports (0x61, 0x80, 0x92, 0xe9, 0x402) and the keyboard controller without a keyboard:
// what firmware and Linux's i8042 driver do to it, and that each step ends.
#include <catch2/catch.hpp>
#include <string>

#include "devices/platform/keyboard_controller.h"
#include "devices/platform/payloads.h"
#include "devices/platform/system_ports.h"
#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

struct BoardBench : PlatformBench {
  Pit pit{site.named("pit"), ports};
  SystemPorts system{site.named("system"), ports, pit};
};

struct KeyboardBench : PlatformBench {
  KeyboardController keyboard{site.named("i8042"), ports};
  void command(uint8_t value) { out(0x64, value); }
  uint8_t answer() {
    CHECK((in(0x64) & 1) == 1);
    return in(0x60);
  }
};

struct TextTap : Tap {
  std::vector<std::string> lines;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict&) override {
    const auto fields = decode(wire.payload_type(), crossing.bytes());
    lines.push_back(to_line(fields));
  }
};

}  // namespace

TEST_CASE("port 0x61 gates counter 2 and shows its OUT") {
  BoardBench bench;
  bench.out(0x43, 0xb0);  // counter 2, mode 0, as tsc calibration does
  bench.out(0x42, 0x10);
  bench.out(0x42, 0x00);
  CHECK((bench.in(0x61) & 0x2f) == 0x00);
  bench.run_for(milliseconds(1));
  CHECK((bench.in(0x61) & 0x20) == 0x00);  // the gate is low
  bench.out(0x61, 0x01);
  bench.run_for(microseconds(20));
  CHECK((bench.in(0x61) & 0x2f) == 0x21);
}

TEST_CASE("port 0x61: only bits 0 to 3 are kept, bit 4 toggles every 18 pulses of the timer") {
  BoardBench bench;
  bench.out(0x61, 0xff);
  CHECK((bench.in(0x61) & 0xcf) == 0x0f);
  unsigned toggles = 0;
  uint8_t last = bench.in(0x61) & 0x10;
  for (int i = 0; i < 10'000; ++i) {
    bench.run_for(microseconds(1));
    const uint8_t now = bench.in(0x61) & 0x10;
    toggles += now != last;
    last = now;
  }
  CHECK(toggles == 662);  // 10 ms / 15.085 us
}

TEST_CASE("port 0x92 opens address line 20 and pulses INIT with each rise of bit 0") {
  BoardBench bench;
  unsigned inits = 0, changes = 0;
  bench.system.on_init = [&] { ++inits; };
  bench.system.on_address_line_20 = [&] { ++changes; };
  CHECK(bench.in(0x92) == 0x00);
  bench.out(0x92, 0x02);
  CHECK(bench.system.address_line_20());
  CHECK(bench.in(0x92) == 0x02);
  CHECK(changes == 1);
  CHECK(inits == 0);
  bench.out(0x92, 0x03);
  bench.out(0x92, 0x03);
  CHECK(inits == 1);
  bench.out(0x92, 0x00);
  bench.out(0x92, 0x01);
  CHECK(inits == 2);
}

TEST_CASE("progress codes and debug text are crossings") {
  BoardBench bench;
  TextTap tap;
  bench.wiring.add_tap(tap, "post");
  bench.wiring.add_tap(tap, "debugcon");
  std::vector<std::string> lines;
  bench.system.on_debug_text = [&](const std::string& text) { lines.push_back(text); };
  CHECK(bench.in(0x402) == 0xe9);
  CHECK(bench.in(0xe9) == 0xe9);
  bench.out(0x80, 0x2a);
  for (const char byte : std::string("SeaBIOS\n")) bench.out(0x402, static_cast<uint8_t>(byte));
  for (int i = 0; i < 600; ++i) bench.out(0xe9, 'x');
  REQUIRE(tap.lines.size() == 4);
  CHECK(tap.lines[0] == "code=0x2a");
  CHECK(tap.lines[1].find("SeaBIOS") != std::string::npos);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "SeaBIOS");
  CHECK(lines[1].size() == 255);
}

TEST_CASE("the self tests pass") {
  KeyboardBench bench;
  CHECK((bench.in(0x64) & 0x04) == 0);
  bench.command(0xaa);
  CHECK(bench.answer() == 0x55);
  CHECK((bench.in(0x64) & 0x05) == 0x04);
  bench.command(0xab);
  CHECK(bench.answer() == 0x00);
  bench.command(0xa9);
  CHECK(bench.answer() == 0x00);
}

TEST_CASE("the command byte and the RAM behind it keep what is written") {
  KeyboardBench bench;
  for (uint8_t at = 0; at < 32; ++at) {
    bench.command(static_cast<uint8_t>(0x60 + at));
    bench.out(0x60, static_cast<uint8_t>(0x40 + at));
  }
  for (uint8_t at = 0; at < 32; ++at) {
    bench.command(static_cast<uint8_t>(0x20 + at));
    CHECK(bench.answer() == 0x40 + at);
  }
  bench.command(0xad);
  bench.command(0xa7);
  bench.command(0x20);
  CHECK(bench.answer() == 0x70);
  bench.command(0xae);
  bench.command(0xa8);
  bench.command(0x20);
  CHECK(bench.answer() == 0x40);
}

TEST_CASE("a byte for the keyboard times out after 15 ms, with IRQ 1") {
  KeyboardBench bench;
  bench.command(0x60);
  bench.out(0x60, 0x01);
  bench.out(0x60, 0xf2);  // GETID
  CHECK((bench.in(0x64) & 0x03) == 0x02);
  bench.run_to(milliseconds(15) - picoseconds(1));
  CHECK_FALSE(bench.keyboard.keyboard_interrupt.level());
  bench.run_to(milliseconds(15));
  CHECK(bench.keyboard.keyboard_interrupt.level());
  CHECK((bench.in(0x64) & 0x63) == 0x41);
  CHECK(bench.answer() == 0xfe);
  CHECK_FALSE(bench.keyboard.keyboard_interrupt.level());
  CHECK((bench.in(0x64) & 0x63) == 0x00);
}

TEST_CASE("the auxiliary port loops back with IRQ 12, and has no mouse") {
  KeyboardBench bench;
  bench.command(0x60);
  bench.out(0x60, 0x02);
  bench.command(0xd3);
  bench.out(0x60, 0xa5);
  CHECK(bench.keyboard.auxiliary_interrupt.level());
  CHECK((bench.in(0x64) & 0x21) == 0x21);
  CHECK(bench.answer() == 0xa5);
  CHECK_FALSE(bench.keyboard.auxiliary_interrupt.level());
  bench.command(0xd4);
  bench.out(0x60, 0xf2);
  bench.run_for(milliseconds(15));
  CHECK((bench.in(0x64) & 0x61) == 0x61);
  CHECK(bench.answer() == 0xfe);
}

TEST_CASE("the output port moves address line 20, and pulses INIT") {
  KeyboardBench bench;
  unsigned inits = 0;
  bench.keyboard.on_init = [&] { ++inits; };
  CHECK(bench.keyboard.address_line_20());
  bench.command(0xd1);
  bench.out(0x60, 0xdd);
  CHECK_FALSE(bench.keyboard.address_line_20());
  bench.command(0xd0);
  CHECK((bench.answer() & 0x03) == 0x01);
  bench.command(0xd1);
  bench.out(0x60, 0xdf);
  CHECK(bench.keyboard.address_line_20());
  CHECK(inits == 0);
  bench.command(0xff);
  CHECK(inits == 0);
  bench.command(0xfe);
  CHECK(inits == 1);
  bench.command(0x55);
  CHECK(bench.notices.count(NoticeKind::unhandled) == 1);
}
