// Proves what a channel shows with no, one or two drives, resets and their signature, nIEN and HOB, the PCI
// function around it, and every register of the tables by the house's generic checks.
#include "tests/unit/devices/disk/disk_bench.h"

#include "devices/disk/ata_registers.h"
#include "devices/disk/bus_master_registers.h"
#include "tests/support/register_checks.h"

using namespace ringside;

namespace {

void check_signature(DiskBench& bench) {
  CHECK(bench.error() == 0x01);
  CHECK(bench.in(0x1f2) == 0x01);
  CHECK(bench.in(0x1f3) == 0x01);
  CHECK(bench.in(0x1f4) == 0x00);
  CHECK(bench.in(0x1f5) == 0x00);
  CHECK(bench.in(0x1f6) == 0x00);
}

class ChannelRegisters : public RegisterBench {
 public:
  explicit ChannelRegisters(bool control) : control_(control) {}
  BusTarget& registers() override {
    IdeChannel& channel = bench_.ide->channel(0);
    return control_ ? channel.control_block() : channel.command_block();
  }
  const Stateful& state() override { return *bench_.ide; }
  bool reset() override {
    bench_.ide->reset();
    return true;
  }

 private:
  DiskBench bench_{{.sectors = 8}};
  bool control_;
};

class MasterRegisters : public RegisterBench {
 public:
  BusTarget& registers() override { return master_; }
  const Stateful& state() override { return master_; }
  bool reset() override {
    master_.reset();
    return true;
  }

 private:
  DiskBench bench_{{.sectors = 8}};
  BusMaster master_{bench_.site(), 0, bench_.ide->pci(), *bench_.dma, BusMasterTiming{}};
};

}  // namespace

TEST_CASE("Every register of the command block keeps to its row", "[disk][registers]") {
  RegisterChecks<IdeChannel> checks{.rows = kAtaCommandBlock,
                                    .make = [] { return std::make_unique<ChannelRegisters>(false); }};
  checks.exceptions = {
      {"Data", RegisterRule::writes, "a window, not a register: words pass while DRQ is set"},
      {"Data", RegisterRule::wide, "32 bits are two words of it, not of its neighbours"},
      {"Features", RegisterRule::reset, "a read at its offset gives Error"},
      {"Features", RegisterRule::writes, "a read at its offset gives Error"},
      {"Command", RegisterRule::reset, "a read at its offset gives Status"},
      {"Command", RegisterRule::writes, "a read at its offset gives Status"},
      {"Status", RegisterRule::writes, "a write at its offset is a command"},
  };
  checks.too_wide = WidthRule::split;
  check_registers(checks);
}

TEST_CASE("Every register of the control block keeps to its row", "[disk][registers]") {
  RegisterChecks<IdeChannel> checks{.rows = kAtaControlBlock,
                                    .make = [] { return std::make_unique<ChannelRegisters>(true); }};
  checks.exceptions = {
      {"Alternate Status", RegisterRule::writes, "a write at its offset goes to Device Control"},
      {"Device Control", RegisterRule::reset, "a read at its offset gives Alternate Status"},
      {"Device Control", RegisterRule::writes, "a read at its offset gives Alternate Status"},
  };
  check_registers(checks);
}

TEST_CASE("Every bus master register keeps to its row", "[disk][registers]") {
  RegisterChecks<BusMaster> checks{.rows = kBusMasterRegisters,
                                   .make = [] { return std::make_unique<MasterRegisters>(); }};
  checks.too_wide = WidthRule::split;
  checks.too_narrow = WidthRule::part;
  check_registers(checks);
}

TEST_CASE("SRST keeps the drive busy, then it shows its signature without an interrupt", "[disk][reset]") {
  DiskBench bench;
  bench.out(0x1f6, 0xb0);
  bench.out(0x1f2, 0x55);
  bench.out(0x3f6, 0x04);
  CHECK((bench.alt() & 0x80) != 0);
  bench.run_for(milliseconds(50));
  CHECK((bench.alt() & 0x80) != 0);  // as long as SRST is set
  bench.out(0x3f6, 0x00);
  CHECK((bench.alt() & 0x80) != 0);
  bench.run_for(milliseconds(5));
  CHECK(bench.alt() == 0x50);
  CHECK_FALSE(bench.irq());
  check_signature(bench);
}

TEST_CASE("SRST ends any command, and settings revert unless told to stay", "[disk][reset]") {
  DiskBench bench;
  REQUIRE(bench.simple(0xc6, 0, 8) == 0x50);
  REQUIRE(bench.simple(0xef, 0x82) == 0x50);
  bench.lba28(0, 200);
  bench.command(0x20);
  bench.out(0x3f6, 0x04);
  bench.out(0x3f6, 0x00);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x50);
  bench.run();  // the image's answer comes and is dropped
  CHECK(bench.status() == 0x50);
  CHECK_FALSE(bench.irq());
  CHECK(bench.identify()[59] == 0);
  CHECK((bench.identify()[85] & 0x20) != 0);

  REQUIRE(bench.simple(0xef, 0x66) == 0x50);
  REQUIRE(bench.simple(0xc6, 0, 8) == 0x50);
  bench.out(0x3f6, 0x04);
  bench.out(0x3f6, 0x00);
  REQUIRE(bench.wait());
  CHECK(bench.identify()[59] == 0x0108);
}

TEST_CASE("EXECUTE DEVICE DIAGNOSTIC ends with the signature, code 01 and an interrupt", "[disk][reset]") {
  DiskBench bench;
  bench.out(0x1f6, 0xb0);  // both drives take it, whichever is selected
  bench.command(0x90);
  REQUIRE(bench.wait());
  CHECK(bench.irq());
  CHECK(bench.status() == 0x50);
  check_signature(bench);
}

TEST_CASE("Device 0 answers for an absent device 1, with Status 00h", "[disk][channel]") {
  DiskBench bench;
  bench.out(0x1f6, 0xb0);
  bench.out(0x1f2, 0x55);
  bench.out(0x1f3, 0xaa);
  CHECK(bench.in(0x1f6) == 0xb0);
  CHECK(bench.in(0x1f2) == 0x55);
  CHECK(bench.in(0x1f3) == 0xaa);
  CHECK(bench.alt() == 0x00);
  CHECK(bench.in(0x1f7) == 0x00);
  bench.command(0xec);  // reaches nobody
  bench.run();
  CHECK(bench.alt() == 0x00);
  CHECK_FALSE(bench.irq());
  bench.out(0x1f6, 0xa0);
  CHECK(bench.alt() == 0x50);
}

TEST_CASE("An empty channel floats, with DD7 pulled down: never busy, no register keeps a value",
          "[disk][channel]") {
  DiskBench bench;
  for (const uint8_t device : {0xa0, 0xb0}) {
    bench.out(0x176, device);
    bench.out(0x172, 0x55);
    bench.out(0x173, 0xaa);
    CHECK(bench.in(0x177) == 0x7f);
    CHECK(bench.in(0x376) == 0x7f);
    CHECK(bench.in(0x172) != 0x55);
    CHECK(bench.in(0x173) != 0xaa);
    CHECK(bench.in(0x176) != device);
    CHECK(bench.in16(0x170) == 0xff7f);
    bench.out(0x177, 0xec);
    bench.out16(0x170, 0x1234);
  }
  CHECK(bench.events.empty());
}

TEST_CASE("Two drives share a channel: only the selected one takes commands and interrupts",
          "[disk][channel]") {
  DiskBench bench;
  DiskBenchOptions second;
  second.sectors = 100;
  bench.add(0, 1, "disk1", second);
  bench.lba28(7, 1, 0);
  bench.command(0x20);
  REQUIRE(bench.wait());
  CHECK(bench.irq());
  bench.out(0x1f6, 0xf0);  // the other one has no interrupt
  CHECK_FALSE(bench.irq());
  CHECK(bench.alt() == 0x50);
  bench.out(0x1f6, 0xe0);
  CHECK(bench.irq());
  CHECK(bench.take() == disk_sectors(7, 1));

  const auto first_words = bench.identify(0xa0), second_words = bench.identify(0xb0);
  CHECK(first_words[60] == 4096);
  CHECK(second_words[60] == 100);
  CHECK(first_words[93] == 0x603b);
  CHECK(second_words[93] == 0x6b00);

  bench.lba28(99, 1, 1);
  bench.command(0xc8);
  bench.table(0x1000, {{0x10000, 512}});
  bench.start(true);
  bench.run();
  CHECK(bench.load(0x10000, 512) == disk_sectors(99, 1));
  CHECK(bench.status() == 0x50);

  bench.command(0x90);
  REQUIRE(bench.wait());
  CHECK(bench.irq());  // device 0 speaks for both
  check_signature(bench);
  bench.status();
  bench.out(0x1f6, 0x10);
  CHECK(bench.in(0x1f2) == 0x01);
  CHECK_FALSE(bench.irq());
}

TEST_CASE("The secondary channel has its own ports and interrupt", "[disk][channel]") {
  DiskBench bench;
  bench.add(1, 0, "disk2", {});
  bench.out(0x176, 0xe0);
  bench.out(0x172, 1);
  bench.out(0x173, 9);
  bench.out(0x174, 0);
  bench.out(0x175, 0);
  bench.out(0x177, 0xc8);
  bench.table(0x1000, {{0x10000, 512}});
  bench.out32(0xc00c, 0x1000);
  bench.out(0xc008, 0x09);
  bench.run();
  CHECK(bench.irq(1));
  CHECK_FALSE(bench.irq(0));
  CHECK(bench.in(0xc00a) == 0x04);
  CHECK(bench.in(0xc002) == 0x00);
  CHECK(bench.load(0x10000, 512) == disk_sectors(9, 1));
  CHECK(bench.in(0x177) == 0x50);
  CHECK_FALSE(bench.irq(1));
}

TEST_CASE("nIEN holds INTRQ back and gives it free while it is pending", "[disk][channel]") {
  DiskBench bench;
  bench.out(0x3f6, 0x02);
  bench.lba28(7, 1);
  bench.command(0x20);
  REQUIRE(bench.wait());
  CHECK_FALSE(bench.irq());
  CHECK(bench.bus_master_status() == 0x00);
  bench.out(0x3f6, 0x00);
  CHECK(bench.irq());
  CHECK(bench.alt() == 0x58);
  CHECK(bench.irq());  // Alternate Status does not end it
  CHECK(bench.status() == 0x58);
  CHECK_FALSE(bench.irq());
}

TEST_CASE("What a guest writes while a command is under way is lost, with a notice", "[disk][channel]") {
  DiskBench bench;
  bench.lba28(7, 1);
  bench.command(0x20);
  bench.out(0x1f3, 99);
  bench.command(0x30);
  bench.out16(0x1f0, 0xdead);
  CHECK(bench.take() == disk_sectors(7, 1));
  CHECK(bench.in(0x1f3) == 7);
  CHECK(bench.notices_seen.said("command 0x30 is lost"));
  CHECK(bench.notices_seen.said("command block register 3 is lost"));
  CHECK(bench.notices_seen.said("READ SECTORS"));
}

TEST_CASE("The PCI function is a PIIX3's", "[disk][pci]") {
  DiskBench bench;
  PciFunction& pci = bench.ide->pci();
  CHECK(pci.config_read(0x00, 4) == 0x70108086);
  CHECK(pci.config_read(0x08, 4) >> 8 == 0x010180);
  CHECK(pci.config_read(0x3d, 1) == 0);  // interrupts 14 and 15, no INTx
  CHECK(pci.config_read(0x20, 4) == 0xc001);
  pci.config_write(0x20, 4, 0xffffffff);
  CHECK((pci.config_read(0x20, 4) & 0xffff) == 0xfff1);  // 16 ports
}

TEST_CASE("A channel answers while I/O space and its IDETIM enable it", "[disk][pci]") {
  DiskBench bench;
  PciFunction& pci = bench.ide->pci();
  CHECK(bench.in(0x1f7) == 0x50);
  pci.config_write(0x40, 2, 0x0000);
  CHECK(bench.in(0x1f7) == 0xff);
  CHECK(bench.in(0x177) == 0x7f);
  pci.config_write(0x41, 1, 0x80);
  CHECK(bench.in(0x1f7) == 0x50);
  pci.config_write(0x04, 2, 0x0004);
  CHECK(bench.in(0x1f7) == 0xff);
  CHECK(bench.in(0x177) == 0xff);
  CHECK(bench.in(0xc002) == 0xff);
  bench.ide->set_up_as_firmware(0xc000);
  CHECK(bench.in(0x1f7) == 0x50);
  bench.ide->reset();
  CHECK(pci.config_read(0x40, 2) == 0);
  CHECK(bench.in(0x1f7) == 0xff);
}
