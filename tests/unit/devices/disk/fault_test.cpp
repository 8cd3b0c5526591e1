// Proves the fault sites that devices/disk/README.md lists: what a tap's verdict does on
// "ata/<disk>/command", "ata/<disk>/completion", "image/<disk>" and "dma/<ide>", and that a reset ends each
// of them.
#include <cstddef>

#include "devices/disk/payloads.h"
#include "tests/unit/devices/disk/disk_bench.h"

using namespace ringside;

namespace {

void reset_and_check(DiskBench& bench) {
  bench.out(0x3f6, 0x04);
  bench.out(0x3f6, 0x00);
  REQUIRE(bench.wait());
  CHECK(bench.status() == 0x50);
  CHECK(bench.read28(3, 1) == disk_sectors(3, 1));
}

template <class Record>
Record record(const Bytes& bytes) {
  Record record;
  REQUIRE(bytes.size() == sizeof record);
  std::memcpy(&record, bytes.data(), sizeof record);
  return record;
}

template <class Value>
void poke(Crossing& crossing, size_t offset, Value value) {
  std::memcpy(crossing.payload->data() + offset, &value, sizeof value);
}

}  // namespace

TEST_CASE("Both wires show a command and its end", "[disk][wire]") {
  DiskBench bench;
  FaultTap commands, completions;
  bench.wiring.add_tap(commands, "ata/disk0/command");
  bench.wiring.add_tap(completions, "ata/disk0/completion");
  bench.lba48(0x123, 2);
  bench.command(0x24);
  CHECK(bench.take().size() == 1024);
  bench.lba28(5000, 1);
  bench.command(0xc8);
  REQUIRE(bench.wait());
  REQUIRE(commands.seen.size() == 2);
  REQUIRE(completions.seen.size() == 2);
  const auto command = record<AtaCommandRecord>(commands.seen[0]);
  CHECK(command.opcode == 0x24);
  CHECK(command.lba == 0x123);
  CHECK(command.count == 2);
  CHECK(command.dma == 0);
  CHECK(record<AtaCommandRecord>(commands.seen[1]).dma == 1);
  const auto end = record<AtaCompletionRecord>(completions.seen[0]);
  CHECK(end.opcode == 0x24);
  CHECK(end.status == 0x50);
  CHECK(end.error == 0);
  CHECK(end.latency > 10'000'000);  // more than the drive's 10 us
  const auto bad = record<AtaCompletionRecord>(completions.seen[1]);
  CHECK(bad.status == 0x51);
  CHECK(bad.error == 0x10);
  CHECK(bad.lba == 5000);
}

TEST_CASE("fail(code) on a command ends it with that Error register, and nothing is done", "[disk][fault]") {
  DiskBench bench;
  FaultTap tap, image;
  tap.act = [](Crossing&, Verdict& verdict) { verdict.fail = 0x40; };
  bench.wiring.add_tap(tap, "ata/disk0/command");
  bench.wiring.add_tap(image, "image/disk0");
  bench.lba28(77, 4);
  bench.command(0x20);
  REQUIRE(bench.wait());
  CHECK(bench.irq());
  CHECK(bench.status() == 0x51);
  CHECK(bench.error() == 0x40);
  CHECK(bench.in(0x1f3) == 77);
  CHECK(image.seen.empty());
  tap.act = [](Crossing&, Verdict& verdict) { verdict.fail = -256; };  // no bits: ABRT
  CHECK(bench.simple(0xe7) == 0x51);
  CHECK(bench.error() == 0x04);
}

TEST_CASE("A dropped command or completion leaves the drive busy until a reset", "[disk][fault]") {
  for (const char* wire : {"ata/disk0/command", "ata/disk0/completion", "image/disk0"}) {
    INFO(wire);
    DiskBench bench;
    FaultTap tap;
    tap.act = [](Crossing&, Verdict& verdict) { verdict.copies = 0; };
    bench.wiring.add_tap(tap, wire);
    bench.lba28(77, 4);
    bench.command(0x40);
    bench.run_for(seconds(60));
    CHECK((bench.alt() & 0x80) != 0);
    CHECK_FALSE(bench.irq());
    bench.wiring.remove_tap(tap);
    reset_and_check(bench);
  }
}

TEST_CASE("A delayed command or completion is a slow drive", "[disk][fault]") {
  for (const char* wire : {"ata/disk0/command", "ata/disk0/completion", "image/disk0"}) {
    INFO(wire);
    DiskBench bench;
    FaultTap tap;
    tap.act = [](Crossing&, Verdict& verdict) { verdict.delay = seconds(3); };
    bench.wiring.add_tap(tap, wire);
    bench.lba28(77, 4);
    bench.command(0x40);
    bench.run_for(milliseconds(2999));
    CHECK((bench.alt() & 0x80) != 0);
    bench.run_for(milliseconds(10));
    CHECK(bench.irq());
    CHECK(bench.status() == 0x50);
  }
}

TEST_CASE("fail on a completion turns success into an error", "[disk][fault]") {
  DiskBench bench;
  FaultTap tap;
  tap.act = [](Crossing&, Verdict& verdict) { verdict.fail = 0x84; };  // ICRC, ABRT: a bad cable
  bench.wiring.add_tap(tap, "ata/disk0/completion");
  bench.table(0x1000, {{0x10000, 512}});
  bench.lba28(1, 1);
  bench.command(0xc8);
  bench.start(true);
  bench.run();
  CHECK(bench.irq());
  CHECK(bench.status() == 0x51);
  CHECK(bench.error() == 0x84);
}

TEST_CASE("A read error of the medium is UNC at the request's first sector, by PIO, DMA and verify",
          "[disk][fault]") {
  DiskBenchOptions options;
  options.drive.buffer_sectors = 16;
  DiskBench bench(options);
  FaultTap tap;
  int left = 0;
  tap.act = [&](Crossing&, Verdict& verdict) { verdict.fail = left-- == 0 ? 5 : 0; };
  bench.wiring.add_tap(tap, "image/disk0");
  for (const uint8_t opcode : {0x20, 0xc8, 0x40}) {
    CAPTURE(static_cast<int>(opcode));
    left = 1;  // the second request: sectors 116-131
    bench.table(0x1000, {{0x10000, 0x10000}});
    bench.lba28(100, 40);
    bench.command(opcode);
    if (opcode == 0xc8) bench.start(true);
    if (opcode == 0x20) CHECK(bench.take() == disk_sectors(100, 16));
    bench.run();
    CHECK(bench.irq());
    CHECK(bench.alt() == 0x51);
    CHECK(bench.error() == 0x40);
    CHECK(bench.in(0x1f3) == 116);
    bench.status();
    bench.out(0xc000, 0);
  }
}

TEST_CASE("A write error shows at once without write cache, and at FLUSH CACHE with it", "[disk][fault]") {
  DiskBench bench;
  FaultTap tap;
  tap.act = [](Crossing&, Verdict& verdict) { verdict.fail = 5; };
  const auto write = [&](uint32_t lba) {
    bench.lba28(lba, 1);
    bench.command(0x30);
    bench.give(pattern(512, 1));
    REQUIRE(bench.wait());
    return bench.status();
  };
  REQUIRE(bench.simple(0xef, 0x82) == 0x50);
  bench.wiring.add_tap(tap, "image/disk0");
  CHECK(write(200) == 0x51);
  CHECK(bench.error() == 0x04);
  CHECK(bench.in(0x1f3) == 200);
  REQUIRE(bench.simple(0xef, 0x02) == 0x50);
  CHECK(write(201) == 0x50);
  bench.run();
  bench.wiring.remove_tap(tap);
  CHECK(bench.simple(0xe7) == 0x51);
  CHECK(bench.error() == 0x04);
  CHECK(bench.in(0x1f3) == 201);
  CHECK(bench.simple(0xea) == 0x50);  // the sector was removed from the cache
}

TEST_CASE("A torn write: a tap lowers the command's count", "[disk][fault]") {
  for (const bool cache : {false, true}) {
    DiskBenchOptions options;
    options.drive.write_cache = cache;
    options.drive.buffer_sectors = 16;
    DiskBench bench(options);
    FaultTap tap;
    tap.act = [](Crossing& crossing, Verdict&) {
      poke<uint32_t>(crossing, offsetof(AtaCommandRecord, count), 18);
    };
    bench.wiring.add_tap(tap, "ata/disk0/command");
    const Bytes data = pattern(20 * 512, 5);
    bench.lba28(100, 20);
    bench.command(0x30);
    bench.give(data);
    REQUIRE(bench.wait());
    CHECK(bench.status() == 0x50);  // the drive says that all is well
    bench.wiring.remove_tap(tap);
    REQUIRE(bench.simple(0xe7) == 0x50);
    Bytes expected(data.begin(), data.begin() + 18 * 512);
    const Bytes before = disk_sectors(118, 2);
    expected.insert(expected.end(), before.begin(), before.end());
    CHECK(bench.read28(100, 20) == expected);
  }
}

TEST_CASE("A misdirected access: a tap changes the command's address", "[disk][fault]") {
  DiskBench bench;
  FaultTap tap;
  tap.act = [](Crossing& crossing, Verdict&) {
    poke<uint64_t>(crossing, offsetof(AtaCommandRecord, lba), 500);
  };
  bench.wiring.add_tap(tap, "ata/disk0/command");
  CHECK(bench.read28(7, 1) == disk_sectors(500, 1));
  // Whatever a tap makes of the record, the drive checks it as it checks a guest's.
  tap.act = [](Crossing& crossing, Verdict&) {
    poke<uint64_t>(crossing, offsetof(AtaCommandRecord, lba), ~0ull);
  };
  CHECK(bench.read28(7, 1).empty());
  CHECK(bench.error() == 0x10);
  tap.act = [](Crossing& crossing, Verdict&) { crossing.payload->resize(3); };
  CHECK(bench.read28(7, 1) == disk_sectors(7, 1));
}

TEST_CASE("A failing DMA transfer is a master abort", "[disk][fault]") {
  DiskBench bench;
  FaultTap tap;
  tap.act = [](Crossing&, Verdict& verdict) { verdict.fail = 1; };
  bench.wiring.add_tap(tap, "dma/ide0");
  bench.table(0x1000, {{0x10000, 512}});
  bench.lba28(1, 1);
  bench.command(0xc8);
  bench.start(true);
  bench.run();
  CHECK(bench.bus_master_status() == 0x02);
  bench.wiring.remove_tap(tap);
  reset_and_check(bench);
}

TEST_CASE("A completion without its interrupt, one that comes twice, and a drive that has failed",
          "[disk][fault]") {
  DiskBench bench;
  FaultTap tap;
  bench.wiring.add_tap(tap, "ata/disk0/completion");
  const auto verify = [&bench] {
    bench.lba28(1, 1);
    bench.command(0x40);
    bench.run_for(milliseconds(20));
  };
  constexpr size_t kStatus = offsetof(AtaCompletionRecord, status);
  tap.act = [](Crossing& crossing, Verdict&) {
    (*crossing.payload)[offsetof(AtaCompletionRecord, interrupt_lost)] = 1;
  };
  verify();
  CHECK_FALSE(bench.irq());
  CHECK(bench.alt() == 0x50);
  tap.act = [](Crossing& crossing, Verdict&) { (*crossing.payload)[kStatus] = 0x70; };
  verify();
  CHECK(bench.irq());
  CHECK(bench.status() == 0x70);
  // A status cannot leave the drive busy behind its command's end.
  tap.act = [](Crossing& crossing, Verdict&) { (*crossing.payload)[kStatus] = 0xff; };
  verify();
  CHECK(bench.status() == 0x77);
  tap.act = [](Crossing&, Verdict& verdict) { verdict.copies = 2; };
  bench.lba28(1, 1);
  bench.command(0x40);
  for (int i = 0; i < 20000 && !bench.irq(); ++i) bench.run_for(microseconds(1));
  REQUIRE(bench.irq());
  bench.status();
  CHECK_FALSE(bench.irq());
  bench.run_for(microseconds(40));
  CHECK(bench.irq());
  bench.wiring.remove_tap(tap);
}
