// Proves the 8259A pair against the datasheet (Intel 231468): initialization, priorities, every EOI and
// rotation command, special masks, poll, cascade, edges and levels, spurious requests. It cannot say how a
// real chip behaves where the datasheet is silent.
#include "devices/platform/pic.h"

#include <catch2/catch.hpp>

#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

struct PicBench : PlatformBench {
  Pic pic{site.named("pic"), ports};

  // As a PC does: vectors 0x20 and 0x28, slave at IR2, nothing masked.
  explicit PicBench(uint8_t icw4_master = 0x01, uint8_t icw4_slave = 0x01) {
    out(0x20, 0x11);
    out(0x21, 0x20);
    out(0x21, 0x04);
    out(0x21, icw4_master);
    out(0xa0, 0x11);
    out(0xa1, 0x28);
    out(0xa1, 0x02);
    out(0xa1, icw4_slave);
    out(0x21, 0x00);
    out(0xa1, 0x00);
  }
  void pulse(unsigned line) {
    pic.set_line(line, false);
    pic.set_line(line, true);
  }
  uint8_t irr(uint64_t base = 0x20) { return out(base, 0x0a), in(base); }
  uint8_t isr(uint64_t base = 0x20) { return out(base, 0x0b), in(base); }
  bool request() const { return pic.output.level(); }
};

}  // namespace

TEST_CASE("a request passes to its vector, through ISR, and ends with the EOI") {
  PicBench bench;
  CHECK_FALSE(bench.request());
  bench.pulse(4);
  CHECK(bench.request());
  CHECK(bench.irr() == 0x10);
  CHECK(bench.isr() == 0x00);
  CHECK(bench.pic.acknowledge() == 0x24);
  CHECK_FALSE(bench.request());
  CHECK(bench.irr() == 0x00);
  CHECK(bench.isr() == 0x10);
  bench.out(0x20, 0x20);
  CHECK(bench.isr() == 0x00);
  CHECK_FALSE(bench.request());  // the line is still high, but that edge is spent
}

TEST_CASE("IR0 has the highest priority and IR7 the lowest") {
  PicBench bench;
  for (const unsigned line : {7u, 3u, 5u, 0u}) bench.pulse(line);
  for (const uint8_t vector : {0x20, 0x23, 0x25, 0x27}) {
    REQUIRE(bench.request());
    CHECK(bench.pic.acknowledge() == vector);
    CHECK_FALSE(bench.request());  // what is in service holds the lower ones back
    bench.out(0x20, 0x20);
  }
  CHECK_FALSE(bench.request());
}

TEST_CASE("only a higher priority interrupts what is in service") {
  PicBench bench;
  bench.pulse(4);
  bench.pic.acknowledge();
  bench.pulse(5);
  CHECK_FALSE(bench.request());
  bench.pulse(3);
  REQUIRE(bench.request());
  CHECK(bench.pic.acknowledge() == 0x23);
  CHECK(bench.isr() == 0x18);
  bench.out(0x20, 0x20);  // ends 3, the highest
  CHECK(bench.isr() == 0x10);
  CHECK_FALSE(bench.request());
  bench.out(0x20, 0x64);  // specific EOI for 4
  CHECK(bench.isr() == 0x00);
  CHECK(bench.request());
}

TEST_CASE("the slave's requests come by the master's IR2") {
  PicBench bench;
  bench.pulse(14);
  CHECK(bench.request());
  CHECK(bench.irr() == 0x04);
  CHECK(bench.irr(0xa0) == 0x40);
  CHECK(bench.pic.acknowledge() == 0x2e);
  CHECK(bench.isr() == 0x04);
  CHECK(bench.isr(0xa0) == 0x40);
  bench.pulse(3);  // below the cascade
  CHECK_FALSE(bench.request());
  bench.pulse(1);  // above it
  CHECK(bench.request());
  CHECK(bench.pic.acknowledge() == 0x21);
  bench.out(0x20, 0x61);
  bench.out(0xa0, 0x20);
  bench.out(0x20, 0x62);
  CHECK(bench.isr() == 0x00);
  CHECK(bench.request());
  CHECK(bench.pic.acknowledge() == 0x23);
}

TEST_CASE("two requests of the slave are two edges at the master") {
  PicBench bench;
  bench.pulse(12);
  bench.pulse(9);
  CHECK(bench.pic.acknowledge() == 0x29);
  bench.out(0xa0, 0x20);
  bench.out(0x20, 0x20);
  REQUIRE(bench.request());
  CHECK(bench.pic.acknowledge() == 0x2c);
}

TEST_CASE("special fully nested mode lets a higher request of the same slave in") {
  for (const bool nested : {false, true}) {
    PicBench bench(nested ? 0x11 : 0x01);
    bench.pulse(12);
    CHECK(bench.pic.acknowledge() == 0x2c);
    bench.pulse(9);
    CHECK(bench.request() == nested);
    if (nested) CHECK(bench.pic.acknowledge() == 0x29);
  }
}

TEST_CASE("a request that goes away before INTA gives level 7, which is not in service") {
  PicBench bench;
  bench.pulse(4);
  bench.pic.set_line(4, false);
  CHECK_FALSE(bench.request());
  CHECK(bench.pic.acknowledge() == 0x27);
  CHECK(bench.isr() == 0x00);
}

TEST_CASE("a slave's request that its mask takes away is gone at the master too") {
  PicBench bench;
  bench.pulse(11);
  REQUIRE(bench.request());
  bench.out(0xa1, 0xff);
  CHECK_FALSE(bench.request());
  CHECK(bench.pic.acknowledge() == 0x27);
  CHECK(bench.isr() == 0x00);
}

TEST_CASE("a slave that is asked without a request gives its own level 7, IRQ 15") {
  PicBench bench;
  // The pair is told that the slave is at IR5, where a device asks instead.
  bench.out(0x20, 0x11);
  bench.out(0x21, 0x20);
  bench.out(0x21, 0x20);
  bench.out(0x21, 0x01);
  bench.out(0xa0, 0x11);
  bench.out(0xa1, 0x28);
  bench.out(0xa1, 0x05);
  bench.out(0xa1, 0x01);
  bench.pulse(5);
  CHECK(bench.pic.acknowledge() == 0x2f);
  CHECK(bench.isr() == 0x20);
  CHECK(bench.isr(0xa0) == 0x00);
}

TEST_CASE("masks hold back and let go again") {
  PicBench bench;
  bench.out(0x21, 0x10);
  CHECK(bench.in(0x21) == 0x10);
  bench.pulse(4);
  CHECK_FALSE(bench.request());
  CHECK(bench.irr() == 0x10);  // IRR shows it nevertheless
  bench.out(0x21, 0x00);
  CHECK(bench.request());
}

TEST_CASE("automatic EOI leaves nothing in service") {
  PicBench bench(0x03);
  bench.pulse(4);
  bench.pulse(6);
  CHECK(bench.pic.acknowledge() == 0x24);
  CHECK(bench.isr() == 0x00);
  CHECK(bench.pic.acknowledge() == 0x26);
}

TEST_CASE("rotation in automatic EOI mode makes the served level the lowest") {
  PicBench bench(0x03);
  bench.out(0x20, 0x80);  // R=1, SL=0, EOI=0: set
  bench.pulse(0);
  CHECK(bench.pic.acknowledge() == 0x20);
  bench.pulse(0);
  bench.pulse(1);
  CHECK(bench.pic.acknowledge() == 0x21);
  CHECK(bench.pic.acknowledge() == 0x20);
  bench.out(0x20, 0x00);  // clear: the order stays as it is now
  bench.pulse(0);
  bench.pulse(1);
  CHECK(bench.pic.acknowledge() == 0x21);
  bench.pulse(1);
  CHECK(bench.pic.acknowledge() == 0x21);
}

TEST_CASE("rotate on non-specific EOI: the datasheet's example with IR4 and IR6") {
  // "Before rotate (IR4 the highest priority requiring service)": IS4 and IS6. After: IR4 is the lowest.
  PicBench bench;
  bench.pulse(6);
  CHECK(bench.pic.acknowledge() == 0x26);
  bench.pulse(4);
  CHECK(bench.pic.acknowledge() == 0x24);
  CHECK(bench.isr() == 0x50);
  bench.out(0x20, 0xa0);
  CHECK(bench.isr() == 0x40);
  bench.pulse(5);  // IR5 is the highest now: it interrupts IR6
  REQUIRE(bench.request());
  CHECK(bench.pic.acknowledge() == 0x25);
  bench.pulse(4);  // the lowest
  CHECK_FALSE(bench.request());
}

TEST_CASE("set priority and rotate on specific EOI name the lowest level") {
  for (unsigned lowest = 0; lowest < 8; ++lowest) {
    PicBench bench;
    bench.out(0x20, static_cast<uint8_t>(0xc0 | lowest));
    for (const unsigned line : {0u, 1u, 3u, 4u, 5u, 6u, 7u}) bench.pulse(line);
    unsigned expected = (lowest + 1) & 7;
    if (expected == 2) expected = 3;  // the cascade is quiet
    CHECK(bench.pic.acknowledge() == 0x20 + expected);
    bench.out(0x20, static_cast<uint8_t>(0xe0 | expected));
    CHECK(bench.isr() == 0x00);
    unsigned next = (expected + 1) & 7;
    if (next == 2) next = 3;
    CHECK(bench.pic.acknowledge() == 0x20 + next);
  }
}

TEST_CASE("special mask mode: a masked level in service holds nobody back") {
  PicBench bench;
  bench.pulse(3);
  bench.pic.acknowledge();
  bench.pulse(6);
  CHECK_FALSE(bench.request());
  bench.out(0x21, 0x08);
  CHECK_FALSE(bench.request());
  bench.out(0x20, 0x68);
  REQUIRE(bench.request());
  CHECK(bench.pic.acknowledge() == 0x26);
  // A non-specific EOI does not reach the masked one.
  bench.out(0x20, 0x20);
  CHECK(bench.isr() == 0x08);
  bench.out(0x20, 0x20);
  CHECK(bench.isr() == 0x08);
  bench.out(0x20, 0x63);
  CHECK(bench.isr() == 0x00);
  bench.out(0x20, 0x48);  // off
}

TEST_CASE("poll: one read acknowledges, with bit 7 and the level") {
  PicBench bench;
  bench.out(0x20, 0x0c);
  CHECK((bench.in(0x20) & 0x80) == 0);
  bench.pulse(5);
  bench.out(0x20, 0x0c);
  CHECK(bench.in(0x20) == 0x85);
  CHECK(bench.isr() == 0x20);
  CHECK_FALSE(bench.request());
}

TEST_CASE("level-sensitive lines ask as long as they are high") {
  PicBench bench;
  bench.out(0x4d1, 0x08);  // line 11
  bench.pic.set_line(11, true);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(bench.request());
    CHECK(bench.pic.acknowledge() == 0x2b);
    CHECK_FALSE(bench.request());
    bench.out(0xa0, 0x20);
    bench.out(0x20, 0x20);
  }
  bench.pic.set_line(11, false);
  CHECK_FALSE(bench.request());
}

TEST_CASE("ELCR: lines 0, 1, 2, 8 and 13 are edges for ever") {
  PicBench bench;
  bench.out(0x4d0, 0xff);
  bench.out(0x4d1, 0xff);
  CHECK(bench.in(0x4d0) == 0xf8);
  CHECK(bench.in(0x4d1) == 0xde);
}

TEST_CASE("ICW1 clears mask and edges, and nothing passes before the last ICW") {
  PicBench bench;
  bench.out(0x21, 0xff);
  bench.pulse(4);
  bench.out(0x20, 0x11);
  CHECK(bench.in(0x21) == 0x00);
  CHECK(bench.irr() == 0x00);  // the input must rise again
  bench.out(0x21, 0x60);
  bench.pulse(4);
  CHECK_FALSE(bench.request());
  bench.out(0x21, 0x04);
  bench.out(0x21, 0x01);
  REQUIRE(bench.request());
  CHECK(bench.pic.acknowledge() == 0x64);
}

TEST_CASE("without ICW4 the chip is in MCS-80/85 mode and says so") {
  PicBench bench;
  bench.out(0x20, 0xb6);  // A7-A5 = 101, interval 4, single, no ICW4
  bench.out(0x21, 0x00);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
  bench.pulse(3);
  CHECK(bench.pic.acknowledge() == (0xa0 | 3 << 2));
}

TEST_CASE("a cascade with the wrong identification gives a floating bus and a notice") {
  PicBench bench;
  bench.out(0xa0, 0x11);
  bench.out(0xa1, 0x28);
  bench.out(0xa1, 0x03);
  bench.out(0xa1, 0x01);
  bench.pulse(8);
  CHECK(bench.pic.acknowledge() == 0xff);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
}
