// Hostile drivers of the 8259A pair. Own codes: lines up and down, INTA, reset.
#include "devices/platform/pic.h"
#include "fuzz/bus_operations.h"
#include "fuzz/driver.h"

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  // Ranges: 0 master, 1 slave, 2 ELCR. The PC's initialisation, a line, INTA, EOI; then rotation and polling.
  return {{2, 0, 0,    0x11, 2, 0, 1, 0x20, 2,    0, 1, 4,    2, 0, 1, 1, 2, 1,   0, 0x11,
           2, 1, 1,    0x28, 2, 1, 1, 2,    2,    1, 1, 1,    2, 0, 1, 0, 2, 1,   1, 0,
           7, 0, 0x81, 7,    1, 2, 0, 0,    0x20, 7, 0, 0x8c, 7, 1, 2, 1, 0, 0x20},
          {2, 0, 0, 0x13, 2, 0, 1,    8, 2, 0, 1,    3, 7, 0, 0x83, 2, 0, 0, 0x0c, 0, 0,
           0, 0, 0, 2,    0, 0, 0xa0, 2, 0, 0, 0x6b, 2, 0, 0, 0xc3, 2, 2, 0, 0xff, 7, 2}};
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  DeviceBench bench("pic");
  FuzzInput input(data, size);
  Pic pic(bench.site.named("pic"), bench.ports);
  const std::vector<FuzzRange> ranges{
      {&bench.ports, 0x20, 2}, {&bench.ports, 0xa0, 2}, {&bench.ports, 0x4d0, 2}};
  run_bus_operations(bench, input, ranges, [&](uint8_t code, FuzzInput& more) {
    switch (code % 3) {
      case 0: {
        const auto line = more.take<uint8_t>();
        pic.set_line(line & 0x1f, (line & 0x80) != 0);
        break;
      }
      case 1: pic.acknowledge(); break;
      default: pic.reset(); break;
    }
  });
  state_digest(pic);
  return 0;
}
