// The firmware configuration device as SeaBIOS drives it: bytes by port, and transfers by DMA. Keys and
// layouts are those of QEMU's docs/specs/fw_cfg.rst, restated.
#include "boot/fw_cfg.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/support/boot_file.h"

using namespace ringside;

namespace {

struct Bench {
  explicit Bench(const FwCfgConfig& config = {}) : device(site, config, dma) {
    ports.map("fw_cfg", 0x510, 12, device);
  }
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  DeviceSite site{"dom1", "fw_cfg", clock, events, wiring, notices};
  Bus ports{Bus::Space::ports, site.named("pio")};
  std::unique_ptr<Memory> memory = make_memory(2);
  DmaPort dma{site, *memory};
  FwCfg device;

  std::vector<uint8_t> item(uint16_t key, size_t bytes) {
    ports.write(0x510, 2, key);
    std::vector<uint8_t> contents(bytes);
    for (uint8_t& byte : contents) byte = static_cast<uint8_t>(ports.read(0x511, 1));
    return contents;
  }
  // The file's contents by the directory; empty where there is none.
  std::vector<uint8_t> file(const std::string& name) {
    const auto count = item(0x19, 4);
    const auto directory = item(0x19, 4 + size_t{64} * count[3]);
    for (size_t entry = 4; entry < directory.size(); entry += 64) {
      if (name != reinterpret_cast<const char*>(directory.data() + entry + 8)) continue;
      const size_t bytes = directory[entry + 2] << 8 | directory[entry + 3];
      return item(static_cast<uint16_t>(directory[entry + 4] << 8 | directory[entry + 5]), bytes);
    }
    return {};
  }
  // Control and length, as the guest writes them; the control field behind the transfer.
  uint32_t transfer(uint32_t control, uint32_t length, uint64_t address) {
    constexpr uint64_t kAccess = 0x1000;
    memory->store(GuestPhys{kAccess}, __builtin_bswap32(control));
    memory->store(GuestPhys{kAccess + 4}, __builtin_bswap32(length));
    memory->store(GuestPhys{kAccess + 8}, __builtin_bswap64(address));
    ports.write(0x518, 4, __builtin_bswap32(kAccess));
    return __builtin_bswap32(memory->load<uint32_t>(GuestPhys{kAccess}));
  }
};

std::vector<uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("the device is found by its signatures") {
  Bench bench;
  CHECK(bench.item(0, 4) == bytes_of("QEMU"));
  CHECK(bench.item(1, 4) == std::vector<uint8_t>{3, 0, 0, 0});  // ports and DMA
  CHECK(bench.ports.read(0x514, 4) == 0x554d4551);              // "QEMU"
  CHECK(bench.ports.read(0x518, 4) == 0x47464320);              // " CFG"
}

TEST_CASE("items tell of the machine, and end in zeros") {
  FwCfgConfig config;
  config.ram_bytes = 0x12345000;
  Bench bench(config);
  CHECK(bench.item(3, 10) == std::vector<uint8_t>{0, 0x50, 0x34, 0x12, 0, 0, 0, 0, 0, 0});
  CHECK(bench.item(5, 2) == std::vector<uint8_t>{1, 0});
  CHECK(bench.item(0x0e, 2) == std::vector<uint8_t>{0, 0});  // no boot menu
  CHECK(bench.notices.count(NoticeKind::unhandled) == 0);
  CHECK(bench.item(0x7777, 2) == std::vector<uint8_t>{0, 0});
  CHECK(bench.notices.count(NoticeKind::unhandled) == 1);
}

TEST_CASE("the memory map has RAM on both sides of the PCI window") {
  FwCfgConfig config;
  config.memory_end = 0x1'4000'0000;
  Bench bench(config);
  const auto map = bench.file("etc/e820");
  REQUIRE(map.size() == 40);
  const auto number = [&](size_t offset) {
    uint64_t value;
    std::memcpy(&value, map.data() + offset, sizeof value);
    return value;
  };
  CHECK(number(0) == 0);
  CHECK(number(8) == 0xe0000000);
  CHECK(map[16] == 1);
  CHECK(number(20) == 0x1'0000'0000);
  CHECK(number(28) == 0x4000'0000);
}

TEST_CASE("optional files are there when they are wanted") {
  Bench plain;
  CHECK(plain.file("etc/sercon-port").empty());
  CHECK(plain.file("etc/table-loader").empty());
  CHECK(plain.item(0x04, 2) ==
        std::vector<uint8_t>{0, 0});  // "no graphic" would make it take COM1 all the same
  FwCfgConfig config;
  config.serial_console_port = 0x3f8;
  config.boot_order = "/pci@i0cf8/ide@1,1/drive@0/disk@0\n";
  Bench bench(config);
  CHECK(bench.file("etc/sercon-port") == std::vector<uint8_t>{0xf8, 0x03});
  CHECK(bench.item(0x04, 2) == std::vector<uint8_t>{1, 0});
  CHECK(bench.file("bootorder").size() == config.boot_order.size() + 1);
}

TEST_CASE("DMA reads an item, or a part of it") {
  Bench bench;
  bench.device.add_file("opt/test", bytes_of("0123456789"));
  const auto contents = bench.file("opt/test");
  REQUIRE(contents == bytes_of("0123456789"));
  // The key of the file: the directory is sorted by name, and this one is the last.
  const auto directory = bench.item(0x19, 4 + 64 * 3);
  const uint32_t key = directory[4 + 64 * 2 + 4] << 8 | directory[4 + 64 * 2 + 5];
  CHECK(bench.transfer(key << 16 | 8 | 2, 4, 0x2000) == 0);  // select and read
  CHECK(std::memcmp(bench.memory->at(GuestPhys{0x2000}, 4), "0123", 4) == 0);
  CHECK(bench.transfer(4, 3, 0) == 0);  // skip
  CHECK(bench.transfer(2, 5, 0x2000) == 0);
  CHECK(std::memcmp(bench.memory->at(GuestPhys{0x2000}, 5), "789\0\0", 5) == 0);
}

TEST_CASE("bad transfers are answered with the error bit") {
  Bench bench;
  CHECK(bench.transfer(2, 4, 0x4000'0000) == 1);         // no RAM there
  CHECK(bench.transfer(2, 0xffffffff, 0x1f'f000) == 1);  // leaves it
  CHECK(bench.transfer(16, 4, 0x2000) == 1);             // a write
  bench.ports.write(0x514, 4, __builtin_bswap32(0x10));
  bench.ports.write(0x518, 4, 0);  // the access itself is not in RAM: nothing happens
  bench.ports.write(0x511, 1, 5);
  CHECK(bench.notices.count(NoticeKind::unusual) >= 2);
}

TEST_CASE("a BIOS that follows the loader's script gets the tables that a kernel would") {
  AcpiTables tables{AcpiConfig{}};
  FwCfgConfig config;
  config.acpi = &tables;
  Bench bench(config);
  std::map<std::string, std::vector<uint8_t>> files;
  std::map<std::string, uint64_t> bases = {{"etc/acpi/rsdp", 0xe0000}, {"etc/acpi/tables", 0xe0040}};
  const auto script = bench.file("etc/table-loader");
  REQUIRE(script.size() % 128 == 0);
  const auto number = [&](size_t offset) {
    uint32_t value;
    std::memcpy(&value, script.data() + offset, sizeof value);
    return value;
  };
  const auto name = [&](size_t offset) {
    return std::string(reinterpret_cast<const char*>(script.data() + offset));
  };
  for (size_t at = 0; at < script.size(); at += 128) {
    const std::string file = name(at + 4);
    switch (number(at)) {
      case 1: files[file] = bench.file(file); break;
      case 2: {
        const uint32_t offset = number(at + 116);
        const uint8_t size = script[at + 120];
        REQUIRE(offset + size <= files.at(file).size());
        uint64_t value = 0;
        std::memcpy(&value, files[file].data() + offset, size);
        value += bases.at(name(at + 60));
        std::memcpy(files[file].data() + offset, &value, size);
        break;
      }
      case 3: {
        uint8_t sum = 0;
        for (uint32_t i = 0; i < number(at + 68); ++i)
          sum = static_cast<uint8_t>(sum + files.at(file)[number(at + 64) + i]);
        files[file][number(at + 60)] = static_cast<uint8_t>(files[file][number(at + 60)] - sum);
        break;
      }
      default: FAIL("an unknown command");
    }
  }
  tables.place(*bench.memory, GuestPhys{0xe0000});
  for (const auto& [file, contents] : files) {
    CHECK(std::memcmp(bench.memory->at(GuestPhys{bases.at(file)}, contents.size()), contents.data(),
                      contents.size()) == 0);
  }
  CHECK(files.size() == 2);
}
