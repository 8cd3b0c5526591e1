// Hostile drivers of the 8254. Own codes: the gate of counter 2, its output, reset.
#include "devices/platform/pit.h"
#include "fuzz/bus_operations.h"
#include "fuzz/driver.h"

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  // Each mode on counter 0 with a short count, a latch, a read-back; then BCD and the gate.
  std::vector<std::vector<uint8_t>> seeds;
  for (uint8_t mode = 0; mode < 6; ++mode) {
    seeds.push_back({2, 0,   3,   static_cast<uint8_t>(0x30 | mode << 1),
                     2, 0,   0,   100,
                     2, 0,   0,   0,
                     5, 200, 2,   0,
                     3, 0,   0,   0,
                     0, 0,   0,   0,
                     0, 0,   0,   0,
                     2, 0,   3,   0xc2,
                     0, 0,   0,   0,
                     0, 5,   255, 2,
                     0, 0,   7,   2,
                     0, 0,   0});
    seeds.push_back({7,    0, 1,  2,    0, 3, static_cast<uint8_t>(0xb1 | mode << 1),
                     2,    0, 2,  0x99, 2, 0, 2,
                     0x01, 5, 90, 7,    0, 0, 5,
                     9,    7, 0,  1,    7, 1, 5,
                     250,  0, 0,  2,    0, 0, 7,
                     2});
  }
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  DeviceBench bench("pit");
  FuzzInput input(data, size);
  Pit pit(bench.site.named("pit"), bench.ports);
  const auto own = [&](uint8_t code, FuzzInput& more) {
    switch (code % 3) {
      case 0: pit.set_gate2((more.take<uint8_t>() & 1) != 0); break;
      case 1: pit.output2(); break;
      default: pit.reset(); break;
    }
  };
  // OUT may change at each of 1.2 million clocks a second, so steps are short.
  run_bus_operations(bench, input, {{&bench.ports, 0x40, 4}}, own, microseconds(1));
  state_digest(pit);
  return 0;
}
