// Hostile drivers of the IDE controller and its disk, with an image of 1 MiB: task file, bus master, PRD
// tables and the PCI function. Own codes: reset.
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

// Ranges: 0 task file, 1 control, 2 bus master.
std::vector<uint8_t> command(std::initializer_list<uint8_t> task_file) {
  std::vector<uint8_t> bytes;
  uint8_t offset = 2;
  for (const uint8_t value : task_file) bytes.insert(bytes.end(), {2, 0, offset++, value});
  return bytes;
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (const uint8_t opcode : {0xec, 0x20, 0x30, 0x24, 0x34, 0xc4, 0xc5, 0xc6, 0xe7, 0xea, 0xef, 0x40, 0x90, 0x91, 0xb0,
                               0xe0, 0xe5, 0xe6, 0x10, 0x70, 0x29, 0x39, 0x42, 0x08}) {
    std::vector<uint8_t> seed = command({2, 5, 0, 0, 0xe0, opcode});
    seed.insert(seed.end(), {6, 20, 0});
    for (int i = 0; i < 12; ++i) seed.insert(seed.end(), {0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0xaa, 0x55, 0, 0});
    seed.insert(seed.end(), {0, 0, 7, 0, 0, 6, 20, 0});
    seeds.push_back(seed);
  }
  // A PRD table at 0x1000 with one entry of 1024 bytes at 0x4000, EOT; READ DMA, then WRITE DMA EXT.
  for (const uint8_t opcode : {0xc8, 0x35}) {
    std::vector<uint8_t> seed{4, 0, 1, 8, 0, 0x40, 0, 0, 0, 4, 0, 0x80, 1, 2, 4, 0, 2, 0, 0x10, 0, 0};
    const auto task_file = command({2, 5, 0, 0, 0xe0, opcode});
    seed.insert(seed.end(), task_file.begin(), task_file.end());
    seed.insert(seed.end(), {2, 2, 0, static_cast<uint8_t>(opcode == 0xc8 ? 9 : 1), 6, 30, 0, 2, 2, 0, 0, 0, 2, 2, 0, 0,
                             2, 2, 2, 6});
    seeds.push_back(seed);
  }
  seeds.push_back({2, 1, 0, 4, 5, 20, 2, 1, 0, 0, 6, 30, 0, 0, 0, 7, 0, 0, 7, 0});
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  DeviceBench bench("ide");
  FuzzInput input(data, size);
  DiskImageConfig image_config;
  image_config.name = "hda";
  image_config.path = image_path();
  auto image = DiskImage::open(image_config, bench.clock, bench.events, bench.wiring);
  if (!image) std::abort();
  IdeController ide(bench.site, bench.ports, bench.mmio, bench.dma);
  AtaDriveConfig config;
  config.name = "hda";
  const auto options = input.take<uint8_t>();
  config.read_only = (options & 1) != 0;
  config.write_cache = (options & 2) == 0;
  config.buffer_sectors = (options & 4) != 0 ? 4 : 4096;
  ide.attach(0, (options >> 3) & 1, **image, config);
  ide.set_up_as_firmware();
  const std::vector<FuzzRange> ranges{{&bench.ports, 0x1f0, 8}, {&bench.ports, 0x3f6, 1}, {&bench.ports, 0xc000, 16}};
  run_bus_operations(bench, input, ranges, [&](uint8_t code, FuzzInput& more) {
    const auto offset = static_cast<uint8_t>(more.take<uint8_t>() & 0xfc);
    if (code % 4 == 0) {
      ide.reset();
      ide.set_up_as_firmware();
    } else if (code % 4 == 1) {
      ide.pci().config_write(offset, 4, more.take<uint32_t>());
    } else {
      ide.pci().config_read(offset, 4);
    }
  });
  state_digest(ide);
  return 0;
}
