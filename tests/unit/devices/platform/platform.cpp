// Proves the composition: how lines reach the 8259As, the I/O APIC and the core, the PCI routing, the ways to
// INIT and reset, and that a guest which writes every port and register at random harms nobody. The parts'
// own behaviour is proved beside this file and in ../apic and ../pci.
#include "devices/platform/platform.h"

#include <catch2/catch.hpp>
#include <string>

#include "devices/pci/pci_function.h"
#include "sim/random.h"
#include "tests/unit/devices/platform/platform_bench.h"

using namespace ringside;

namespace {

struct BoardBench : PlatformBench {
  bool request = false;
  unsigned nmis = 0, inits = 0, resets = 0;
  std::vector<bool> address_line_20;
  std::string ended;
  Platform platform;

  BoardBench()
      : platform(site, {.memory_bytes = 128ull << 20, .wall_clock_seconds = 1'700'000'000}, ports, memory,
                 {.interrupt = [this](bool level) { request = level; },
                  .nmi = [this] { ++nmis; },
                  .init = [this] { ++inits; },
                  .reset = [this] { ++resets; },
                  .power_off = [this](const std::string& how) { ended = how; },
                  .address_line_20 = [this](bool open) { address_line_20.push_back(open); }}) {}

  void start_pics() {
    for (const auto& [port, value] : {std::pair{0x20, 0x11},
                                      {0x21, 0x20},
                                      {0x21, 0x04},
                                      {0x21, 0x01},
                                      {0xa0, 0x11},
                                      {0xa1, 0x28},
                                      {0xa1, 0x02},
                                      {0xa1, 0x01},
                                      {0x21, 0x00},
                                      {0xa1, 0x00}}) {
      out(static_cast<uint64_t>(port), static_cast<uint8_t>(value));
    }
  }
  void redirect(unsigned input, uint32_t low) {
    memory.write(0xfec00000, 4, 0x10 + 2 * input);
    memory.write(0xfec00010, 4, low);
  }
  void config_write(unsigned device, unsigned function, unsigned offset, uint8_t value) {
    ports.write(0xcf8, 4, 0x80000000u | device << 11 | function << 8 | (offset & 0xfc));
    ports.write(0xcfc + (offset & 3), 1, value);
  }
  uint64_t digest() const {
    uint64_t running = events.digest();
    for (const auto& [name, part] : platform.parts()) running = running * 31 + state_digest(*part);
    return running;
  }
};

}  // namespace

TEST_CASE("at power on the 8259As reach the core by the local APIC's LINT0") {
  BoardBench bench;
  bench.start_pics();
  InterruptPin pin;
  bench.platform.connect(pin, 4);
  pin.set(true);
  CHECK(bench.request);
  CHECK(bench.platform.acknowledge_interrupt() == uint8_t{0x24});
  CHECK_FALSE(bench.request);
  CHECK_FALSE(bench.platform.acknowledge_interrupt().has_value());
}

TEST_CASE("the timer's interrupt is line 0 at the 8259A and input 2 at the I/O APIC") {
  BoardBench bench;
  std::vector<std::pair<unsigned, bool>> changes;
  bench.platform.on_line_change([&](unsigned line, bool level) { changes.emplace_back(line, level); });
  bench.redirect(2, 0x41);
  bench.out(0x43, 0x30);
  bench.out(0x40, 0x10);
  bench.out(0x40, 0x00);
  bench.run_for(milliseconds(1));
  CHECK(changes == std::vector<std::pair<unsigned, bool>>{{0, true}});
  CHECK(bench.platform.line_level(0));
  CHECK(bench.platform.acknowledge_interrupt() == uint8_t{0x41});
}

TEST_CASE("legacy replacement of the HPET cuts the PIT and the clock off their lines") {
  BoardBench bench;
  bench.out(0x43, 0x30);
  bench.out(0x40, 0x10);
  bench.out(0x40, 0x00);
  bench.run_for(milliseconds(1));
  CHECK(bench.platform.line_level(0));
  bench.memory.write(0xfed00010, 4, 2);
  CHECK_FALSE(bench.platform.line_level(0));
  bench.memory.write(0xfed00100, 4, 4);
  bench.memory.write(0xfed00108, 8, 100);
  bench.memory.write(0xfed00010, 4, 3);
  bench.run_for(milliseconds(1));
  CHECK(bench.platform.line_level(0));
  bench.memory.write(0xfed00010, 4, 0);
  CHECK(bench.platform.line_level(0));  // the PIT's, again
}

TEST_CASE("lines 16 to 23 reach the I/O APIC alone") {
  BoardBench bench;
  bench.start_pics();
  InterruptPin pin;
  bench.platform.connect(pin, 20);
  bench.redirect(20, 0x55);
  pin.set(true);
  CHECK(bench.platform.acknowledge_interrupt() == uint8_t{0x55});
}

TEST_CASE("a PCI interrupt comes on the line that the PIIX3 routes it to, at both controllers") {
  BoardBench bench;
  bench.start_pics();
  PciFunction nic(bench.site.named("nic0"), {.vendor = 0x8086, .device = 0x100e, .interrupt_pin = 1},
                  bench.ports, bench.memory);
  bench.platform.add_pci(3, 0, nic);  // INTA# of slot 3 is PIRQC#
  nic.set_interrupt(true);
  for (unsigned line = 0; line < 24; ++line) CHECK_FALSE(bench.platform.line_level(line));
  bench.config_write(1, 0, 0x62, 11);
  CHECK(bench.platform.line_level(11));
  CHECK(bench.platform.acknowledge_interrupt() == uint8_t{0x2b});
  bench.config_write(1, 0, 0x62, 5);
  CHECK_FALSE(bench.platform.line_level(11));
  CHECK(bench.platform.line_level(5));
  bench.config_write(1, 0, 0x62, 0x80);
  CHECK_FALSE(bench.platform.line_level(5));
}

TEST_CASE("reset control, port 0x92 and the keyboard controller") {
  BoardBench bench;
  bench.out(0xcf9, 0x02);
  CHECK(bench.resets == 0);
  bench.out(0xcf9, 0x06);
  CHECK(bench.resets == 1);
  CHECK(bench.inits == 0);
  bench.out(0xcf9, 0x00);
  bench.out(0xcf9, 0x04);
  CHECK(bench.inits == 1);
  bench.out(0x92, 0x01);
  CHECK(bench.inits == 2);
  bench.out(0x64, 0xfe);
  CHECK(bench.inits == 3);
}

TEST_CASE("address line 20 is open while one of its two gates is") {
  BoardBench bench;
  bench.out(0x64, 0xd1);
  bench.out(0x60, 0xdd);
  CHECK(bench.address_line_20 == std::vector<bool>{false});
  bench.out(0x92, 0x02);
  CHECK(bench.address_line_20 == std::vector<bool>{false, true});
  bench.out(0x64, 0xd1);
  bench.out(0x60, 0xdf);
  bench.out(0x92, 0x00);
  CHECK(bench.address_line_20.size() == 2);
}

TEST_CASE("IA32_APIC_BASE belongs here, and other MSRs do not") {
  BoardBench bench;
  CHECK(bench.platform.read_msr(0x1b) == 0xfee00900u);
  CHECK_FALSE(bench.platform.read_msr(0x10).has_value());
  CHECK_FALSE(bench.platform.write_msr(0x10, 0));
  CHECK(bench.platform.write_msr(0x1b, 0xfee00100));
  // Disabled: INTR of the 8259A goes to the core directly.
  bench.start_pics();
  InterruptPin pin;
  bench.platform.connect(pin, 3);
  pin.set(true);
  CHECK(bench.request);
  CHECK(bench.platform.acknowledge_interrupt() == uint8_t{0x23});
}

TEST_CASE("a reset gives the state of power on, but for the clock") {
  BoardBench bench;
  std::vector<uint64_t> fresh;
  for (const auto& [name, part] : bench.platform.parts()) fresh.push_back(state_digest(*part));
  bench.start_pics();
  bench.out(0x4d1, 0x0c);
  bench.redirect(4, 0x33);
  bench.out(0x64, 0xd1);
  bench.out(0x60, 0xdd);
  bench.out(0x92, 0x02);
  bench.out(0x61, 0x03);
  bench.memory.write(0xfee00080, 4, 0x30);
  bench.platform.reset();
  size_t i = 0;
  for (const auto& [name, part] : bench.platform.parts()) {
    INFO(name);
    CHECK(state_digest(*part) == fresh[i++]);
  }
}

// The storm: what a guest could do that writes all ports and registers at random. Run twice, it must end in
// the same state, with bounded work.
TEST_CASE("a seeded storm on all ports and registers") {
  const auto storm = [](uint64_t seed) {
    BoardBench bench;
    Random random(seed);
    InterruptPin pins[24];
    for (unsigned line = 0; line < 24; ++line) bench.platform.connect(pins[line], line);
    const uint64_t favourites[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x40,  0x41,  0x42,  0x43,  0x61, 0x60,
                                   0x64, 0x70, 0x71, 0x80, 0x92,  0x402, 0xcf8, 0xcfc, 0xcf9, 0xb2, 0xafe0};
    for (int i = 0; i < 4000; ++i) {
      const unsigned size = 1u << random.below(3);
      const uint64_t port =
          random.one_in(20) ? random.below(0x10000) : favourites[random.below(std::size(favourites))];
      const uint64_t register_at = (random.one_in(2)   ? 0xfee00000
                                    : random.one_in(2) ? 0xfec00000
                                                       : 0xfed00000) +
                                   (random.below(0x400) & ~uint64_t{size - 1});
      switch (random.below(6)) {
        case 0: bench.ports.read(port, size); break;
        case 1:
        case 2: bench.ports.write(port, size, random.next()); break;
        case 3: bench.memory.write(register_at, size, random.next() >> random.below(64)); break;
        case 4: bench.memory.read(register_at, size); break;
        default: {
          InterruptPin& pin = pins[random.below(24)];
          pin.set(!pin.level());
          if (bench.request) bench.platform.acknowledge_interrupt();
        }
      }
      // Short steps: a guest may program a timer to an event each microsecond.
      bench.run_for(Tick{random.below(20'000'000)});
    }
    return bench.digest();
  };
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    CHECK(storm(seed) == storm(seed));
  }
}
