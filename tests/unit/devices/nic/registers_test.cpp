// Every register of the table: reset value, access and width, by the generic checks; and the arrays beside
// it. The generic checks cannot see side effects: the other files of this folder test those.
#include <map>

#include "devices/nic/e1000_registers.h"
#include "tests/support/register_checks.h"
#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

namespace {

class Bench final : public RegisterBench {
 public:
  BusTarget& registers() override { return *bench_.nic; }
  const Stateful& state() override { return *bench_.nic; }
  bool reset() override {
    bench_.nic->reset();
    return true;
  }

 private:
  NicBench bench_;
};

}  // namespace

TEST_CASE("every register keeps to its row") {
  RegisterChecks<E1000> checks{.rows = E1000RegisterTable::rows(),
                               .make = [] { return std::make_unique<Bench>(); }};
  checks.exceptions = {
      {"CTRL", RegisterRule::writes, "RST resets, and clears itself"},
      {"EECD", RegisterRule::writes, "EE_GNT follows EE_REQ, and EE_DO is the EEPROM's pin"},
      {"PBA", RegisterRule::writes, "TXA is what RXA leaves of 64 KB"},
      {"IMS", RegisterRule::writes, "a written one sets the mask's bit, a zero does nothing"},
  };
  checks.too_wide = WidthRule::unchecked;
  checks.too_narrow = WidthRule::unchecked;
  checks.width_max = 4;
  check_registers(checks);
}

TEST_CASE("reset values that the manual prints") {
  const std::map<uint32_t, uint32_t> expected = {
      {0x00010, 0x00000110},  // EECD: EE_PRES, FWE = 01b (table 13-6)
      {0x00038, 0x8100},      // VET (table 13-16)
      {0x00e00, 0x07068302},  // LEDCTL (table 13-59)
      {0x01000, 0x00100030},  // PBA: 48 KB to receive, 16 KB to transmit (table 13-62)
      {0x02828, 0x00010000},  // RXDCTL: WTHRESH = 1 (table 13-87)
      {0x00100, 0},          {0x00400, 0}, {0x000c0, 0}, {0x000d0, 0}, {0x05000, 0},
  };
  NicBench bench;
  for (const auto& [offset, value] : expected) {
    INFO("offset " << offset);
    CHECK(bench.r(offset) == value);
  }
}

TEST_CASE("the arrays hold what is written to their words, and no more") {
  NicBench bench;
  const auto check = [&](uint32_t first, uint32_t words, uint32_t stride, uint32_t even, uint32_t odd) {
    for (uint32_t i = 0; i < words; ++i) {
      INFO("offset " << first + i * stride);
      bench.w(first + i * stride, 0xffffffff);
      CHECK(bench.r(first + i * stride) == (i % 2 != 0 ? odd : even));
      bench.w(first + i * stride, i);
      CHECK(bench.r(first + i * stride) == (i & (i % 2 != 0 ? odd : even)));
    }
  };
  check(0x05200, 128, 4, ~0u, ~0u);        // MTA
  check(0x05400, 32, 4, ~0u, 0x8003ffff);  // RAL, RAH
  check(0x05600, 128, 4, ~0u, ~0u);        // VFTA
  check(0x05840, 8, 4, ~0u, ~0u);          // IP4AT
  check(0x05880, 4, 4, ~0u, ~0u);          // IP6AT
  check(0x05f00, 4, 8, 0x7ff, 0x7ff);      // FFLT
  check(0x09000, 128, 8, 0xf, 0xf);        // FFMT
  check(0x09800, 128, 8, ~0u, ~0u);        // FFVT
  check(0x10000, 64, 4, ~0u, ~0u);         // the packet buffer
  check(0x1fff0, 4, 4, ~0u, ~0u);
  bench.w(0x05a00, 1);  // WUPM is read-only
  CHECK(bench.r(0x05a00) == 0);
}

TEST_CASE("IMS sets, IMC clears, ICS raises, ICR shows masked causes too and clears by a read or a one") {
  NicBench bench;
  bench.w(reg::IMS, 0x84);
  bench.w(reg::IMS, 0x01);
  CHECK(bench.r(reg::IMS) == 0x85);
  bench.w(reg::IMC, 0x80);
  CHECK(bench.r(reg::IMS) == 0x05);
  bench.w(reg::ICS, 0x80);
  CHECK_FALSE(bench.interrupt());
  bench.w(reg::ICS, 0x04);
  CHECK(bench.interrupt());
  bench.w(reg::ICR, 0x04);
  CHECK_FALSE(bench.interrupt());
  CHECK(bench.r(reg::ICR) == 0x80);
  CHECK(bench.r(reg::ICR) == 0);
}
