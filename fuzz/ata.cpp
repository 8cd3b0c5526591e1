// Hostile drivers of the IDE controller and its disk, with an image of 1 MiB: task file, bus master, PRD
// tables and the PCI function. The first byte: bit 0 read only, 1 no write cache, 2 a small buffer, 3 the
// drive is a slave, 4 the channel has both, 5 a slow medium. Own codes: reset, PCI's registers, many words of
// data.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "devices/disk/ide_controller.h"
#include "fuzz/bus_operations.h"
#include "fuzz/driver.h"

namespace ringside {

namespace {

constexpr uint32_t kImageBytes = 1 << 20;

// One sparse file for all inputs; what they write stays in memory.
const std::string& image_path() {
  static const std::string path = [] {
    std::string name = "/tmp/ringside-fuzz-ata-XXXXXX";
    const int file = mkstemp(name.data());
    if (file < 0 || ftruncate(file, kImageBytes) != 0) std::abort();
    close(file);
    std::atexit([] { unlink(image_path().c_str()); });
    return name;
  }();
  return path;
}

// Ranges: 0 task file, 1 control, 2 bus master; 3 and 4 the other channel's, where there is no drive.
struct Seed : std::vector<uint8_t> {
  explicit Seed(uint8_t options) { push_back(options); }
  Seed& add(std::initializer_list<unsigned> more) {
    for (const unsigned byte : more) push_back(static_cast<uint8_t>(byte));
    return *this;
  }
  Seed& port(unsigned range, unsigned offset, unsigned value) { return add({2, range, offset, value}); }
  // Sector Count, LBA Low, Mid, High, Device, Command.
  Seed& command(unsigned opcode, unsigned count = 2, unsigned lba = 5, unsigned device = 0xe0,
                unsigned waits = 30) {
    port(0, 2, count).port(0, 3, lba).port(0, 4, 0).port(0, 5, 0).port(0, 6, device);
    return port(0, 7, opcode).wait(waits);
  }
  Seed& wait(unsigned hundred_us) { return add({6, hundred_us, hundred_us >> 8}); }
  // Pairs of words through the data register, and Status, which ends an interrupt.
  Seed& read_words(unsigned words) { return add({7, 3, words / 2}).status(); }
  Seed& write_words(unsigned words) { return add({7, 4, words / 2, 0xa5}).wait(20).status(); }
  Seed& status() { return add({0, 0, 7, 0, 0}); }
  // The table at 0x1000: a first descriptor, and a last one of 512 bytes behind it.
  Seed& prd(unsigned address, unsigned bytes, bool last) {
    add({4, 0, 1, 16, 0, address >> 8, address >> 16, 0, bytes, bytes >> 8, 0, last ? 0x80u : 0u});
    return add({0, 0x80, 0, 0, 0, 2, 0, 0x80});
  }
};

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  // Commands without data; an address behind the end; CHS.
  for (const unsigned base : {0u, 8u}) {
    Seed seed(static_cast<uint8_t>(base));
    for (const unsigned opcode :
         {0x00, 0x10, 0x40, 0x42, 0x70, 0x90, 0x91, 0xc6, 0xe0, 0xe1, 0xe2, 0xe3, 0xe5, 0xe7, 0xea, 0xb0}) {
      seed.command(opcode, 8, 5, base == 0 ? 0xe0 : 0xb3).status();
    }
    seed.port(0, 4, 0xff)
        .port(0, 5, 0xff)
        .port(0, 7, 0x40)
        .wait(30)
        .command(0xe6)
        .command(0xec)
        .port(1, 0, 4)
        .wait(1)
        .port(1, 0, 0)
        .wait(5000)
        .status();
    seeds.push_back(seed);
  }
  // PIO in and out, by sector and by multiple.
  seeds.push_back(
      Seed(0).command(0xec).read_words(256).command(0x20).read_words(256).wait(20).read_words(256));
  seeds.push_back(Seed(0)
                      .command(0xc6, 2)
                      .command(0xc4, 3)
                      .read_words(256)
                      .read_words(256)
                      .read_words(2)
                      .wait(20)
                      .read_words(256));
  for (const unsigned options : {0u, 1u, 2u, 4u}) {
    Seed seed(static_cast<uint8_t>(options));
    for (const unsigned opcode : {0x30, 0x34, 0xc5, 0x39, 0xce, 0xe8}) {
      seed.command(0xc6, 2).command(opcode, 2).write_words(256).write_words(256).status();
    }
    seed.command(0x20, 3, 4)
        .read_words(256)
        .wait(20)
        .read_words(256)
        .command(0xe7)
        .wait(500)
        .status()
        .command(0xe4)
        .read_words(256);
    seeds.push_back(seed);
  }
  // Settings: transfer modes, write cache, read look-ahead, defaults.
  Seed settings(0);
  for (const unsigned feature : {0x02, 0x82, 0x55, 0xaa, 0x66, 0xcc, 0x99, 0x03})
    settings.port(0, 1, feature).command(0xef, 8).status();
  for (const unsigned mode : {0x00, 0x01, 0x0c, 0x0d, 0x12, 0x20, 0x22, 0x42, 0x45, 0x47, 0xff}) {
    settings.port(0, 1, 3).command(0xef, mode).status().command(0xec).read_words(100);
  }
  settings.command(0xe3, 12).wait(65000).wait(65000).command(0x20);
  seeds.push_back(settings);
  // DMA both ways: one descriptor, two, too few bytes, too many, none; FUA; a bad address.
  for (const unsigned opcode : {0xc8, 0xca, 0x25, 0x35, 0x3d}) {
    const unsigned direction = opcode == 0xc8 || opcode == 0x25 ? 8 : 0;
    for (const unsigned bytes : {1024u, 512u, 2048u, 100u}) {
      Seed seed(opcode == 0x3d ? 2 : 0);
      seed.prd(0x4000, bytes, bytes != 512);
      seed.add({3, 2, 1, 0, 0x10, 0, 0})
          .port(2, 0, direction)
          .command(opcode)
          .port(2, 0, direction | 1)
          .wait(60)
          .add({0, 2, 2, 0, 0});
      seed.status().port(2, 0, 0).port(2, 2, 6).command(0xe7).wait(300).command(0xc8).port(2, 0, 9).wait(60);
      seeds.push_back(seed);
    }
  }
  seeds.push_back(Seed(0)
                      .prd(0xff0000, 1024, true)
                      .add({3, 2, 1, 0, 0x10, 0, 0})
                      .command(0xc8)
                      .port(2, 0, 9)
                      .wait(60)
                      .add({0, 2, 2, 0, 0})
                      .add({7, 1, 0x40, 0, 0, 0, 0, 7, 1, 4, 0, 0, 0, 0, 7, 2, 8, 7, 0})
                      .status());
  // Two drives; software reset in the middle; faults on the wires.
  seeds.push_back(Seed(16)
                      .command(0xec)
                      .read_words(9)
                      .command(0x20, 1, 1, 0xf0)
                      .read_words(9)
                      .port(1, 0, 4)
                      .wait(1)
                      .port(1, 0, 0)
                      .wait(5000)
                      .status());
  seeds.push_back(Seed(0)
                      .add({7, 0xff, 3, 2})
                      .command(0x20)
                      .read_words(256)
                      .command(0x30)
                      .write_words(256)
                      .wait(100)
                      .command(0xe7));
  // A slow medium: writes that wait in the cache are read from there, and a full cache holds up the next.
  for (const unsigned fails : {0u, 2u}) {
    Seed slow(0x24);
    if (fails != 0) slow.add({7, 0xff, 5, fails});
    for (const unsigned lba : {5, 7, 200}) {
      slow.command(0x30, 4, lba, 0xe0, 4);
      for (unsigned sector = 0; sector < 4; ++sector) slow.write_words(256);
    }
    slow.command(0x20, 4, 6, 0xe0, 4)
        .read_words(256)
        .wait(100)
        .read_words(256)
        .command(0xe7)
        .wait(5000)
        .status();
    slow.command(0x3d, 1)
        .wait(900)
        .command(0x30, 1, 5, 0xe0, 4)
        .write_words(256)
        .port(1, 0, 4)
        .wait(1)
        .port(1, 0, 0);
    seeds.push_back(slow.wait(5000).command(0xe0).status());
  }
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  DeviceBench bench("ide");
  FuzzInput input(data, size);
  const auto options = input.take<uint8_t>();
  DiskImageConfig image_config;
  image_config.name = "hda";
  image_config.path = image_path();
  if ((options & 32) != 0) {
    image_config.latency.command = milliseconds(20);
    image_config.latency.queue_depth = 1;
  }
  auto image = DiskImage::open(image_config, bench.clock, bench.events, bench.wiring);
  if (!image) std::abort();
  IdeController ide(bench.site, bench.ports, bench.mmio, bench.dma);
  AtaDriveConfig config;
  config.name = "hda";
  config.read_only = (options & 1) != 0;
  config.write_cache = (options & 2) == 0;
  config.buffer_sectors = (options & 4) != 0 ? 4 : 256;
  ide.attach(0, (options >> 3) & 1, **image, config);
  if ((options & 16) != 0) {
    config.name = "hdb";
    ide.attach(0, (options >> 3 & 1) ^ 1, **image, config);
  }
  ide.set_up_as_firmware();
  const std::vector<FuzzRange> ranges{{&bench.ports, 0x1f0, 8},
                                      {&bench.ports, 0x3f6, 1},
                                      {&bench.ports, 0xc000, 16},
                                      {&bench.ports, 0x170, 8},
                                      {&bench.ports, 0x376, 1}};
  run_bus_operations(bench, input, ranges, [&](uint8_t code, FuzzInput& more) {
    switch (code % 5) {
      case 0:
        ide.reset();
        ide.set_up_as_firmware();
        break;
      case 1: {
        const auto offset = static_cast<uint8_t>(more.take<uint8_t>() & 0xfc);
        ide.pci().config_write(offset, 4, more.take<uint32_t>());
        break;
      }
      case 2: ide.pci().config_read(more.take<uint8_t>() & 0xfc, 4); break;
      case 3:
        for (unsigned words = 2u * more.take<uint8_t>(); words != 0; --words) bench.ports.read(0x1f0, 2);
        break;
      default: {
        const unsigned words = 2u * more.take<uint8_t>();
        const auto word = more.take<uint8_t>();
        for (unsigned i = 0; i < words; ++i) bench.ports.write(0x1f0, 2, word);
        break;
      }
    }
  });
  state_digest(ide);
  return 0;
}
