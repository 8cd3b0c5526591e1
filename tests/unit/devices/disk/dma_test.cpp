// Proves the bus master: data by scattered regions, the bits of BMISTA in each of the cases that Intel's
// document lists, the limits of the incrementer, and what happens to tables that are wrong.
#include "tests/unit/devices/disk/disk_bench.h"

using namespace ringside;

namespace {

// Reads by DMA and waits for the drive.
void read_dma(DiskBench& bench, uint32_t lba, uint8_t count) {
  bench.lba28(lba, count);
  bench.command(0xc8);
  bench.start(true);
  bench.run();
}

}  // namespace

TEST_CASE("READ DMA scatters the data over the regions of the table", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x10000, 512}, {0x20002, 2}, {0x30000, 1022}, {0x48000, 512}});
  bench.lba28(50, 4);
  bench.command(0xc8);
  bench.start(true);
  CHECK(bench.bus_master_status() == 0x01);  // active
  bench.run();
  const Bytes expected = disk_sectors(50, 4);
  Bytes got = bench.load(0x10000, 512);
  for (const auto& [address, length] :
       std::vector<std::pair<uint32_t, size_t>>{{0x20002, 2}, {0x30000, 1022}, {0x48000, 512}}) {
    const Bytes part = bench.load(address, length);
    got.insert(got.end(), part.begin(), part.end());
  }
  CHECK(got == expected);
  CHECK(bench.irq());
  CHECK(bench.bus_master_status() == 0x04);  // interrupt, not active
  CHECK(bench.status() == 0x50);
  CHECK_FALSE(bench.irq());
  CHECK(bench.bus_master_status() == 0x04);  // until it is cleared
  bench.out(0xc002, 0x04);
  CHECK(bench.bus_master_status() == 0x00);
  // Nothing besides the regions was written.
  CHECK(bench.load(0x20000, 2) == Bytes(2));
  CHECK(bench.load(0x20004, 4) == Bytes(4));
}

TEST_CASE("Every DMA command moves its data", "[disk][dma]") {
  DiskBenchOptions options;
  options.drive.buffer_sectors = 16;  // several buffers a command
  DiskBench bench(options);
  uint8_t seed = 0;
  for (const uint8_t opcode : {0xca, 0xcb, 0x35, 0x3d}) {
    CAPTURE(static_cast<int>(opcode));
    const Bytes data = pattern(100 * 512, ++seed);
    bench.store(0x100200, data);
    bench.table(0x2000, {{0x100200, 100 * 512}});
    opcode < 0xc0 ? bench.lba48(1000, 100) : bench.lba28(1000, 100);
    bench.command(opcode);
    bench.start(false);
    bench.run();
    CHECK(bench.bus_master_status() == 0x04);
    CHECK(bench.status() == 0x50);
    CHECK(bench.read28(1000, 100) == data);
    for (const uint8_t read : {0xc8, 0xc9, 0x25}) {
      bench.store(0x200000, Bytes(100 * 512));
      bench.table(0x2000, {{0x200000, 100 * 512}});
      read < 0xc0 ? bench.lba48(1000, 100) : bench.lba28(1000, 100);
      bench.command(read);
      bench.start(true);
      bench.run();
      CHECK(bench.load(0x200000, 100 * 512) == data);
      CHECK(bench.bus_master_status() == 0x04);
      CHECK(bench.status() == 0x50);
    }
  }
}

TEST_CASE("The bus master may be started before the command, and a count of 0 is 64 KiB", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x10000, 0x10000}, {0x20000, 0x10000}});
  bench.start(true);
  bench.run();
  CHECK(bench.bus_master_status() == 0x01);
  bench.lba28(0, 0);
  bench.command(0xc8);
  bench.run();
  CHECK(bench.bus_master_status() == 0x04);
  CHECK(bench.load(0x10000, 0x20000) == disk_sectors(0, 256));
}

TEST_CASE("A table longer than the transfer leaves active set beside the interrupt", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x10000, 4096}});
  read_dma(bench, 8, 1);
  CHECK(bench.bus_master_status() == 0x05);
  CHECK(bench.load(0x10000, 512) == disk_sectors(8, 1));
  CHECK(bench.load(0x10200, 512) == Bytes(512));
  bench.out(0xc000, 0);
  CHECK(bench.bus_master_status() == 0x04);
}

TEST_CASE("A table shorter than the transfer ends the bus master, and the drive waits on", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x10000, 512}});
  read_dma(bench, 8, 2);
  CHECK(bench.bus_master_status() == 0x00);
  CHECK_FALSE(bench.irq());
  CHECK(bench.alt() == 0x58);  // DRQ
  // Another start goes on where it ended.
  bench.out(0xc000, 0);
  bench.table(0x1000, {{0x18000, 512}});
  bench.start(true);
  bench.run();
  CHECK(bench.bus_master_status() == 0x04);
  CHECK(bench.load(0x18000, 512) == disk_sectors(9, 1));
}

TEST_CASE("Stopping loses what is under way, and a reset frees the drive", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x10000, 512}});
  bench.lba28(8, 1);
  bench.command(0xc8);
  bench.start(true);
  while ((bench.alt() & 0x08) == 0) REQUIRE(bench.step());
  bench.out(0xc000, 0x08);
  bench.run();
  CHECK(bench.bus_master_status() == 0x00);
  CHECK(bench.load(0x10000, 512) == Bytes(512));
  CHECK(bench.alt() == 0x58);
  bench.out(0x3f6, 0x04);
  bench.out(0x3f6, 0x00);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x50);
  CHECK(bench.read28(3, 1) == disk_sectors(3, 1));
}

TEST_CASE("A region that memory refuses sets the error bit and stops", "[disk][dma]") {
  struct Case {
    const char* what;
    std::vector<DiskBench::Region> regions;
    uint32_t table_at;
  };
  const Case cases[] = {{"no memory at a region", {{0x7fff0000, 512}}, 0x1000},
                        {"the second region passes the end", {{0x10000, 256}, {0xffffff00, 256}}, 0x1000},
                        {"no memory at the table", {}, 0x40000000}};
  for (const Case& wrong : cases) {
    INFO(wrong.what);
    DiskBench bench;
    bench.table(0x1000, wrong.regions);
    bench.out32(0xc004, wrong.table_at);
    read_dma(bench, 8, 1);
    CHECK(bench.bus_master_status() == 0x02);
    CHECK_FALSE(bench.irq());
    CHECK((bench.ide->pci().config_read(0x06, 2) & 0x2000) != 0);  // received master abort
    CHECK(bench.notices_seen.said("master abort"));
    bench.out(0xc002, 0x02);
    CHECK(bench.bus_master_status() == 0x00);
  }
}

TEST_CASE("The incrementer has 16 bits: a region that crosses 64 KiB wraps", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x2ff00, 512}});
  read_dma(bench, 77, 1);
  const Bytes sector = disk_sectors(77, 1);
  CHECK(bench.load(0x2ff00, 256) == Bytes(sector.begin(), sector.begin() + 256));
  CHECK(bench.load(0x20000, 256) == Bytes(sector.begin() + 256, sector.end()));
  CHECK(bench.load(0x30000, 256) == Bytes(256));
  CHECK(bench.notices_seen.said("cross 64 KiB"));
}

TEST_CASE("Bit 0 of addresses and counts is taken as 0", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x10001, 513}});
  read_dma(bench, 5, 1);
  CHECK(bench.load(0x10000, 512) == disk_sectors(5, 1));
  CHECK(bench.bus_master_status() == 0x04);
  CHECK(bench.notices_seen.said("odd address or count"));
}

TEST_CASE("A table without end lasts as long as the drive has data", "[disk][dma]") {
  DiskBench bench;
  // Every dword of memory from 0x1000 on is a descriptor of 2 bytes without EOT.
  std::vector<DiskBench::Region> regions(2000, DiskBench::Region{0x100000, 2});
  bench.table(0x1000, regions, false);
  read_dma(bench, 5, 1);
  CHECK(bench.irq());
  CHECK(bench.bus_master_status() == 0x05);
  const Bytes sector = disk_sectors(5, 1);
  CHECK(bench.load(0x100000, 2) == Bytes(sector.end() - 2, sector.end()));
}

TEST_CASE("A direction other than the drive's is an error", "[disk][dma]") {
  DiskBench bench;
  bench.table(0x1000, {{0x10000, 512}});
  bench.lba28(5, 1);
  bench.command(0xc8);
  bench.start(false);
  bench.run();
  CHECK(bench.bus_master_status() == 0x02);
  CHECK(bench.alt() == 0x58);
  CHECK(bench.notices_seen.said("BMICOM"));
}

TEST_CASE("Without the bus a transfer waits until the PCI command register gives it", "[disk][dma]") {
  DiskBench bench;
  bench.ide->pci().config_write(0x04, 2, 0x0001);
  bench.table(0x1000, {{0x10000, 512}});
  read_dma(bench, 5, 1);
  CHECK(bench.bus_master_status() == 0x01);
  CHECK_FALSE(bench.irq());
  CHECK(bench.notices_seen.said("bus mastering"));
  bench.ide->pci().config_write(0x04, 2, 0x0005);
  bench.run();
  CHECK(bench.bus_master_status() == 0x04);
  CHECK(bench.load(0x10000, 512) == disk_sectors(5, 1));
}

TEST_CASE("An interrupt of a PIO command shows in BMISTA, too", "[disk][dma]") {
  DiskBench bench;
  CHECK(bench.read28(0, 1).size() == 512);
  CHECK(bench.bus_master_status() == 0x04);
}

TEST_CASE("Ultra DMA works, with a notice that a PIIX3 has none", "[disk][dma]") {
  DiskBench bench;
  CHECK(bench.simple(0xef, 0x03, 0x42) == 0x50);
  bench.table(0x1000, {{0x10000, 512}});
  read_dma(bench, 5, 1);
  CHECK(bench.load(0x10000, 512) == disk_sectors(5, 1));
  CHECK(bench.notices_seen.said("Ultra DMA mode 2"));
}
