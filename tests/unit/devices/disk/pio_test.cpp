// Proves the PIO commands: what they read and write, in which DRQ blocks, with which interrupts, and how
// errors look in the registers. It cannot prove that a real drive takes these times.
#include "tests/unit/devices/disk/disk_bench.h"

using namespace ringside;

TEST_CASE("READ SECTORS gives the sectors of the medium, one DRQ block and interrupt each", "[disk][pio]") {
  DiskBench bench;
  bench.lba28(1000, 3);
  bench.command(0x20);
  CHECK(bench.alt() == 0xd0);  // busy, and no data yet
  CHECK_FALSE(bench.irq());
  Bytes got;
  for (unsigned block = 0; block < 3; ++block) {
    REQUIRE(bench.wait());
    CHECK(bench.irq());
    CHECK(bench.status() == 0x58);  // DRDY, DSC, DRQ
    CHECK_FALSE(bench.irq());
    for (unsigned i = 0; i < 256; ++i) {
      const uint16_t word = bench.in16(0x1f0);
      got.push_back(static_cast<uint8_t>(word));
      got.push_back(static_cast<uint8_t>(word >> 8));
    }
  }
  CHECK(bench.status() == 0x50);
  bench.run();
  CHECK_FALSE(bench.irq());  // a read ends without one
  CHECK(got == disk_sectors(1000, 3));
}

TEST_CASE("A count of 0 means 256 sectors, or 65536 with 48-bit addresses", "[disk][pio]") {
  DiskBenchOptions options;
  options.drive.buffer_sectors = 64;  // several requests to the medium
  DiskBench bench(options);
  CHECK(bench.read28(700, 0) == disk_sectors(700, 256));
  // 65536 do not fit on this disk: the first sector behind it is named.
  bench.lba48(1, 0);
  bench.command(0x24);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x51);
  CHECK(bench.error() == 0x10);    // IDNF
  CHECK(bench.in(0x1f4) == 0x10);  // sector 4096
}
