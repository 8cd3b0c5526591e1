// Hostile drivers of PCI: configuration mechanism 1, the host bridge, the south bridge, power management, and
// a function with every kind of register. Own codes: interrupt levels, resets, the power button.
#include <array>

#include "devices/pci/host_bridge.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/piix3.h"
#include "devices/pci/power_management.h"
#include "fuzz/bus_operations.h"
#include "fuzz/driver.h"

namespace ringside {

namespace {

class Scratch final : public BusTarget {
 public:
  uint64_t read(uint64_t offset, unsigned) override { return words_[offset % words_.size()]; }
  void write(uint64_t offset, unsigned, uint64_t value) override { words_[offset % words_.size()] = value; }

 private:
  std::array<uint64_t, 16> words_{};
};

void append(std::vector<uint8_t>& seed, uint32_t address, uint32_t value) {
  // Ranges: 0 is 0xcf8, 1 is 0xcfc.
  seed.insert(seed.end(), {3, 0, 0});
  for (int i = 0; i < 4; ++i) seed.push_back(static_cast<uint8_t>(address >> (8 * i)));
  seed.insert(seed.end(), {0, 1, 0, 0, 2, 3, 1, 0});
  for (int i = 0; i < 4; ++i) seed.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<uint8_t> bars, msi, bridge, power;
  append(bars, 0x80001010, 0xffffffff);
  append(bars, 0x80001010, 0xd0000000);
  append(bars, 0x80001014, 0xc001);
  append(bars, 0x80001004, 7);
  bars.insert(bars.end(), {0, 3, 0, 0, 2, 1, 4, 0, 0, 0, 9, 0, 0, 0, 7, 0, 1, 7, 0, 0});
  append(msi, 0x80001004, 6);
  append(msi, 0x80001054, 0xfee00000);
  append(msi, 0x8000105c, 0x41);
  append(msi, 0x80001050, 0x10000);
  msi.insert(msi.end(), {7, 0, 1, 7, 0, 0, 7, 0, 1});
  append(bridge, 0x80000058, 0x33333333);
  append(bridge, 0x80000860, 0x0a0b0a0b);
  bridge.insert(bridge.end(), {7, 1, 0x81, 7, 1, 0x82, 7, 1, 1, 2, 0, 1, 6});
  append(power, 0x80000b40, 0x601);
  append(power, 0x80000b80, 1);
  power.insert(power.end(),
               {2, 4, 2, 1, 2, 4, 3, 1, 7, 2, 2, 5, 0, 0xf1, 2, 4, 4, 1, 2, 4, 5, 0x20, 0, 4, 8, 0, 2});
  // System management RAM and the shadow of the ROM; the SMBus; sleep, timer and reset.
  std::vector<uint8_t> memory, smbus, sleep, reset, widths;
  for (const uint32_t value : {0x0a00'0000u, 0x4a00'0000u, 0x1a00'0000u}) append(memory, 0x80000070, value);
  for (uint32_t at = 0x58; at < 0x60; at += 4) append(memory, 0x80000000 | at, 0x10312233);
  append(smbus, 0x80000b04, 1);
  append(smbus, 0x80000b90, 0x701);
  append(smbus, 0x80000bd0, 0x01000000);
  append(smbus, 0x80000bd4, 0x01010101);
  for (uint8_t at = 0; at < 14; ++at) smbus.insert(smbus.end(), {2, 7, at, 0x42, 0, 7, at, 0, 0});
  append(smbus, 0x80000b90, 0x801);
  append(sleep, 0x80000b40, 0x601);
  append(sleep, 0x80000b80, 1);
  for (const uint8_t value : {0x20, 0x24, 0x28}) sleep.insert(sleep.end(), {2, 4, 5, value});
  sleep.insert(sleep.end(), {2, 4, 4, 1, 2, 4, 2,    1,    6, 0xff, 0x90, 2, 4, 0, 1,
                             0, 4, 0, 0, 1, 6, 0xff, 0x90, 7, 5,    0,    2, 4, 3, 4});
  for (uint8_t at = 0; at < 0x38; ++at)
    sleep.insert(sleep.end(), {0, 4, at, 0, 0, 2, 4, at, 0xff, 0, 4, at, 0, 1});
  sleep.insert(sleep.end(), {2, 5, 0, 0xf0, 2, 5, 1, 5, 0, 5, 1, 0, 0, 2, 5, 0, 7});
  reset.insert(reset.end(),
               {2, 0, 1, 2, 2, 0, 1, 6, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 2, 0, 1, 0, 7, 6, 0, 7, 0xff, 1, 2});
  for (const uint32_t at : {0x80001000u, 0x80000000u, 0x80000800u, 0x80001800u, 0x80ff0000u, 0x80000b00u,
                            0x00001000u, 0x80001080u, 0x8000103cu}) {
    append(widths, at, 0xffffffff);
    widths.insert(widths.end(), {0, 1, 0, 0, 0,    0, 1, 1, 0, 1, 0,    1,    3, 0,
                                 1, 2, 1, 2, 0x55, 1, 1, 0, 0, 1, 0x34, 0x12, 0, 0});
  }
  return {bars, msi, bridge, power, memory, smbus, sleep, reset, widths};
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  DeviceBench bench("pci");
  FuzzInput input(data, size);
  bench.dma.set_message_interrupt([](uint32_t, uint32_t) {});
  Scratch scratch;
  PciBus bus(bench.site.named("pci"), bench.ports);
  HostBridge host(bench.site.named("host"), bench.ports, bench.mmio);
  Piix3 piix(bench.site.named("piix3"), bench.ports, bench.mmio, [](bool) {});
  PowerManagement power(bench.site.named("pm"), {}, bench.ports, bench.mmio, [](const std::string&) {});
  PciIdentity identity;
  identity.vendor = 0x1234;
  identity.device = 0x5678;
  identity.class_code = 0xff0000;
  identity.interrupt_pin = 1;
  identity.message_signalled = true;
  PciFunction card(bench.site.named("card"), identity, bench.ports, bench.mmio, &bench.dma);
  card.add_bar(0, BarKind::memory, 0x1000, scratch);
  card.add_bar(1, BarKind::ports, 32, scratch);
  card.add_register("OWN", 0x80, 4, 0x11223344, 0x00ff00ff, [](uint32_t) {});
  card.on_change([] {});
  bus.set_reset_control(piix.reset_control());
  bus.on_request([&](unsigned request, bool level) { piix.set_request(request, level); });
  bus.add(0, 0, host.function());
  bus.add(1, 0, piix.function());
  bus.add(1, 3, power.function());
  bus.add(2, 0, card);
  const std::vector<FuzzRange> ranges{{&bench.ports, 0xcf8, 4},          {&bench.ports, 0xcfc, 4},
                                      {&bench.mmio, 0xd0000000, 0x1000}, {&bench.ports, 0xc000, 32},
                                      {&bench.ports, 0x600, 64},         {&bench.ports, 0xb2, 2},
                                      {&bench.ports, 0xafe0, 4},         {&bench.ports, 0x700, 16}};
  run_bus_operations(bench, input, ranges, [&](uint8_t code, FuzzInput& more) {
    const auto argument = more.take<uint8_t>();
    switch (code % 7) {
      case 0: card.set_interrupt((argument & 1) != 0); break;
      case 1: piix.set_request(argument & 3, (argument & 0x80) != 0); break;
      case 2: power.press_power_button(); break;
      case 3: power.raise_general_purpose(argument & 15); break;
      case 4: card.raise_status(more.take<uint16_t>()); break;
      case 5: power.signal_clock_alarm(); break;
      default:
        card.reset();
        piix.reset();
        host.reset();
        power.reset();
        bus.reset();
        break;
    }
  });
  for (const Stateful* part : {static_cast<const Stateful*>(&bus), static_cast<const Stateful*>(&card),
                               static_cast<const Stateful*>(&piix), static_cast<const Stateful*>(&power),
                               static_cast<const Stateful*>(&host)}) {
    state_digest(*part);
  }
  return 0;
}
