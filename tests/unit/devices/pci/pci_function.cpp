// Proves that a PCI function's configuration header behaves as PCI 3.0 chapter 6 says, with the offsets and
// bits restated from it. What a particular device puts into its header is its own test's business.
#include "devices/pci/pci_function.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/unit/devices/pci/pci_bench.h"

using namespace ringside;

namespace {

constexpr PciIdentity kIdentity{.vendor = 0x8086,
                                .device = 0x100e,
                                .class_code = 0x020000,
                                .revision = 3,
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100,
                                .interrupt_pin = 1,
                                .message_signalled = true};

struct Device {
  PciBench bench;
  RememberingTarget registers, doorbells;
  PciFunction pci{bench.site("dev0"), kIdentity, bench.ports, bench.space, &bench.dma};

  Device() {
    pci.add_bar(0, BarKind::memory, 0x1000, registers);
    pci.add_bar(1, BarKind::ports, 0x40, doorbells, "dev0-io");
  }
  uint32_t get(uint8_t offset, unsigned size) const { return pci.config_read(offset, size); }
  void set(uint8_t offset, unsigned size, uint32_t value) { pci.config_write(offset, size, value); }
};

}  // namespace

TEST_CASE("a function's header after reset") {
  Device device;
  CHECK(device.get(0x00, 4) == 0x100e8086);
  CHECK(device.get(0x04, 2) == 0x0000);
  CHECK(device.get(0x06, 2) == 0x0210);  // medium DEVSEL#, a list of capabilities
  CHECK(device.get(0x08, 4) == 0x02000003);
  CHECK(device.get(0x0c, 4) == 0);
  CHECK(device.get(0x10, 4) == 0x00000000);
  CHECK(device.get(0x14, 4) == 0x00000001);
  CHECK(device.get(0x2c, 4) == 0x11001af4);
  CHECK(device.get(0x34, 1) == 0x50);
  CHECK(device.get(0x3c, 4) == 0x00000100);
  CHECK(device.get(0x50, 4) == 0x00800005);  // MSI, last in the list, 64-bit addresses, one vector
  CHECK(device.get(0x54, 4) == 0);
}

TEST_CASE("what is read-only stays") {
  Device device;
  for (unsigned offset : {0x00, 0x08, 0x18, 0x2c, 0x30, 0x34, 0x40, 0x60, 0xfc}) {
    const uint32_t before = device.get(static_cast<uint8_t>(offset), 4);
    device.set(static_cast<uint8_t>(offset), 4, ~before);
    CHECK(device.get(static_cast<uint8_t>(offset), 4) == before);
  }
  device.set(0x3d, 1, 0x7);
  CHECK(device.get(0x3d, 1) == 1);
  device.set(0x3c, 1, 11);
  CHECK(device.get(0x3c, 1) == 11);
  device.set(0x0c, 2, 0x4008);
  CHECK(device.get(0x0c, 2) == 0x4008);
}

TEST_CASE("the command register has the bits that the device can use") {
  Device device;
  device.set(0x04, 2, 0xffff);
  CHECK(device.get(0x04, 2) == 0x0547);  // INTx disable, SERR#, parity, master, memory, ports
  PciFunction plain(device.bench.site("plain"), {.vendor = 1}, device.bench.ports, device.bench.space);
  plain.config_write(0x04, 2, 0xffff);
  CHECK(plain.config_read(0x04, 2) == 0x0544);  // no BAR: nothing to enable
  CHECK(plain.config_read(0x06, 2) == 0x0200);
}

TEST_CASE("a BAR tells its size and kind") {
  Device device;
  device.set(0x10, 4, 0xffffffff);
  CHECK(device.get(0x10, 4) == 0xfffff000);
  device.set(0x14, 4, 0xffffffff);
  CHECK(device.get(0x14, 4) == 0xffffffc1);
  device.set(0x14, 2, 0xc03f);  // the low half alone
  CHECK(device.get(0x14, 4) == 0xffffc001);
}

TEST_CASE("a BAR answers where it says, while its space is enabled") {
  Device device;
  Bus& space = device.bench.space;
  device.set(0x10, 4, 0xfebc0000);
  device.set(0x14, 4, 0xc000);
  CHECK(space.read(0xfebc0000, 4) == 0xffffffff);
  device.set(0x04, 2, 0x0002);
  space.write(0xfebc0010, 4, 0x12345678);
  CHECK(space.read(0xfebc0010, 4) == 0x12345678);
  CHECK(device.bench.ports.read(0xc000, 4) == 0xffffffff);
  device.set(0x04, 2, 0x0003);
  CHECK(device.bench.ports.read(0xc000, 4) == 0);
  device.set(0x10, 4, 0xfeb00000);
  CHECK(space.read(0xfebc0010, 4) == 0xffffffff);
  CHECK(space.read(0xfeb00010, 4) == 0x12345678);
  device.set(0x04, 2, 0x0001);
  CHECK(space.read(0xfeb00010, 4) == 0xffffffff);
  CHECK(device.bench.ports.read(0xc000, 4) == 0);
}

TEST_CASE("a BAR of 0 answers nowhere, one beyond the ports neither") {
  Device device;
  device.set(0x04, 2, 0x0003);
  CHECK(device.bench.ports.describe().empty());
  CHECK(device.bench.space.describe().empty());
  device.set(0x14, 4, 0x12340000);
  CHECK(device.bench.ports.describe().empty());
}

TEST_CASE("status bits are set by the device and cleared by writing ones") {
  Device device;
  device.pci.raise_status(0x2000);
  device.pci.raise_status(0x1000);
  CHECK(device.get(0x06, 2) == 0x3210);
  device.set(0x06, 2, 0x1010);
  CHECK(device.get(0x06, 2) == 0x2210);
  device.set(0x04, 4, 0xffff0000);  // with the command register in one access
  CHECK(device.get(0x06, 2) == 0x0210);
}

TEST_CASE("INTx follows the device, but for the disable bit; the status register tells it anyway") {
  Device device;
  device.pci.set_interrupt(true);
  CHECK(device.pci.intx.level());
  CHECK(device.get(0x06, 2) == 0x0218);
  device.set(0x04, 2, 0x0400);
  CHECK_FALSE(device.pci.intx.level());
  CHECK(device.get(0x06, 2) == 0x0218);
  device.set(0x04, 2, 0);
  CHECK(device.pci.intx.level());
  device.pci.set_interrupt(false);
  CHECK_FALSE(device.pci.intx.level());
  CHECK(device.get(0x06, 2) == 0x0210);
}

TEST_CASE("MSI sends one message at each rise, and silences INTx") {
  Device device;
  device.set(0x54, 4, 0xfee0100f);  // bits 1:0 are hard-wired to 0
  device.set(0x5c, 2, 0x4041);
  device.set(0x52, 2, 0xffff);
  CHECK(device.get(0x52, 2) == 0x00f1);
  device.set(0x04, 2, 0x0004);
  device.pci.set_interrupt(true);
  device.pci.set_interrupt(true);
  CHECK_FALSE(device.pci.intx.level());
  device.pci.set_interrupt(false);
  device.pci.set_interrupt(true);
  using Messages = std::vector<std::pair<uint32_t, uint32_t>>;
  CHECK(device.bench.messages == Messages{{0xfee0100c, 0x4041}, {0xfee0100c, 0x4041}});
}

TEST_CASE("MSI needs the bus, and is a write to memory elsewhere") {
  Device device;
  device.set(0x54, 4, 0x2000);
  device.set(0x5c, 2, 0xbeef);
  device.set(0x52, 2, 1);
  device.pci.set_interrupt(true);  // not a master yet
  CHECK(device.bench.notices.count(NoticeKind::unusual) == 1);
  CHECK(device.bench.memory->load<uint32_t>(GuestPhys{0x2000}) == 0);
  device.set(0x04, 2, 0x0004);
  device.pci.set_interrupt(false);
  device.pci.set_interrupt(true);
  CHECK(device.bench.memory->load<uint32_t>(GuestPhys{0x2000}) == 0xbeef);
  CHECK(device.get(0x06, 2) == 0x0218);
  device.set(0x58, 4, 1);  // above all memory
  device.pci.set_interrupt(false);
  device.pci.set_interrupt(true);
  CHECK(device.get(0x06, 2) == 0x2218);  // received master abort
  CHECK(device.bench.messages.empty());
}

TEST_CASE("a register of the device's own: reset, mask, and the whole value after any write into it") {
  Device device;
  std::vector<uint32_t> written;
  device.pci.add_register("OWN", 0x60, 4, 0x11223344, 0x00ffff00,
                          [&](uint32_t value) { written.push_back(value); });
  CHECK(device.get(0x60, 4) == 0x11223344);
  device.set(0x62, 1, 0xaa);
  device.set(0x60, 1, 0xaa);
  device.set(0x60, 4, 0);
  device.set(0x64, 4, 0);
  CHECK(written == std::vector<uint32_t>{0x11aa3344, 0x11aa3344, 0x11000044});
  device.pci.reset();
  CHECK(device.get(0x60, 4) == 0x11223344);
  CHECK(written.size() == 3);
}

TEST_CASE("listeners hear of the command register and the BARs, not of the rest") {
  Device device;
  int heard = 0;
  device.pci.on_change([&] { ++heard; });
  device.set(0x04, 2, 4);
  CHECK(device.pci.may_master());
  device.set(0x10, 4, 0x1000);
  CHECK(heard == 2);
  device.set(0x3c, 1, 5);
  device.set(0x52, 2, 1);
  device.set(0x28, 4, 1);
  CHECK(heard == 2);
  device.pci.reset();
  CHECK(heard == 3);
  CHECK_FALSE(device.pci.may_master());
}

TEST_CASE("a reset leaves nothing mapped and no interrupt") {
  Device device;
  const uint64_t fresh = state_digest(device.pci);
  device.set(0x04, 2, 0x0007);
  device.set(0x10, 4, 0xfebc0000);
  device.set(0x14, 4, 0xc000);
  device.pci.set_interrupt(true);
  CHECK(state_digest(device.pci) != fresh);
  device.pci.reset();
  CHECK(state_digest(device.pci) == fresh);
  CHECK_FALSE(device.pci.intx.level());
  CHECK(device.bench.space.describe().empty());
  CHECK(device.bench.ports.describe().empty());
}

TEST_CASE("a function that goes away takes its ranges with it") {
  PciBench bench;
  RememberingTarget target;
  {
    PciFunction pci(bench.site("dev0"), kIdentity, bench.ports, bench.space);
    pci.add_bar(0, BarKind::memory, 0x1000, target);
    pci.config_write(0x10, 4, 0xfebc0000);
    pci.config_write(0x04, 2, 2);
    CHECK(bench.space.describe().size() == 1);
  }
  CHECK(bench.space.describe().empty());
}

TEST_CASE("random writes to the whole configuration space change only what may change") {
  Device device;
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    const unsigned size = 1u << (random() % 3);
    const auto offset = static_cast<uint8_t>(random() & 0xff & ~(size - 1));
    device.set(offset, size, static_cast<uint32_t>(random()));
    if (random() % 8 == 0) device.pci.set_interrupt(random() % 2 != 0);
  }
  CHECK(device.get(0x00, 4) == 0x100e8086);
  CHECK(device.get(0x08, 4) == 0x02000003);
  CHECK((device.get(0x10, 4) & 0xfff) == 0);
  CHECK((device.get(0x14, 4) & 0x3f) == 1);
  CHECK(device.bench.space.describe().size() <= 1);
  CHECK(device.bench.ports.describe().size() <= 1);
}
