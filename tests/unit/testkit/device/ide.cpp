// Proves that a test can drive an IDE disk without a processor: IDENTIFY DEVICE by PIO, READ DMA and WRITE
// DMA by the bus master, as ATA/ATAPI-7 and the PIIX3's datasheet (290550) have it, and that the medium is
// the test's.
#include <catch2/catch.hpp>

#include "ringside/device.h"

using namespace ringside::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

enum : uint8_t {
  kData = 0,
  kCount = 2,
  kLow = 3,
  kMid = 4,
  kHigh = 5,
  kDevice = 6,
  kStatus = 7,
  kCommand = 7
};

Bytes pattern(size_t bytes, uint8_t seed) {
  Bytes made(bytes);
  for (size_t i = 0; i < bytes; ++i) made[i] = static_cast<uint8_t>(seed + i * 7 + i / 512);
  return made;
}

struct Driver {
  Ide& ide;
  Registers command = ide.command(), control = ide.control(), master = ide.bus_master();

  void address(uint32_t lba, uint8_t count) const {
    command.write8(kDevice, static_cast<uint8_t>(0xe0 | (lba >> 24 & 0xf)));
    command.write8(kCount, count);
    command.write8(kLow, static_cast<uint8_t>(lba));
    command.write8(kMid, static_cast<uint8_t>(lba >> 8));
    command.write8(kHigh, static_cast<uint8_t>(lba >> 16));
  }
  void start_dma(const Buffer& table, const Buffer& data, bool to_memory, uint8_t opcode) const {
    table.store<uint32_t>(0, static_cast<uint32_t>(data.address()));
    table.store<uint32_t>(4, 0x80000000u | static_cast<uint32_t>(data.size()));
    master.write32(4, static_cast<uint32_t>(table.address()));
    master.write8(2, 0x06);
    master.write8(0, to_memory ? 0x08 : 0x00);
    command.write8(kCommand, opcode);
    master.write8(0, to_memory ? 0x09 : 0x01);
  }
  void finish_dma() const {
    ide.irq().within(50ms).expect_raised();
    CHECK((master.read8(2) & 0x07) == 0x04);
    master.write8(0, 0);
    CHECK(command.read8(kStatus) == 0x50);
    master.write8(2, 0x04);
    ide.irq().expect_lowered();
  }
};

}  // namespace

TEST_CASE("ide: IDENTIFY DEVICE", "[testkit][device]") {
  DeviceBench bench;
  Ide& ide = bench.add_ide();
  ide.add_disk({.sectors = 8192});
  const Driver driver{ide};
  driver.command.write8(kDevice, 0xa0);
  driver.command.write8(kCommand, 0xec);
  ide.irq().within(10ms).expect_raised();
  CHECK((driver.command.read8(kStatus) & 0x89) == 0x08);
  std::vector<uint16_t> words(256);
  for (uint16_t& word : words) word = driver.command.read16(kData);
  CHECK((words[60] | words[61] << 16) == 8192);
  CHECK((words[0] & 0x8000) == 0);
  CHECK(std::string{static_cast<char>(words[27] >> 8), static_cast<char>(words[27])} == "RI");
  bench.advance(1us);
  CHECK((driver.control.read8(0) & 0x88) == 0);
  bench.finish();
}

TEST_CASE("ide: READ DMA and WRITE DMA", "[testkit][device]") {
  DeviceBench bench;
  Ide& ide = bench.add_ide();
  Disk& disk = ide.add_disk();
  const Driver driver{ide};
  const Buffer table = bench.memory().allocate(8, 4), data = bench.memory().allocate(8 * 512);
  disk.write(100, pattern(8 * 512, 3));

  driver.address(100, 8);
  driver.start_dma(table, data, true, 0xc8);
  driver.finish_dma();
  CHECK(data.copy(0, data.size()) == pattern(8 * 512, 3));
  CHECK(bench.wire("dma/ide").where(field("op") == "write" && field("length") == 4096).size() >= 1);

  data.put(0, pattern(8 * 512, 99));
  driver.address(200, 8);
  driver.start_dma(table, data, false, 0xca);
  driver.finish_dma();
  driver.command.write8(kCommand, 0xe7);  // FLUSH CACHE
  ide.irq().within(50ms).expect_raised();
  CHECK(driver.command.read8(kStatus) == 0x50);
  CHECK(disk.read(200, 8) == pattern(8 * 512, 99));
  bench.memory().expect_no_stray_dma();
  bench.finish();
}

TEST_CASE("ide: a transfer into memory that was taken back is told", "[testkit][device]") {
  DeviceBench bench;
  Ide& ide = bench.add_ide();
  ide.add_disk();
  const Driver driver{ide};
  const Buffer table = bench.memory().allocate(8, 4), data = bench.memory().allocate(512);
  driver.address(0, 1);
  driver.start_dma(table, data, true, 0xc8);
  bench.memory().free(data);
  driver.finish_dma();
  CHECK_THROWS_WITH(bench.memory().expect_no_stray_dma(), Contains("stores 512 bytes"));
  CHECK_THROWS_WITH(bench.expect_clean(), Contains("bench/stray_dma"));
  CHECK_THROWS_AS(bench.memory().free(data), Error);
}

TEST_CASE("ide: what the medium fails, the driver sees", "[testkit][device]") {
  DeviceBench bench;
  Ide& ide = bench.add_ide();
  ide.add_disk();
  const Driver driver{ide};
  bench.fault("image/disk0@1 fail(-5)");
  driver.address(5, 1);
  driver.command.write8(kCommand, 0x20);
  ide.irq().within(50ms).expect_raised();
  CHECK((driver.command.read8(kStatus) & 0x81) == 0x01);
  bench.expect_faults_struck();
}

TEST_CASE("ide: a disk's errors are the test's", "[testkit][device]") {
  DeviceBench bench;
  Ide& ide = bench.add_ide();
  Disk& disk = ide.add_disk({.sectors = 16});
  CHECK(disk.sectors() == 16);
  CHECK_THROWS_AS(disk.read(16), Error);
  CHECK_THROWS_AS(disk.read(0, 17), Error);
  CHECK_THROWS_AS(disk.write(0, Bytes(100)), Error);
  CHECK_THROWS_AS(ide.add_disk({.name = "disk1"}), Error);
  CHECK_THROWS_WITH(ide.add_disk({.name = "disk1", .image = "/no/such", .unit = 1}), Contains("/no/such"));
  CHECK_THROWS_AS(bench.add_ide(), Error);
}
