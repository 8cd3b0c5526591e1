// Proves what takes how long, with the standard's cycle times restated, and the write cache: when a write is
// done for the host, when for the medium, and that reads see it in between.
#include "tests/unit/devices/disk/disk_bench.h"

using namespace ringside;

namespace {

// A medium that takes exactly 1 ms a request, and a drive without overhead.
DiskBenchOptions plain_times() {
  DiskBenchOptions options;
  options.latency.command = milliseconds(1);
  options.latency.seek_min = options.latency.seek_max = Tick{};
  options.latency.bytes_per_second = 1'000'000'000'000'000;
  options.latency.flush = milliseconds(5);
  options.drive.timing.command_overhead = Tick{};
  options.drive.timing.block_gap = nanoseconds(1);
  return options;
}

Tick time_of_dma(DiskBench& bench, uint8_t opcode, uint8_t sectors) {
  bench.table(0x1000, {{0x10000, sectors * 512u}});
  const Tick before = bench.clock.now;
  bench.lba28(0, sectors);
  bench.command(opcode);
  bench.start(opcode == 0xc8);
  while (!bench.irq()) REQUIRE(bench.step());
  bench.status();
  return bench.clock.now - before;
}

bool about(Tick time, Tick expected) { return time >= expected && time < expected + microseconds(2); }

}  // namespace

TEST_CASE("A DMA read takes the medium's time and a cycle for each word", "[disk][timing]") {
  DiskBench bench(plain_times());
  struct Mode {
    uint8_t value;
    uint64_t word_ns_times_2;
  };
  for (const Mode mode : {Mode{0x20, 960},
                          {0x21, 300},
                          {0x22, 240},
                          {0x40, 240},
                          {0x41, 160},
                          {0x42, 120},
                          {0x43, 90},
                          {0x44, 60},
                          {0x45, 40}}) {
    CAPTURE(static_cast<int>(mode.value));
    REQUIRE(bench.simple(0xef, 0x03, mode.value) == 0x50);
    const Tick cycles = nanoseconds(mode.word_ns_times_2 * 128 * 256 / 2);
    CHECK(about(time_of_dma(bench, 0xc8, 128), milliseconds(1) + cycles));
  }
}

TEST_CASE("The power-on mode is Multiword DMA 2: 16.7 MB/s", "[disk][timing]") {
  DiskBench bench(plain_times());
  // 100 sectors are 25,600 words of 120 ns.
  CHECK(about(time_of_dma(bench, 0xc8, 100), milliseconds(1) + nanoseconds(25'600 * 120)));
}

TEST_CASE("A slow PIO mode holds back the next block, a fast guest does not pass it", "[disk][timing]") {
  DiskBench bench(plain_times());
  for (const auto& [mode, cycle_ns] :
       std::vector<std::pair<uint8_t, uint64_t>>{{8, 600}, {9, 383}, {10, 240}, {11, 180}, {12, 120}}) {
    REQUIRE(bench.simple(0xef, 0x03, mode) == 0x50);
    const Tick before = bench.clock.now;
    CHECK(bench.read28(0, 5).size() == 5 * 512);  // the test takes a block in no time
    CHECK(about(bench.clock.now - before, milliseconds(1) + nanoseconds(4 * 256 * cycle_ns)));
  }
}

TEST_CASE("The command overhead comes before anything else", "[disk][timing]") {
  DiskBenchOptions options = plain_times();
  options.drive.timing.command_overhead = milliseconds(3);
  DiskBench bench(options);
  const Tick before = bench.clock.now;
  REQUIRE(bench.simple(0xe5) == 0x50);
  CHECK(bench.clock.now - before == milliseconds(3));
}

TEST_CASE("With the write cache a write ends early, and FLUSH CACHE waits for the medium", "[disk][cache]") {
  DiskBench bench(plain_times());
  const Bytes data = pattern(4 * 512, 8);
  bench.store(0x10000, data);
  CHECK(time_of_dma(bench, 0xca, 4) < microseconds(200));
  const Tick before = bench.clock.now;
  CHECK(bench.simple(0xe7) == 0x50);
  CHECK(bench.clock.now - before > milliseconds(5));
  CHECK(bench.clock.now - before < milliseconds(8));
}

TEST_CASE("Without the write cache, and for FUA commands, a write ends on the medium", "[disk][cache]") {
  DiskBench bench(plain_times());
  bench.table(0x1000, {{0x10000, 512}});
  Tick before = bench.clock.now;
  bench.lba48(9, 1);
  bench.command(0x3d);
  bench.start(false);
  bench.run();
  CHECK(bench.status() == 0x50);
  CHECK(bench.clock.now - before >= milliseconds(1));
  REQUIRE(bench.simple(0xef, 0x82) == 0x50);
  CHECK(time_of_dma(bench, 0xca, 1) >= milliseconds(1));
}

TEST_CASE("A read sees what is still in the write cache, the newest of it", "[disk][cache]") {
  DiskBenchOptions options = plain_times();
  options.latency.command = milliseconds(50);
  DiskBench bench(options);
  const auto write = [&](uint32_t lba, const Bytes& data) {
    bench.lba28(lba, static_cast<uint8_t>(data.size() / 512));
    bench.command(0x30);
    bench.give(data);
    REQUIRE(bench.wait());
    CHECK(bench.status() == 0x50);
  };
  const Bytes old_data = pattern(4 * 512, 1), new_data = pattern(2 * 512, 99);
  const Tick before = bench.clock.now;
  write(10, old_data);
  write(11, new_data);
  CHECK(bench.clock.now - before < milliseconds(1));
  Bytes expected = disk_sectors(9, 1);
  expected.insert(expected.end(), old_data.begin(), old_data.begin() + 512);
  expected.insert(expected.end(), new_data.begin(), new_data.end());
  expected.insert(expected.end(), old_data.begin() + 3 * 512, old_data.end());
  CHECK(bench.read28(9, 5) == expected);
  bench.run();
  CHECK(bench.read28(9, 5) == expected);
}

TEST_CASE("A read whose answer comes late still sees what the cache held when it began", "[disk][cache]") {
  DiskBenchOptions options = plain_times();
  options.latency.seek_max = milliseconds(100);  // far for the write, near for the read
  DiskBench bench(options);
  FaultTap tap;
  tap.act = [](Crossing& crossing, Verdict& verdict) {
    if ((*crossing.payload)[0] == 0) verdict.delay = seconds(1);  // ImageOperation::read
  };
  bench.wiring.add_tap(tap, "image/disk0");
  // The write reaches the medium behind the read, but before the read's answer.
  bench.lba28(4000, 1);
  bench.command(0x30);
  bench.give(pattern(512, 3));
  REQUIRE(bench.wait());
  CHECK(bench.read28(4000, 1) == pattern(512, 3));
  REQUIRE(tap.seen.size() == 2);
  CHECK(tap.seen[0][0] == 0);  // it was so
}

TEST_CASE("A full write cache makes the next write wait, and nothing is lost or reordered", "[disk][cache]") {
  DiskBenchOptions options = plain_times();
  options.drive.buffer_sectors = 16;  // the cache holds 16 sectors
  DiskBench bench(options);
  bench.store(0x10000, pattern(16 * 512, 1));
  CHECK(time_of_dma(bench, 0xca, 16) < milliseconds(1));
  bench.store(0x10000, pattern(16 * 512, 2));
  CHECK(time_of_dma(bench, 0xca, 16) >= microseconds(400));
  REQUIRE(bench.simple(0xea) == 0x50);
  CHECK(bench.read28(0, 16) == pattern(16 * 512, 2));
}

TEST_CASE("A reset keeps what the write cache has taken", "[disk][cache]") {
  DiskBench bench(plain_times());
  bench.store(0x10000, pattern(512, 3));
  time_of_dma(bench, 0xca, 1);
  bench.out(0x3f6, 0x04);
  bench.out(0x3f6, 0x00);
  REQUIRE(bench.wait());
  CHECK(bench.read28(0, 1) == pattern(512, 3));
  bench.run();
  CHECK(bench.read28(0, 1) == pattern(512, 3));
}
