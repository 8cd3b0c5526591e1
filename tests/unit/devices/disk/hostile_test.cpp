// Proves that a guest which writes every port, configuration register and descriptor at random cannot crash,
// hang or bloat the controller, that the same storm ends in the same state, and that a reset always brings
// back a working disk. It cannot prove that no other storm does worse: the fuzz target goes on looking.
#include <algorithm>

#include "sim/random.h"
#include "sim/state.h"
#include "tests/unit/devices/disk/disk_bench.h"

using namespace ringside;

namespace {

constexpr uint8_t kOpcodes[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x3d, 0x40, 0x42, 0x70,
                                0x90, 0x91, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xce, 0xe0, 0xe1, 0xe2, 0xe3,
                                0xe4, 0xe5, 0xe7, 0xe8, 0xea, 0xec, 0xef, 0xb0, 0xa1, 0x00};
constexpr uint16_t kPorts[] = {0x1f0, 0x170, 0x3f0, 0x370, 0xc000};

class Storm {
 public:
  explicit Storm(uint64_t seed) : random_(seed) {
    DiskBenchOptions options;
    options.sectors = 600;
    options.drive.buffer_sectors = 32;
    bench.add(0, 1, "disk1", options);
    bench.add(1, 0, "disk2", options);
    for (uint64_t at = 0; at < 0x20000; at += 4) bench.dword(at, descriptor_half(at));
  }

  void rage(unsigned accesses) {
    for (unsigned i = 0; i < accesses; ++i) {
      switch (random_.below(16)) {
        case 0: bench.out(pick_channel() + 7, kOpcodes[random_.below(std::size(kOpcodes))]); break;
        case 1: random_access(); break;
        case 2: configuration(); break;
        case 3: bus_master(); break;
        case 4: bench.run_for(microseconds(random_.below(3000))); break;
        case 5: bench.out(random_.one_in(2) ? 0x3f6 : 0x376, random_.one_in(8) ? 0x04 : 0x00); break;
        case 6: address(); break;
        case 7: bench.dword(random_.below(0x8000) & ~3ull, static_cast<uint32_t>(random_.next())); break;
        default: words(); break;
      }
      if (random_.one_in(512)) bench.ide->set_up_as_firmware(0xc000);
    }
  }

  // Drives may sleep, hang in DMA or be in any state.
  void recover() {
    bench.ide->set_up_as_firmware(0xc000);
    bench.out(0xc000, 0);
    bench.out(0x3f6, 0x04);
    bench.out(0x3f6, 0x00);
    bench.run();
    bench.out(0x1f6, 0xe0);
    REQUIRE((bench.alt() & 0x89) == 0);
    bench.lba28(1, 1);
    bench.command(0x20);
    REQUIRE(bench.take().size() == 512);
    REQUIRE(bench.simple(0xe7) == 0x50);
  }

  DiskBench bench{{.sectors = 600, .drive = {.buffer_sectors = 32}}};

 private:
  uint16_t pick_channel() { return random_.one_in(4) ? 0x170 : 0x1f0; }
  // Mostly memory that is there, short and long counts, EOT now and then.
  uint32_t descriptor_half(uint64_t at) {
    const auto value = static_cast<uint32_t>(random_.next());
    if ((at & 4) == 0) return random_.one_in(16) ? value : value & 0x3fffff;
    return value & (random_.one_in(2) ? 0x8000ffff : 0x800001ff);
  }
  void random_access() {
    const auto port = static_cast<uint16_t>(kPorts[random_.below(std::size(kPorts))] + random_.below(16));
    const unsigned size = 1u << random_.below(3);
    random_.one_in(2) ? bench.ports.write(port, size, random_.next()) : void(bench.ports.read(port, size));
  }
  void configuration() {
    if (!random_.one_in(16)) return;
    const auto offset = static_cast<uint8_t>(random_.below(64) * 4);
    bench.ide->pci().config_write(offset, 4, static_cast<uint32_t>(random_.next()));
  }
  void bus_master() {
    const uint16_t half = random_.one_in(4) ? 8 : 0;
    bench.out32(static_cast<uint16_t>(0xc004 + half), static_cast<uint32_t>(random_.below(0x18000)));
    bench.out(static_cast<uint16_t>(0xc000 + half), static_cast<uint8_t>(random_.next() & 0x09));
    bench.out(static_cast<uint16_t>(0xc002 + half), 0x06);
  }
  // Sectors that exist, most of the time, and counts that pass quickly.
  void address() {
    const uint16_t base = pick_channel();
    bench.out(base + 6, static_cast<uint8_t>(0xe0 | (random_.one_in(4) ? 0x10 : 0)));
    for (unsigned deep = 0; deep < 2; ++deep) {
      bench.out(base + 2, static_cast<uint8_t>(deep == 0 ? 0 : random_.below(64)));
      bench.out(base + 3, static_cast<uint8_t>(deep == 0 ? 0 : random_.next()));
      bench.out(base + 4, static_cast<uint8_t>(deep == 0 ? 0 : random_.below(3)));
      bench.out(base + 5, 0);
    }
  }
  void words() {
    const uint16_t base = pick_channel();
    const uint64_t count = random_.below(300);
    const bool write = random_.one_in(2);
    for (uint64_t i = 0; i < count; ++i) {
      write ? bench.out16(base, static_cast<uint16_t>(random_.next())) : void(bench.in16(base));
    }
  }

  Random random_;
};

}  // namespace

TEST_CASE("Random storms leave a disk that works after a reset, and the same state each time",
          "[disk][hostile]") {
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    CAPTURE(seed);
    Storm first(seed), second(seed);
    first.rage(2500);
    second.rage(2500);
    CHECK(state_digest(*first.bench.ide) == state_digest(*second.bench.ide));
    CHECK(first.bench.clock.now == second.bench.clock.now);
    CHECK(first.bench.events.digest() == second.bench.events.digest());
    first.recover();
  }
}

TEST_CASE("A controller may go while requests are under way", "[disk][hostile]") {
  DiskBench bench;
  bench.lba28(1, 100);
  bench.command(0x20);
  bench.run_for(microseconds(30));
  bench.ide.reset();
  bench.run();
  CHECK(bench.events.empty());
}

TEST_CASE("Power-on reset in the midst of anything gives a fresh controller", "[disk][hostile]") {
  for (const uint8_t opcode : {0x20, 0x30, 0xc8, 0xca, 0x40, 0xe7}) {
    DiskBench bench;
    bench.table(0x1000, {{0x10000, 0x10000}});
    bench.lba28(1, 100);
    bench.command(opcode);
    bench.start(opcode == 0xc8);
    bench.run_for(microseconds(200));
    bench.ide->reset();
    CHECK_FALSE(bench.irq());
    bench.ide->set_up_as_firmware(0xc000);
    CHECK(bench.bus_master_status() == 0);
    CHECK(bench.status() == 0x50);
    CHECK(bench.read28(3, 1) == disk_sectors(3, 1));
  }
}
