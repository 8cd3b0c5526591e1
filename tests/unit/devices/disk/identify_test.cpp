// Proves the words of IDENTIFY DEVICE, restated from ATA/ATAPI-7.
#include "devices/disk/identify.h"
#include "tests/unit/devices/disk/disk_bench.h"

using namespace ringside;

namespace {

std::string text(const std::vector<uint16_t>& words, size_t first, size_t count) {
  std::string text;
  for (size_t i = first; i < first + count; ++i) {
    text += static_cast<char>(words[i] >> 8);
    text += static_cast<char>(words[i]);
  }
  return text;
}

}  // namespace

TEST_CASE("IDENTIFY DEVICE names the drive and what it can do", "[disk][identify]") {
  DiskBenchOptions options;
  options.sectors = 20000;
  options.drive.serial = "S123";
  options.drive.firmware = "FW2.1";
  options.drive.model = "MODEL\tX";
  DiskBench bench(options);
  const auto words = bench.identify();
  REQUIRE(words.size() == 256);
  CHECK(words[0] == 0x0040);  // ATA, fixed
  CHECK(words[1] == 19);      // 20000 / (16 * 63)
  CHECK(words[3] == 16);
  CHECK(words[6] == 63);
  CHECK(text(words, 10, 10) == "S123                ");
  CHECK(text(words, 23, 4) == "FW2.1   ");
  CHECK(text(words, 27, 20) == "MODEL X                                 ");
  CHECK(words[47] == 0x8010);
  CHECK((words[49] & 0x0300) == 0x0300);  // LBA, DMA
  CHECK((words[50] & 0xc000) == 0x4000);
  CHECK((words[53] & 7) == 7);
  CHECK((words[57] | words[58] << 16) == 19 * 16 * 63);
  CHECK(words[59] == 0);
  CHECK((words[60] | words[61] << 16) == 20000);
  CHECK(words[63] == 0x0407);  // Multiword DMA 0-2, mode 2 selected
  CHECK(words[64] == 0x0003);
  CHECK(words[65] == 120);
  CHECK(words[68] == 120);
  CHECK((words[80] & 0x0080) != 0);       // ATA/ATAPI-7
  CHECK((words[82] & 0x0001) == 0);       // no SMART
  CHECK((words[82] & 0x0002) == 0);       // no security
  CHECK((words[82] & 0x0400) == 0);       // no host protected area
  CHECK((words[82] & 0x0028) == 0x0028);  // power management, write cache
  CHECK(words[83] == 0x7400);             // valid; FLUSH CACHE EXT, FLUSH CACHE, 48-bit
  CHECK((words[84] & 0xc000) == 0x4000);
  CHECK((words[85] & 0x0020) != 0);  // write cache on
  CHECK((words[86] & 0x3400) == 0x3400);
  CHECK((words[87] & 0xc000) == 0x4000);
  CHECK(words[88] == 0x003f);  // Ultra DMA 0-5, none selected
  CHECK((words[93] & 0xc001) == 0x4001);
  CHECK(words[100] == 20000);
  CHECK(words[101] == 0);
  // Word 255: signature A5h, and all bytes sum up to 0.
  CHECK((words[255] & 0xff) == 0xa5);
  unsigned sum = 0;
  for (const uint16_t word : words) sum += (word & 0xff) + (word >> 8);
  CHECK((sum & 0xff) == 0);
}

TEST_CASE("Large capacities saturate the CHS and 28-bit words", "[disk][identify]") {
  AtaIdentity identity;
  identity.capacity = 0x1'2345'6789'abcd & 0xffff'ffff'ffff;
  AtaSettings settings;
  settings.translation = AtaGeometry::for_capacity(identity.capacity);
  const auto words = identify_words(identity, settings);
  CHECK(words[1] == 16383);
  CHECK((words[57] | words[58] << 16) == 16514064);
  CHECK((words[60] | static_cast<uint32_t>(words[61]) << 16) == 0x0fffffff);
  CHECK(words[100] == 0xabcd);
  CHECK(words[101] == 0x6789);
  CHECK(words[102] == 0x2345);
  CHECK(words[103] == 0);
}

TEST_CASE("Disks smaller than a cylinder, or empty, have a translation, too", "[disk][identify]") {
  CHECK(AtaGeometry::for_capacity(0).cylinders == 0);
  CHECK(AtaGeometry::for_capacity(5).cylinders == 1);
  CHECK(AtaGeometry::for_capacity(5).addressable(5) == 5);
  const auto address = AtaGeometry::for_capacity(5).from_lba(4);
  CHECK(address.sector == 5);
}

TEST_CASE("SET FEATURES shows in the words: transfer modes, write cache, look-ahead", "[disk][identify]") {
  DiskBench bench;
  const auto set = [&](uint8_t features, uint8_t count) { return bench.simple(0xef, features, count); };
  CHECK(set(0x03, 0x45) == 0x50);  // Ultra DMA 5
  CHECK(bench.identify()[88] == 0x203f);
  CHECK(bench.identify()[63] == 0x0007);
  CHECK(set(0x03, 0x20) == 0x50);  // Multiword DMA 0
  CHECK(bench.identify()[88] == 0x003f);
  CHECK(bench.identify()[63] == 0x0107);
  CHECK(set(0x03, 0x0c) == 0x50);  // PIO 4
  for (const uint8_t refused : {0x02, 0x0d, 0x10, 0x18, 0x23, 0x46, 0x80, 0xff}) {
    CAPTURE(static_cast<int>(refused));
    CHECK(set(0x03, refused) == 0x51);
    CHECK(bench.error() == 0x04);
  }
  CHECK(set(0x82, 0) == 0x50);
  CHECK((bench.identify()[85] & 0x20) == 0);
  CHECK(set(0x02, 0) == 0x50);
  CHECK((bench.identify()[85] & 0x20) != 0);
  CHECK(set(0x55, 0) == 0x50);
  CHECK((bench.identify()[85] & 0x40) == 0);
  CHECK(set(0xaa, 0) == 0x50);
  CHECK((bench.identify()[85] & 0x40) != 0);
  CHECK(set(0x05, 0x80) == 0x51);  // advanced power management is not offered
  CHECK(bench.error() == 0x04);
  CHECK(bench.notices_seen.said("SET FEATURES subcommand 0x05"));
}

TEST_CASE("SET MULTIPLE MODE takes powers of two up to 16", "[disk][identify]") {
  DiskBench bench;
  for (const uint8_t good : {1, 2, 4, 8, 16}) {
    CHECK(bench.simple(0xc6, 0, good) == 0x50);
    CHECK(bench.identify()[59] == (0x0100 | good));
  }
  for (const uint8_t bad : {3, 15, 17, 32, 255}) {
    CHECK(bench.simple(0xc6, 0, bad) == 0x51);
    CHECK(bench.identify()[59] == 0);  // disabled
  }
  CHECK(bench.simple(0xc6, 0, 16) == 0x50);
  CHECK(bench.simple(0xc6, 0, 0) == 0x50);
  CHECK(bench.identify()[59] == 0);
}

TEST_CASE("Feature sets that IDENTIFY does not offer end with ABRT", "[disk][identify]") {
  DiskBench bench;
  // SMART, device configuration, security, host protected area, PACKET, IDENTIFY PACKET DEVICE, DEVICE RESET,
  // queued commands, CFA, media status, DOWNLOAD MICROCODE, READ LONG, and what nobody has.
  for (const uint8_t opcode :
       {0xb0, 0xb1, 0xf1, 0xf2, 0xf5, 0xf6, 0xf8, 0xf9, 0x27, 0x37, 0xa0, 0xa1, 0x08,
        0xc7, 0xcc, 0x26, 0x36, 0xc0, 0x03, 0xda, 0xde, 0x92, 0x22, 0x32, 0x50, 0xff}) {
    CAPTURE(static_cast<int>(opcode));
    CHECK(bench.simple(opcode) == 0x51);
    CHECK(bench.error() == 0x04);
  }
  CHECK(bench.notices_seen.said("command 0xb0"));
  CHECK(bench.simple(0x00) == 0x51);  // NOP always ends so
  CHECK(bench.error() == 0x04);
}

TEST_CASE("Power modes are as CHECK POWER MODE gives them", "[disk][power]") {
  DiskBenchOptions options;
  options.drive.timing.spin_up = milliseconds(700);
  DiskBench bench(options);
  const auto mode = [&] {
    CHECK(bench.simple(0xe5) == 0x50);
    return bench.in(0x1f2);
  };
  CHECK(mode() == 0xff);
  CHECK(bench.simple(0xe1) == 0x50);  // IDLE IMMEDIATE
  CHECK(mode() == 0x80);
  CHECK(bench.simple(0xe0) == 0x50);  // STANDBY IMMEDIATE
  CHECK(mode() == 0x00);
  CHECK(bench.identify().size() == 256);  // does not turn the medium
  CHECK(mode() == 0x00);
  const Tick before = bench.clock.now;
  CHECK(bench.read28(1, 1) == disk_sectors(1, 1));
  CHECK((bench.clock.now - before) > milliseconds(700));
  CHECK((bench.clock.now - before) < milliseconds(702));
  CHECK(mode() == 0xff);

  CHECK(bench.simple(0xe3, 0, 2) == 0x50);  // IDLE: standby after 10 s
  bench.run_for(seconds(9));
  CHECK(mode() == 0x80);
  bench.run_for(seconds(11));
  CHECK(mode() == 0x00);
  CHECK(bench.simple(0xe2, 0, 0) == 0x50);  // STANDBY, timer off
  CHECK(mode() == 0x00);
}

TEST_CASE("A drive that sleeps hears resets only", "[disk][power]") {
  DiskBench bench;
  CHECK(bench.simple(0xe6) == 0x50);
  bench.out(0x1f7, 0xec);
  bench.run();
  CHECK((bench.alt() & 0x88) == 0);
  CHECK(bench.notices_seen.said("sleeps"));
  bench.out(0x3f6, 0x04);
  bench.out(0x3f6, 0x00);
  REQUIRE(bench.wait());
  CHECK(bench.simple(0xe5) == 0x50);
  CHECK(bench.in(0x1f2) == 0x00);  // standby
  CHECK(bench.read28(1, 1) == disk_sectors(1, 1));
}
