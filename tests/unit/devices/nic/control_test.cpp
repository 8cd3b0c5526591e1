// Reset values, EEPROM, PHY and link as the manual has them: what Linux's e1000 relies on while it probes.
// The numbers are the manual's; whether real silicon agrees cannot be seen here.
#include "tests/unit/devices/nic/nic_bench.h"

using namespace ringside;

namespace {

// The EEPROM through EECD's pins, as a driver clocks it: SK 1, CS 2, DI 4, DO 8, REQ 0x40, GNT 0x80.
struct Pins {
  NicBench& bench;
  void out(uint32_t bits, unsigned count) {
    while (count-- != 0) {
      const uint32_t di = (bits >> count & 1) != 0 ? 4 : 0;
      bench.w(reg::EECD, 0x42 | di);
      bench.w(reg::EECD, 0x43 | di);
      bench.w(reg::EECD, 0x42 | di);
    }
  }
  uint32_t in(unsigned count) {
    uint32_t value = 0;
    while (count-- != 0) {
      bench.w(reg::EECD, 0x43);
      value = value << 1 | ((bench.r(reg::EECD) & 8) != 0 ? 1 : 0);
      bench.w(reg::EECD, 0x42);
    }
    return value;
  }
  void select() { bench.w(reg::EECD, 0x42); }
  void deselect() { bench.w(reg::EECD, 0x40); }
  uint32_t read(uint32_t word) {
    select();
    out(6, 3);  // start, READ
    out(word, 6);
    const uint32_t value = in(16);
    deselect();
    return value;
  }
};

uint32_t phy_read(NicBench& bench, uint32_t number) {
  bench.w(reg::MDIC, number << 16 | 1u << 21 | 2u << 26);
  bench.run_for(microseconds(30));
  REQUIRE((bench.r(reg::MDIC) >> 28 & 5) == 1);  // ready, no error
  return bench.r(reg::MDIC) & 0xffff;
}
void phy_write(NicBench& bench, uint32_t number, uint32_t value) {
  bench.w(reg::MDIC, value | number << 16 | 1u << 21 | 1u << 26);
  bench.run_for(microseconds(30));
  REQUIRE((bench.r(reg::MDIC) >> 28 & 1) == 1);
}

}  // namespace

TEST_CASE("the function is an 82540EM's in configuration space") {
  NicBench bench;
  PciFunction& pci = bench.nic->pci();
  CHECK(pci.config_read(0x00, 4) == 0x100e8086);
  CHECK(pci.config_read(0x08, 4) >> 8 == 0x020000);
  CHECK(pci.config_read(0x3d, 1) == 1);
  pci.config_write(0x10, 4, 0xffffffff);
  CHECK(pci.config_read(0x10, 4) == 0xfffe0000);  // 128 KiB of memory
  pci.config_write(0x18, 4, 0xffffffff);
  CHECK(pci.config_read(0x18, 4) == 0xffffffc1);  // 64 ports
}

TEST_CASE("the words of the EEPROM add up to BABAh, by the pins and by EERD alike") {
  NicBench bench;
  bench.w(reg::EECD, 0x40);
  REQUIRE((bench.r(reg::EECD) & 0x80) != 0);       // granted
  REQUIRE((bench.r(reg::EECD) & 0x300) == 0x100);  // present, 64 words
  Pins pins{bench};
  std::vector<uint32_t> words;
  for (uint32_t i = 0; i < 64; ++i) words.push_back(pins.read(i));
  bench.w(reg::EECD, 0);
  uint32_t sum = 0;
  for (const uint32_t word : words) sum += word;
  CHECK((sum & 0xffff) == 0xbaba);
  CHECK(words[0] == 0x5452);
  CHECK(words[1] == 0x1200);
  CHECK(words[2] == 0x5634);
  for (uint32_t i = 0; i < 64; ++i) {
    bench.w(reg::EERD, i << 8 | 1);
    CHECK((bench.r(reg::EERD) & 0x10) == 0);  // not done yet
    bench.run_for(microseconds(100));
    REQUIRE((bench.r(reg::EERD) & 0x10) != 0);
    CHECK(bench.r(reg::EERD) >> 16 == words[i]);
  }
  // From there come the first receive address and its valid bit.
  CHECK(bench.r(reg::RAL) == 0x12005452);
  CHECK(bench.r(reg::RAH) == 0x80005634);
}

TEST_CASE("a word of the EEPROM is written only after EWEN, and shows busy meanwhile") {
  NicBench bench;
  Pins pins{bench};
  bench.w(reg::EECD, 0x40);
  const auto write = [&](uint32_t word, uint32_t value) {
    pins.select();
    pins.out(5, 3);
    pins.out(word, 6);
    pins.out(value, 16);
    pins.deselect();
    pins.select();
  };
  write(0x20, 0x1234);
  pins.deselect();
  CHECK(pins.read(0x20) == 0xffff);
  pins.select();
  pins.out(4, 3);
  pins.out(0x30, 6);  // EWEN
  pins.deselect();
  write(0x20, 0x1234);
  CHECK((bench.r(reg::EECD) & 8) == 0);
  bench.run_for(milliseconds(3));
  CHECK((bench.r(reg::EECD) & 8) != 0);
  pins.deselect();
  CHECK(pins.read(0x20) == 0x1234);
}

TEST_CASE("the PHY is an M88E1011 and needs a management frame's time to answer") {
  NicBench bench;
  bench.w(reg::MDIC, 2u << 16 | 1u << 21 | 2u << 26);
  CHECK((bench.r(reg::MDIC) >> 28 & 1) == 0);
  bench.run_for(microseconds(25));
  CHECK((bench.r(reg::MDIC) >> 28 & 1) == 0);
  bench.run_for(nanoseconds(600));  // 64 clocks of 2.5 MHz are 25.6 us
  CHECK((bench.r(reg::MDIC) >> 28 & 1) == 1);
  CHECK((bench.r(reg::MDIC) & 0xffff) == 0x0141);
  CHECK((phy_read(bench, 3) & 0xfff0) == 0x0c20);
  CHECK(phy_read(bench, 0) == 0x1140);
  // Another address on the management bus: error.
  bench.w(reg::MDIC, 2u << 16 | 2u << 21 | 2u << 26);
  bench.run_for(microseconds(30));
  CHECK((bench.r(reg::MDIC) >> 28 & 5) == 5);
}

TEST_CASE("the link comes up at 1000 Mb/s full duplex when negotiation is over and SLU is set") {
  NicBench bench;
  bench.w(reg::IMS, 4);
  bench.run_for(milliseconds(1400));
  CHECK((phy_read(bench, 1) & 0x24) == 0);
  bench.run_for(milliseconds(200));
  CHECK((phy_read(bench, 1) & 0x24) == 0x24);
  CHECK((bench.r(reg::STATUS) & 2) == 0);  // the MAC does not look yet
  CHECK_FALSE(bench.interrupt());
  bench.w(reg::CTRL, bench.r(reg::CTRL) | 0x40);
  CHECK((bench.r(reg::STATUS) & 0xc3) == 0x83);
  CHECK(bench.interrupt());
  CHECK(bench.r(reg::ICR) == 4);
  CHECK_FALSE(bench.interrupt());
  CHECK((phy_read(bench, 17) & 0xec00) == 0xac00);
  CHECK((phy_read(bench, 10) & 0x3800) == 0x3800);
}

TEST_CASE("a cable that is pulled and put back raises LSC twice; PSTATUS shows the loss once") {
  NicBench bench;
  bench.start();
  bench.nic_port.set_link(false);
  CHECK(bench.r(reg::ICR) == 4);
  CHECK((bench.r(reg::STATUS) & 2) == 0);
  bench.nic_port.set_link(true);
  bench.run_for(seconds(2));
  CHECK(bench.r(reg::ICR) == 4);
  CHECK((phy_read(bench, 1) & 4) == 0);  // latched low
  CHECK((phy_read(bench, 1) & 4) != 0);
}

TEST_CASE("the partner and what the PHY offers decide the speed") {
  SECTION("a partner of 100 Mb/s") {
    E1000Config config;
    config.phy.partner_mbps = 100;
    NicBench bench(config);
    bench.start();
    CHECK((bench.r(reg::STATUS) & 0xc1) == 0x41);
  }
  SECTION("the driver offers 10 Mb/s alone") {
    NicBench bench;
    bench.start();
    phy_write(bench, 9, 0);
    phy_write(bench, 4, 0x0061);
    phy_write(bench, 0, 0x1340);  // restart
    CHECK((bench.r(reg::STATUS) & 2) == 0);
    bench.run_for(seconds(2));
    CHECK((bench.r(reg::STATUS) & 0xc3) == 0x03);
  }
  SECTION("forced to 100 Mb/s half duplex") {
    NicBench bench;
    bench.start();
    phy_write(bench, 0, 0xa000);  // reset, which makes it take effect
    bench.run_for(milliseconds(200));
    CHECK((bench.r(reg::STATUS) & 0xc3) == 0x42);
  }
}

TEST_CASE("CTRL.RST leaves reset values, clears itself, and keeps PBA, the PHY's link and the tables") {
  NicBench bench;
  bench.start();
  bench.w(reg::MTA + 4, 0xdeadbeef);
  bench.w(reg::PBA, 0x28);
  bench.w(reg::IMS, 0x1f);
  bench.w(reg::CTRL, bench.r(reg::CTRL) | 1u << 26);
  CHECK((bench.r(reg::CTRL) & 0x04000041) == 1);
  CHECK(bench.r(reg::RCTL) == 0);
  CHECK(bench.r(reg::TCTL) == 0);
  CHECK(bench.r(reg::IMS) == 0);
  CHECK(bench.r(reg::RDT) == 0);
  CHECK(bench.r(reg::PBA) == 0x00180028);
  CHECK(bench.r(reg::MTA + 4) == 0xdeadbeef);
  CHECK((phy_read(bench, 1) & 4) != 0);
}

TEST_CASE("IOADDR and IODATA reach the registers, 32 bits at a time") {
  NicBench bench;
  bench.ports.write(NicBench::kBar2, 4, reg::RDTR);
  bench.ports.write(NicBench::kBar2 + 4, 4, 0x77);
  CHECK(bench.r(reg::RDTR) == 0x77);
  CHECK(bench.ports.read(NicBench::kBar2 + 4, 4) == 0x77);
  bench.ports.write(NicBench::kBar2 + 4, 2, 0x55);  // ignored
  CHECK(bench.r(reg::RDTR) == 0x77);
  bench.ports.write(NicBench::kBar2, 4, 0xfff00000 | reg::STATUS);
  CHECK(bench.ports.read(NicBench::kBar2, 4) == reg::STATUS);  // the upper bits are not there
}

TEST_CASE("accesses of other widths") {
  NicBench bench;
  bench.w(reg::FCAL, 0x00c28001);
  CHECK(bench.mmio.read(NicBench::kBar0 + reg::FCAL + 1, 1) == 0x80);
  CHECK(bench.mmio.read(NicBench::kBar0 + reg::FCAL + 2, 2) == 0x00c2);
  bench.mmio.write(NicBench::kBar0 + reg::FCAL, 2, 0xffff);
  CHECK(bench.r(reg::FCAL) == 0x00c28001);
  bench.mmio.write(NicBench::kBar0 + reg::RDBAL, 8, 0x0000000112345670);
  CHECK(bench.r(reg::RDBAL) == 0x12345670);
  CHECK(bench.r(reg::RDBAH) == 1);
  CHECK(bench.r(0x0f000) == 0);  // nobody
}
