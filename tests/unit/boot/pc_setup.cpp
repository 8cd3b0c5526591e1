// What the setup writes into the chips, seen by a PCI bus of a few bytes; and the MP table made of it.
// Numbers are those of the PCI specification and of Intel's datasheets, restated.
#include "boot/pc_setup.h"

#include <array>
#include <catch2/catch.hpp>
#include <map>

#include "tests/support/boot_file.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

// A function's configuration space with BARs that behave.
struct FakeFunction {
  std::array<uint8_t, 256> space{};
  std::map<unsigned, uint32_t> bar_masks;  // by index: the bits that can be set; low bits are the type
  std::map<unsigned, uint32_t> bar_types;

  uint32_t read(unsigned offset, unsigned size) const {
    uint32_t value = 0;
    std::memcpy(&value, space.data() + offset, size);
    return value;
  }
  void write(unsigned offset, unsigned size, uint32_t value) {
    if (offset >= 0x10 && offset < 0x28 && size == 4) {
      const unsigned bar = (offset - 0x10) / 4;
      value = (value & bar_masks[bar]) | bar_types[bar];
      if ((space[4] & 3) != 0) sized_while_decoding = true;
    }
    std::memcpy(space.data() + offset, &value, size);
  }
  void add_bar(unsigned index, uint32_t length, uint32_t type) {
    bar_masks[index] = ~(length - 1);
    bar_types[index] = type;
    write(0x10 + 4 * index, 4, 0);
  }
  bool sized_while_decoding = false;
};

struct FakePc {
  std::map<std::pair<unsigned, unsigned>, FakeFunction> functions;
  std::vector<std::pair<uint16_t, uint8_t>> ports;
  std::map<uint64_t, uint32_t> local_apic;

  FakeFunction& add(unsigned device, unsigned function, uint32_t identity, uint32_t class_code,
                    uint8_t pin = 0) {
    FakeFunction& added = functions[{device, function}];
    added.write(0, 4, identity);
    added.write(8, 4, class_code << 8);
    added.write(0x3d, 1, pin);
    return added;
  }
  PcHardware hardware() {
    return {[this](unsigned device, unsigned function, uint8_t offset, unsigned size) {
              const auto found = functions.find({device, function});
              return found == functions.end() ? ~uint32_t{0} : found->second.read(offset, size);
            },
            [this](unsigned device, unsigned function, uint8_t offset, unsigned size, uint32_t value) {
              functions.at({device, function}).write(offset, size, value);
            },
            [this](uint16_t port, uint8_t value) { ports.emplace_back(port, value); },
            [this](GuestPhys address, uint32_t value) { local_apic[address.value] = value; }};
  }
  std::vector<uint8_t> written(uint16_t port) const {
    std::vector<uint8_t> values;
    for (const auto& [at, value] : ports) {
      if (at == port) values.push_back(value);
    }
    return values;
  }
};

// 440FX, PIIX3 with IDE, PIIX4 power management, an 82540EM in slot 3.
FakePc ordinary_pc() {
  FakePc pc;
  pc.add(0, 0, 0x12378086, 0x060000);
  pc.add(1, 0, 0x70008086, 0x060100).write(0x0e, 1, 0x80);
  pc.add(1, 1, 0x70108086, 0x010180).add_bar(4, 16, 1);
  pc.add(1, 3, 0x71138086, 0x068000, 1);
  FakeFunction& nic = pc.add(3, 0, 0x100e8086, 0x020000, 1);
  nic.add_bar(0, 0x20000, 0);
  nic.add_bar(1, 0x40, 1);
  return pc;
}

}  // namespace

TEST_CASE("BARs get aligned addresses in their windows, and decoding is switched on behind them") {
  FakePc pc = ordinary_pc();
  const auto layout = set_up_pc(pc.hardware());
  REQUIRE(layout);
  REQUIRE(layout->assignments.size() == 3);
  const FakeFunction& nic = pc.functions.at({3, 0});
  CHECK(nic.read(0x10, 4) == 0xe0000000);
  CHECK(nic.read(0x14, 4) == 0xc001);
  CHECK(nic.read(4, 2) == 0x0103);  // ports, memory, SERR; mastering is the driver's
  CHECK(pc.functions.at({1, 1}).read(0x20, 4) == 0xc041);
  for (const auto& [where, function] : pc.functions) CHECK_FALSE(function.sized_while_decoding);
}

TEST_CASE("large BARs are aligned to their size, 64-bit ones lie below 4 GiB") {
  FakePc pc;
  FakeFunction& device = pc.add(4, 0, 0x00011234, 0x030000);
  device.add_bar(0, 0x1000, 0);
  device.add_bar(1, 0x10, 0);
  device.add_bar(2, 0x1000000, 0x4);  // 64 bits: its upper half is BAR 3
  device.bar_masks[3] = ~uint32_t{0};
  device.write(0x1c, 4, 0xffffffff);
  const auto layout = set_up_pc(pc.hardware());
  REQUIRE(layout);
  REQUIRE(layout->assignments.size() == 3);
  CHECK(device.read(0x18, 4) == (0xe0000000 | 0x4));
  CHECK(device.read(0x1c, 4) == 0);
  CHECK(device.read(0x10, 4) == 0xe1000000);
  CHECK(device.read(0x14, 4) == 0xe1001000);  // a page of its own
}

TEST_CASE("devices that want more than there is are named") {
  FakePc pc;
  pc.add(5, 0, 0x00011234, 0x030000).add_bar(0, 0x20000000, 0);
  const auto layout = set_up_pc(pc.hardware());
  REQUIRE_FALSE(layout);
  CHECK_THAT(layout.error().message, Contains("00:05.0") && Contains("BAR 0"));
}

TEST_CASE("interrupts are routed to IRQ 10 and 11, level-triggered") {
  FakePc pc = ordinary_pc();
  const auto layout = set_up_pc(pc.hardware());
  REQUIRE(layout);
  CHECK(pc.functions.at({1, 0}).read(0x60, 4) == 0x0b0b0a0a);
  CHECK(pc.written(0x4d0) == std::vector<uint8_t>{0x00});
  CHECK(pc.written(0x4d1) == std::vector<uint8_t>{0x0e});  // 9 (SCI), 10, 11
  // Slot 3's INTA# is PIRQC#.
  CHECK(pc.functions.at({3, 0}).read(0x3c, 1) == 11);
  REQUIRE(layout->routes.size() == 1);
  CHECK(layout->routes[0].device == 3);
  CHECK(layout->routes[0].pin == 0);
  CHECK(layout->routes[0].line == 11);
}

TEST_CASE("every slot's pin gets the line that the board wires it to") {
  constexpr uint8_t kLines[] = {10, 10, 11, 11};
  FakePc pc;
  for (unsigned device = 2; device < 10; ++device) pc.add(device, 0, 0x00011234, 0, device % 4 + 1);
  REQUIRE(set_up_pc(pc.hardware()));
  for (unsigned device = 2; device < 10; ++device) {
    const unsigned pin = device % 4;  // 0: INTA#
    CHECK(pc.functions.at({device, 0}).read(0x3c, 1) == kLines[(device - 1 + pin) % 4]);
  }
}

TEST_CASE("the PIIX's functions are switched on where kernels look for them") {
  FakePc pc = ordinary_pc();
  REQUIRE(set_up_pc(pc.hardware()));
  CHECK(pc.functions.at({1, 1}).read(0x40, 4) == 0x80008000);  // IDETIM of both channels
  const FakeFunction& power = pc.functions.at({1, 3});
  CHECK(power.read(0x40, 4) == 0x601);
  CHECK(power.read(0x80, 1) == 1);
  CHECK(power.read(0x90, 4) == 0x701);
  CHECK(power.read(0x3c, 1) == 9);
  const FakeFunction& bridge = pc.functions.at({0, 0});
  CHECK(bridge.read(0x59, 1) == 0x30);
  CHECK(bridge.read(0x5c, 4) == 0x33333333);
}

TEST_CASE("the 8259s, the 8254 and the local APIC are left as a BIOS leaves them") {
  FakePc pc;
  REQUIRE(set_up_pc(pc.hardware()));
  CHECK(pc.written(0x20) == std::vector<uint8_t>{0x11});
  CHECK(pc.written(0x21) == std::vector<uint8_t>{0x08, 0x04, 0x01, 0xfb});
  CHECK(pc.written(0xa1) == std::vector<uint8_t>{0x70, 0x02, 0x01, 0xff});
  CHECK(pc.written(0x43) == std::vector<uint8_t>{0x34});
  CHECK(pc.local_apic ==
        std::map<uint64_t, uint32_t>{{0xfee000f0, 0x1ff}, {0xfee00350, 0x8700}, {0xfee00360, 0x8400}});
}

TEST_CASE("the MP table has the machine's wiring, and its checksums hold") {
  const auto memory = make_memory(2);
  MpTableConfig config;
  config.routes = {{3, 0, 11}, {4, 0, 11}};
  store_mp_table(*memory, config);
  const auto sum = [&](uint64_t address, uint64_t length) {
    uint8_t total = 0;
    for (uint64_t i = 0; i < length; ++i)
      total = static_cast<uint8_t>(total + memory->load<uint8_t>(GuestPhys{address + i}));
    return total;
  };
  const auto byte = [&](uint64_t address) { return memory->load<uint8_t>(GuestPhys{address}); };
  CHECK(std::memcmp(memory->at(GuestPhys{0xf0000}, 4), "_MP_", 4) == 0);
  CHECK(sum(0xf0000, 16) == 0);
  CHECK(byte(0xf0009) == 4);
  const uint64_t table = memory->load<uint32_t>(GuestPhys{0xf0004});
  CHECK(std::memcmp(memory->at(GuestPhys{table}, 4), "PCMP", 4) == 0);
  const auto length = memory->load<uint16_t>(GuestPhys{table + 4});
  CHECK(sum(table, length) == 0);
  CHECK(memory->load<uint32_t>(GuestPhys{table + 36}) == 0xfee00000);

  std::map<uint8_t, unsigned> kinds;
  std::map<std::pair<uint8_t, uint8_t>, std::pair<uint8_t, uint16_t>> lines;  // (bus, source): (input, flags)
  unsigned count = 0;
  uint64_t entry = table + 44;
  for (; entry < table + length; ++count) {
    ++kinds[byte(entry)];
    if (byte(entry) == 3) {
      lines[{byte(entry + 4), byte(entry + 5)}] = {byte(entry + 7),
                                                   memory->load<uint16_t>(GuestPhys{entry + 2})};
    }
    entry += byte(entry) == 0 ? 20 : 8;
  }
  CHECK(entry == table + length);
  CHECK(memory->load<uint16_t>(GuestPhys{table + 34}) == count);
  CHECK(kinds[0] == 1);
  CHECK(kinds[1] == 2);
  CHECK(kinds[2] == 1);
  CHECK(kinds[4] == 2);
  CHECK(lines.at({0, 3 << 2}) == std::pair<uint8_t, uint16_t>(11, 0xd));
  CHECK(lines.at({0, 4 << 2}) == std::pair<uint8_t, uint16_t>(11, 0xd));
  CHECK(lines.at({1, 0}) == std::pair<uint8_t, uint16_t>(2, 0));
  CHECK(lines.at({1, 4}) == std::pair<uint8_t, uint16_t>(4, 0));
  CHECK(lines.at({1, 9}) == std::pair<uint8_t, uint16_t>(9, 0xd));
  CHECK_FALSE(lines.contains({1, 2}));
  CHECK_FALSE(lines.contains({1, 11}));  // PCI's
}
