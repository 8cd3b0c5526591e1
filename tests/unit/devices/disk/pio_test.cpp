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
  options.sectors = 66000;
  DiskBench bench(options);
  CHECK(bench.read28(700, 0) == disk_sectors(700, 256));
  bench.lba48(1, 0);
  bench.command(0x24);
  unsigned blocks = 0;
  const Bytes got = bench.take(512, &blocks);
  CHECK(blocks == 65536);
  CHECK(got == disk_sectors(1, 65536));
}

TEST_CASE("One command is one request to the image, as long as the drive's buffer holds it", "[disk][pio]") {
  DiskBench bench;
  FaultTap image;
  bench.wiring.add_tap(image, "image/disk0");
  CHECK(bench.read28(0, 0).size() == 256 * 512);
  CHECK(image.seen.size() == 1);
}

TEST_CASE("32-bit accesses of the Data register are two words, 8-bit ones lose the upper half",
          "[disk][pio]") {
  DiskBench bench;
  const Bytes sector = disk_sectors(5, 1);
  bench.lba28(5, 1);
  bench.command(0x20);
  REQUIRE(bench.wait());
  uint32_t first;
  std::memcpy(&first, sector.data(), 4);
  CHECK(bench.in32(0x1f0) == first);
  CHECK(bench.in(0x1f0) == sector[4]);
  CHECK(bench.in16(0x1f0) == (sector[6] | sector[7] << 8));
  CHECK(bench.notices_seen.said("moves a whole word"));
}

TEST_CASE("READ MULTIPLE passes blocks of the size that was set, the last one shorter", "[disk][pio]") {
  DiskBench bench;
  bench.lba28(10, 8);
  bench.command(0xc4);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x51);  // not enabled yet
  CHECK(bench.error() == 0x04);   // ABRT
  CHECK(bench.simple(0xc6, 0, 4) == 0x50);
  CHECK(bench.identify()[59] == 0x0104);
  for (const bool ext : {false, true}) {
    ext ? bench.lba48(10, 10) : bench.lba28(10, 10);
    bench.command(ext ? 0x29 : 0xc4);
    Bytes got;
    for (const size_t sectors : {4u, 4u, 2u}) {
      REQUIRE(bench.wait());
      CHECK(bench.irq());
      CHECK(bench.status() == 0x58);
      for (size_t i = 0; i < sectors * 256; ++i) {
        CHECK_FALSE((bench.alt() & 0x80));
        const uint16_t word = bench.in16(0x1f0);
        got.push_back(static_cast<uint8_t>(word));
        got.push_back(static_cast<uint8_t>(word >> 8));
      }
      CHECK((bench.alt() & 0x08) == 0);
    }
    CHECK(bench.status() == 0x50);
    CHECK(got == disk_sectors(10, 10));
  }
}

TEST_CASE("WRITE SECTORS asks for the first block without an interrupt and ends with one", "[disk][pio]") {
  DiskBench bench;
  const Bytes data = pattern(2 * 512, 3);
  bench.lba28(20, 2);
  bench.command(0x30);
  REQUIRE(bench.wait());
  CHECK(bench.alt() == 0x58);
  CHECK_FALSE(bench.irq());
  for (size_t at = 0; at < 512; at += 2)
    bench.out16(0x1f0, static_cast<uint16_t>(data[at] | data[at + 1] << 8));
  CHECK((bench.alt() & 0x80) != 0);
  REQUIRE(bench.wait());
  CHECK(bench.irq());
  CHECK(bench.status() == 0x58);
  for (size_t at = 512; at < 1024; at += 2)
    bench.out16(0x1f0, static_cast<uint16_t>(data[at] | data[at + 1] << 8));
  REQUIRE(bench.wait());
  CHECK(bench.irq());
  CHECK(bench.status() == 0x50);
  CHECK(bench.read28(20, 2) == data);
  CHECK(bench.read28(19, 1) == disk_sectors(19, 1));
  CHECK(bench.read28(22, 1) == disk_sectors(22, 1));
}

TEST_CASE("Every PIO write command stores its data", "[disk][pio]") {
  DiskBenchOptions options;
  options.drive.buffer_sectors = 16;
  DiskBench bench(options);
  REQUIRE(bench.simple(0xc6, 0, 16) == 0x50);
  uint8_t seed = 0;
  for (const uint8_t opcode : {0x30, 0x31, 0x34, 0xc5, 0x39, 0xce}) {
    CAPTURE(static_cast<int>(opcode));
    const bool ext = opcode == 0x34 || opcode == 0x39 || opcode == 0xce;
    const bool multiple = opcode == 0xc5 || opcode == 0x39 || opcode == 0xce;
    const Bytes data = pattern(35 * 512, ++seed);
    ext ? bench.lba48(300, 35) : bench.lba28(300, 35);
    bench.command(opcode);
    bench.give(data, multiple ? 16 * 512 : 512);
    REQUIRE(bench.wait());
    CHECK(bench.status() == 0x50);
    CHECK(bench.read28(300, 35) == data);
  }
}

TEST_CASE("CHS addresses count sectors from 1 and follow INITIALIZE DEVICE PARAMETERS", "[disk][pio]") {
  DiskBench bench;
  const auto read_chs = [&](unsigned cylinder, unsigned head, unsigned sector) {
    bench.out(0x1f6, static_cast<uint8_t>(0xa0 | head));
    bench.out(0x1f2, 1);
    bench.out(0x1f3, static_cast<uint8_t>(sector));
    bench.out(0x1f4, static_cast<uint8_t>(cylinder));
    bench.out(0x1f5, static_cast<uint8_t>(cylinder >> 8));
    bench.command(0x20);
    return bench.take();
  };
  CHECK(read_chs(0, 0, 1) == disk_sectors(0, 1));
  CHECK(read_chs(0, 1, 1) == disk_sectors(63, 1));
  CHECK(read_chs(2, 3, 7) == disk_sectors((2 * 16 + 3) * 63 + 6, 1));
  CHECK(read_chs(0, 0, 0).empty());  // there is no sector 0
  CHECK(bench.status() == 0x51);
  CHECK(bench.error() == 0x10);
  CHECK(read_chs(0, 0, 64).empty());
  CHECK(read_chs(4, 0, 1).empty());  // 4096 sectors are four cylinders and a part

  CHECK(bench.simple(0x91, 0, 32, 0xa7) == 0x50);  // 8 heads, 32 sectors
  CHECK(read_chs(1, 1, 1) == disk_sectors((8 + 1) * 32, 1));
  const auto words = bench.identify();
  CHECK(words[54] == 16);  // cylinders: 4096 / 256
  CHECK(words[55] == 8);
  CHECK(words[56] == 32);
  CHECK((words[57] | words[58] << 16) == 4096);
  CHECK(words[1] == 4);  // the power-on translation stays
  CHECK(bench.simple(0x91, 0, 0, 0xa7) == 0x51);
}

TEST_CASE("A transfer that leaves the disk gives IDNF and the first sector that is not there",
          "[disk][pio]") {
  DiskBench bench;
  const auto lba = [&] {
    return bench.in(0x1f3) | bench.in(0x1f4) << 8 | bench.in(0x1f5) << 16 | (bench.in(0x1f6) & 0xf) << 24;
  };
  for (const uint8_t opcode : {0x20, 0x30, 0x40, 0xc8, 0xca}) {
    bench.lba28(4090, 7);
    bench.command(opcode);
    REQUIRE(bench.wait());
    CHECK(bench.irq());
    CHECK(bench.status() == 0x51);
    CHECK(bench.error() == 0x10);
    CHECK(lba() == 4096);
  }
  bench.lba48(0x123456789abc, 1);
  bench.command(0x24);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x51);
  CHECK(bench.in(0x1f3) == 0xbc);
  CHECK(bench.in(0x1f5) == 0x78);
  bench.out(0x3f6, 0x80);  // HOB: the upper halves
  CHECK(bench.in(0x1f3) == 0x56);
  CHECK(bench.in(0x1f4) == 0x34);
  CHECK(bench.in(0x1f5) == 0x12);
  bench.out(0x1f2, 1);  // a write to the command block ends HOB
  CHECK(bench.in(0x1f3) == 0xbc);
}

TEST_CASE("READ BUFFER gives what WRITE BUFFER left; READ VERIFY and SEEK move no data", "[disk][pio]") {
  DiskBench bench;
  const Bytes data = pattern(512, 9);
  bench.command(0xe8);
  bench.give(data);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x50);
  bench.command(0xe4);
  CHECK(bench.take() == data);

  for (const uint8_t opcode : {0x40, 0x41, 0x42}) {
    opcode == 0x42 ? bench.lba48(100, 50) : bench.lba28(100, 50);
    bench.command(opcode);
    REQUIRE(bench.wait());
    CHECK(bench.irq());
    CHECK(bench.status() == 0x50);
  }
  bench.lba28(4095, 1);
  bench.command(0x70);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x50);
  bench.lba28(4096, 1);
  bench.command(0x7f);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x51);
  CHECK(bench.error() == 0x10);
  CHECK(bench.simple(0x1c) == 0x50);  // RECALIBRATE
}

TEST_CASE("A read-only disk aborts writes and keeps its contents", "[disk][pio]") {
  DiskBenchOptions options;
  options.drive.read_only = true;
  DiskBench bench(options);
  bench.lba28(7, 1);
  bench.command(0x30);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x51);
  CHECK(bench.error() == 0x04);
  CHECK(bench.notices_seen.said("read-only"));
  CHECK(bench.read28(7, 1) == disk_sectors(7, 1));
}
