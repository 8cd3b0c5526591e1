// Proves the PIIX4's power management function (order number 290562): its configuration, the event
// registers, the timer to the picosecond, sleeping, and the APM ports.
#include "devices/pci/power_management.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/devices/pci/pci_bench.h"

using namespace ringside;

namespace {

struct Board {
  PciBench bench;
  std::vector<std::string> offs;
  PowerManagement power;
  explicit Board(PowerManagementConfig config = {.base = 0x600})
      : power(bench.site("pm"), config, bench.ports, bench.space,
              [this](const std::string& how) { offs.push_back(how); }) {}
  uint32_t in(uint64_t port, unsigned size) { return static_cast<uint32_t>(bench.ports.read(port, size)); }
  void out(uint64_t port, unsigned size, uint32_t value) { bench.ports.write(port, size, value); }
  uint32_t get(uint8_t offset, unsigned size) { return power.function().config_read(offset, size); }
  void set(uint8_t offset, unsigned size, uint32_t value) {
    power.function().config_write(offset, size, value);
  }
};

}  // namespace

TEST_CASE("the power management function's registers after reset") {
  Board board(PowerManagementConfig{});
  struct {
    uint8_t offset;
    unsigned size;
    uint32_t value;
  } const rows[] = {{0x00, 4, 0x71138086}, {0x04, 2, 0}, {0x06, 2, 0x0280}, {0x09, 1, 0},
                    {0x0a, 2, 0x0680},     {0x0e, 1, 0}, {0x3c, 2, 0x0100}, {0x40, 4, 0x00000001},
                    {0x58, 4, 0x02000000}, {0x80, 1, 0}, {0x90, 4, 1},      {0xd2, 1, 0}};
  for (const auto& row : rows) {
    INFO("offset " << std::hex << unsigned{row.offset});
    CHECK(board.get(row.offset, row.size) == row.value);
  }
  board.set(0x40, 4, 0xffffffff);
  CHECK(board.get(0x40, 4) == 0x0000ffc1);
}

TEST_CASE("PMBA and PMREGMISC say where the block answers") {
  Board board(PowerManagementConfig{});
  board.set(0x40, 4, 0xb000);
  CHECK(board.in(0xb004, 2) == 0xffff);
  board.set(0x80, 1, 1);
  CHECK(board.in(0xb004, 2) == 0);
  board.set(0x40, 4, 0x600);
  CHECK(board.in(0xb004, 2) == 0xffff);
  CHECK(board.in(0x604, 2) == 0);
  board.power.reset();
  CHECK(board.in(0x604, 2) == 0xffff);
  Board given;
  CHECK(given.get(0x40, 4) == 0x601);
  CHECK(given.get(0x80, 1) == 1);
  CHECK(given.get(0x3c, 1) == 9);
  CHECK(given.in(0x604, 2) == 0);
}

TEST_CASE("the block's registers keep the bits that they have") {
  Board board;
  board.out(0x602, 2, 0xffff);
  CHECK(board.in(0x602, 2) == 0x0521);
  board.out(0x604, 2, 0xdfff);  // all but SUS_EN
  CHECK(board.in(0x604, 2) == 0x1c03);
  board.out(0x60e, 2, 0xffff);
  CHECK(board.in(0x60e, 2) == 0xffff);
  CHECK(board.in(0xafe2, 2) == 0xffff);
  CHECK(board.in(0x634, 4) == 0x7fffbfff);
  board.out(0x618, 4, 0xffffffff);
  CHECK(board.in(0x618, 4) == 0);
  board.out(0x628, 4, 0x12345678);
  CHECK(board.in(0x628, 4) == 0x12345678);
  board.out(0x608, 4, 0);  // the timer is read-only
  CHECK(board.offs.empty());
}

TEST_CASE("SUS_EN with type 0 powers off: outw(0x604, 0x2000)") {
  Board board;
  board.out(0x604, 2, 0x2000);
  CHECK(board.offs == std::vector<std::string>{"poweroff"});
  CHECK(board.in(0x604, 2) == 0);  // SUS_EN reads 0
  board.out(0x604, 2, 0x2401);
  CHECK(board.offs.back() == "suspend");
  CHECK(board.bench.notices.count(NoticeKind::unimplemented) == 1);
  board.out(0x605, 1, 0x20);
  CHECK(board.offs == std::vector<std::string>{"poweroff", "suspend", "poweroff"});
}

TEST_CASE("port 0xb2 hands the chip to ACPI and takes it back") {
  Board board;
  board.out(0xb2, 1, 0xf1);
  CHECK(board.in(0x604, 2) == 1);
  CHECK(board.in(0xb2, 1) == 0xf1);
  board.out(0xb2, 1, 0xf0);
  CHECK(board.in(0x604, 2) == 0);
  CHECK(board.bench.notices.count(NoticeKind::unimplemented) == 0);
  board.out(0xb3, 1, 0x55);
  CHECK(board.in(0xb3, 1) == 0x55);
  board.out(0xb2, 1, 0x33);
  CHECK(board.bench.notices.count(NoticeKind::unimplemented) == 1);
}

TEST_CASE("the power button raises the SCI where it is enabled, until its status is cleared") {
  Board board;
  board.power.press_power_button();
  CHECK(board.in(0x600, 2) == 0x0100);
  CHECK_FALSE(board.power.sci.level());
  board.out(0x602, 2, 0x0100);
  CHECK_FALSE(board.power.sci.level());
  board.out(0x604, 2, 0x0001);
  CHECK(board.power.sci.level());
  board.out(0x600, 2, 0x0001);
  CHECK(board.power.sci.level());
  board.out(0x600, 2, 0x0100);
  CHECK_FALSE(board.power.sci.level());
  CHECK(board.in(0x600, 2) == 0);
  board.power.signal_clock_alarm();
  CHECK(board.in(0x600, 2) == 0x0400);
}

TEST_CASE("general-purpose events, at both their places") {
  Board board;
  board.out(0x604, 2, 1);
  board.power.raise_general_purpose(1);
  board.power.raise_general_purpose(77);
  CHECK(board.in(0xafe0, 2) == 0x0002);
  CHECK(board.in(0x60c, 2) == 0x0002);
  CHECK_FALSE(board.power.sci.level());
  board.out(0xafe2, 2, 0x0002);
  CHECK(board.power.sci.level());
  board.out(0xafe0, 1, 0x02);
  CHECK_FALSE(board.power.sci.level());
}

TEST_CASE("the timer counts 3.579545 MHz in 24 bits") {
  Board board;
  CHECK(board.in(0x608, 4) == 0);
  board.bench.clock.now = Tick{279'364};  // 1e12 / 3579545 = 279365.1...
  CHECK(board.in(0x608, 4) == 0);
  board.bench.clock.now = Tick{279'366};
  CHECK(board.in(0x608, 4) == 1);
  board.bench.clock.now = seconds(1);
  CHECK(board.in(0x608, 4) == 3'579'545);
  board.bench.clock.now = seconds(10);
  CHECK(board.in(0x608, 4) == 35'795'450 % (1 << 24));
  CHECK(board.in(0x60b, 1) == 0);
  board.bench.clock.now = seconds(10'000'000);
  CHECK(board.in(0x608, 4) == 35'795'450'000'000 % (1 << 24));
}

TEST_CASE("TMROF_STS is set whenever bit 23 changes, and raises the SCI on time") {
  Board board;
  // 2^23 ticks: ceil(8388608e12 / 3579545) ps.
  constexpr uint64_t kCarry = 2'343'484'437'268;
  board.bench.run_until(Tick{kCarry - 1});
  CHECK(board.in(0x600, 2) == 0);
  board.bench.run_until(Tick{kCarry});
  CHECK(board.in(0x600, 2) == 1);
  board.out(0x600, 2, 1);
  CHECK(board.in(0x600, 2) == 0);
  CHECK(board.bench.events.empty());
  board.out(0x602, 2, 1);
  board.out(0x604, 2, 1);
  board.bench.run_until(Tick{2 * kCarry - 1});
  CHECK_FALSE(board.power.sci.level());
  board.bench.run_until(Tick{2 * kCarry});
  CHECK(board.power.sci.level());
  CHECK(board.bench.events.empty());  // nothing more until it is cleared
  board.out(0x600, 2, 1);
  CHECK_FALSE(board.power.sci.level());
  board.bench.run_until(seconds(8));
  CHECK(board.power.sci.level());
}

TEST_CASE("the SMBus answers where it is enabled, and finds nobody") {
  Board board;
  board.set(0x90, 4, 0x700);
  board.set(0xd2, 1, 0x09);
  CHECK(board.in(0x700, 1) == 0xff);
  board.set(0x04, 2, 1);
  CHECK(board.in(0x700, 1) == 0);
  board.out(0x704, 1, 0xa1);
  CHECK(board.in(0x704, 1) == 0xa1);
  board.out(0x702, 1, 0x48);  // start
  CHECK(board.in(0x702, 1) == 0x08);
  CHECK(board.in(0x700, 1) == 0x04);  // DEV_ERR
  board.out(0x700, 1, 0xff);
  CHECK(board.in(0x700, 1) == 0);
  board.set(0xd2, 1, 0);
  CHECK(board.in(0x700, 1) == 0xff);
}

TEST_CASE("a storm of random writes does no harm, and a reset takes all of it back") {
  Board board;
  const uint64_t fresh = state_digest(board.power);
  std::mt19937 random(5);
  for (int i = 0; i < 40000; ++i) {
    const unsigned size = 1u << (random() % 3);
    const auto value = static_cast<uint32_t>(random());
    switch (random() % 5) {
      case 0: board.out(0x600 + random() % 0x44, size, value); break;
      case 1: board.in(0x600 + random() % 0x44, size); break;
      case 2: board.set(static_cast<uint8_t>(random() & 0xff & ~(size - 1)), size, value); break;
      case 3: board.out(random() % 2 != 0 ? 0xb2 : 0xafe0 + random() % 4, 1, value); break;
      case 4: board.bench.run_until(board.bench.clock.now + microseconds(random() % 200)); break;
    }
    if (random() % 64 == 0) {
      board.set(0x40, 4, 0x600);
      board.set(0x80, 1, 1);
    }
    REQUIRE(board.bench.ports.describe().size() <= 12);
  }
  board.bench.clock.now = Tick{};
  board.power.reset();
  CHECK(state_digest(board.power) == fresh);
}
