// Proves for every register of the platform's tables what tests/support/register_checks.h proves: value after
// reset, what writes change, what reads give. The parts' own tests say what their handlers do.
#include <catch2/catch.hpp>
#include <memory>

#include "devices/platform/hpet_registers.h"
#include "devices/platform/rtc_registers.h"
#include "devices/platform/system_port_registers.h"
#include "tests/support/register_checks.h"
#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

struct HpetRegisterBench : RegisterBench, PlatformBench {
  Hpet hpet{site.named("hpet"), memory};
  BusTarget& registers() override { return hpet; }
  const Stateful& state() override { return hpet; }
  bool reset() override { return hpet.reset(), true; }
};

// The clock's registers by their index: port 0x70, then 0x71.
struct RtcRegisterBench : RegisterBench, PlatformBench, BusTarget {
  Rtc rtc{site.named("rtc"), {}, ports};
  BusTarget& registers() override { return *this; }
  const Stateful& state() override { return rtc; }
  uint64_t read(uint64_t offset, unsigned) override {
    out(0x70, static_cast<uint8_t>(offset));
    return in(0x71);
  }
  void write(uint64_t offset, unsigned, uint64_t value) override {
    out(0x70, static_cast<uint8_t>(offset));
    out(0x71, static_cast<uint8_t>(value));
  }
};

struct SystemPortBench : RegisterBench, PlatformBench, BusTarget {
  Pit pit{site.named("pit"), ports};
  SystemPorts system{site.named("system"), ports, pit};
  BusTarget& registers() override { return *this; }
  const Stateful& state() override { return system; }
  bool reset() override { return system.reset(), true; }
  uint64_t read(uint64_t offset, unsigned) override { return in(offset); }
  void write(uint64_t offset, unsigned, uint64_t value) override { out(offset, static_cast<uint8_t>(value)); }
};

}  // namespace

TEST_CASE("the HPET's registers") {
  RegisterChecks<Hpet> checks{.rows = HpetRegisters::kRegisters,
                              .make = [] { return std::make_unique<HpetRegisterBench>(); }};
  check_registers(checks);
}

TEST_CASE("the clock's registers") {
  RegisterChecks<Rtc> checks{.rows = RtcRegisters::kRegisters,
                             .make = [] { return std::make_unique<RtcRegisterBench>(); }};
  checks.width_max = 1;
  checks.exceptions = {
      {"Day of Week", RegisterRule::reset, "the date: a Thursday"},
      {"Date of Month", RegisterRule::reset, "the date: 1"},
      {"Month", RegisterRule::reset, "the date: January"},
      {"Year", RegisterRule::reset, "the date: 1970"},
      {"Register B", RegisterRule::writes, "SET clears UIE"},
  };
  check_registers(checks);
}

TEST_CASE("the system board's ports") {
  RegisterChecks<SystemPorts> checks{.rows = SystemPortRegisters::kRegisters,
                                     .make = [] { return std::make_unique<SystemPortBench>(); }};
  checks.width_max = 1;
  check_registers(checks);
}
