// The rules of ATA channels and bus masters, with the tables that those follow (checker dma).
#include "devices/disk/payloads.h"
#include "devices/pci/payloads.h"
#include "sim/dma.h"
#include "tests/unit/checkers/checker_bench.h"

using namespace ringside;

namespace {

struct AtaBench : CheckerBench {
  explicit AtaBench(const std::string& checker) : CheckerBench(checker) {}
  Wire& dma = wire("dom1/dma/ide", WireKind::call, kDmaPayload);
  Wire& command = wire("dom1/ata/disk0/command", WireKind::message, kAtaCommandPayload);
  Wire& completion = wire("dom1/ata/disk0/completion", WireKind::message, kAtaCompletionPayload);
  Wire& primary = wire("dom1/pio/ide/primary", WireKind::call, kBusAccessPayload);
  Wire& control = wire("dom1/pio/ide/primary/control", WireKind::call, kBusAccessPayload);
  Wire& master = wire("dom1/pio/ide/bus-master", WireKind::call, kBusAccessPayload);
  Wire& config = wire("dom1/pci/config", WireKind::call, kPciConfigPayload);

  void out(unsigned offset, uint8_t value) { write(primary, 0x1f0 + offset, value); }
  void status(uint8_t value) { read(primary, 0x1f7, value); }
  // The drive shows the command while the register is written.
  void issue(uint8_t opcode) {
    out(7, opcode);
    AtaCommandRecord record{};
    record.opcode = opcode;
    cross(command, Direction::out, record);
    clock.now = clock.now + microseconds(1);
  }
  void finish() { cross(completion, Direction::in, AtaCompletionRecord{}); }
  void bus_master(unsigned offset, uint32_t value, unsigned size) {
    write(master, 0xc000 + offset, value, size);
  }
  void prd(uint64_t at, uint32_t address, uint32_t bytes, bool last) {
    memory->store(GuestPhys{at}, address);
    memory->store(GuestPhys{at + 4}, (bytes & 0xffff) | (last ? 0x80000000 : 0));
  }
  void transfer(uint64_t address, uint32_t length, bool write, bool done = true) {
    cross(dma, write ? Direction::in : Direction::out,
          DmaRecord{address, length, write, static_cast<uint8_t>(done), {}, 0});
  }
  void start(uint32_t table, uint8_t direction = 0x08) {
    bus_master(4, table, 4);
    bus_master(0, direction, 1);
    bus_master(0, direction | 1, 1);
  }
};

}  // namespace

TEST_CASE("a PIO read that asks Status first", "[checkers][ata]") {
  AtaBench bench("device");
  bench.status(0x50);
  for (unsigned i = 2; i < 7; ++i) bench.out(i, 0);
  bench.issue(0x20);
  bench.status(0x80);
  bench.status(0x58);
  for (int i = 0; i < 255; ++i) bench.read(bench.primary, 0x1f0, 0, 2);
  bench.finish();  // shown before the read that ends it
  bench.read(bench.primary, 0x1f0, 0, 2);
  bench.status(0x50);
  CHECK(bench.clean());
  bench.read(bench.primary, 0x1f0, 0, 2);
  CHECK(bench.only("ata_data_without_drq"));
}

TEST_CASE("a busy drive is left alone", "[checkers][ata]") {
  AtaBench bench("device");
  bench.issue(0x20);
  bench.out(7, 0x20);
  CHECK(bench.only("ata_command_while_busy"));
  bench.out(3, 1);
  CHECK(bench.only("ata_register_while_busy"));
  bench.read(bench.primary, 0x1f0, 0, 2);
  CHECK(bench.only("ata_data_without_drq"));
  bench.finish();
  bench.out(3, 1);
  bench.issue(0x20);
  CHECK(bench.clean());
}

TEST_CASE("Status 400 ns behind a command", "[checkers][ata]") {
  AtaBench bench("device");
  bench.out(7, 0x20);
  bench.cross(bench.command, Direction::out, AtaCommandRecord{});
  bench.read(bench.control, 0x3f6, 0x80);  // Alternate Status is how one waits
  CHECK(bench.clean());
  bench.status(0x80);
  CHECK(bench.only("ata_status_too_early"));
  bench.clock.now = bench.clock.now + nanoseconds(400);
  bench.status(0x80);
  CHECK(bench.clean());
}

TEST_CASE("a reset ends all, and is awaited", "[checkers][ata]") {
  AtaBench bench("device");
  bench.issue(0x20);
  bench.write(bench.control, 0x3f6, 0x04);
  bench.out(6, 0xa0);
  CHECK(bench.only("ata_register_while_busy"));
  bench.write(bench.control, 0x3f6, 0x00);
  bench.out(6, 0xa0);  // nobody knows that it is not over
  CHECK(bench.clean());
  bench.status(0x80);
  bench.out(6, 0xa0);
  CHECK(bench.only("ata_register_while_busy"));
  bench.status(0x50);
  bench.out(6, 0xa0);
  bench.issue(0xec);
  CHECK(bench.clean());
}

TEST_CASE("an absent drive does nothing wrong", "[checkers][ata]") {
  AtaBench bench("device");
  Wire& secondary = bench.wire("dom1/pio/ide/secondary", WireKind::call, kBusAccessPayload);
  for (int i = 0; i < 2; ++i) {
    bench.write(secondary, 0x176, 0xa0);
    bench.write(secondary, 0x177, 0xec);
    bench.read(secondary, 0x177, 0x7f);
  }
  CHECK(bench.clean());
}

TEST_CASE("the order of a bus master's registers", "[checkers][ata]") {
  AtaBench bench("device");
  bench.bus_master(0, 0x09, 1);
  CHECK(bench.only("ata_start_without_table"));
  bench.bus_master(0, 0, 1);
  bench.bus_master(4, 0x1002, 4);
  CHECK(bench.only("ata_table_misaligned"));
  bench.start(0x1000);
  bench.issue(0xc8);
  CHECK(bench.clean());
  bench.bus_master(4, 0x2000, 4);
  CHECK(bench.only("ata_table_while_started"));
  bench.bus_master(0, 0x01, 1);
  CHECK(bench.only("ata_direction_changed"));
  bench.finish();
  bench.bus_master(0, 0, 1);
  bench.start(0x2000, 0);
  CHECK(bench.clean());
}

TEST_CASE("transfers along a bus master's table", "[checkers][dma]") {
  AtaBench bench("dma");
  bench.prd(0x1000, 0x10000, 0x1000, false);
  bench.prd(0x1008, 0x20000, 0x0000, true);
  bench.start(0x1000);
  bench.transfer(0x1000, 8, false);
  bench.transfer(0x10000, 0x1000, true);
  bench.transfer(0x1008, 8, false);
  bench.transfer(0x20000, 0x10000, true);
  CHECK(bench.clean());
  bench.transfer(0x30000, 512, true);
  CHECK(bench.only("outside_buffers"));
  bench.bus_master(0, 0x08, 1);
  bench.transfer(0x20000, 512, true);  // the driver has stopped it: the pages are its own again
  CHECK(bench.only("outside_buffers"));
}

TEST_CASE("tables that a driver got wrong", "[checkers][dma]") {
  AtaBench bench("dma");
  SECTION("a region over the table") {
    bench.prd(0x1000, 0x0f00, 0x200, true);
    bench.start(0x1000);
    CHECK(bench.only("buffer_overlaps_ring"));
  }
  SECTION("regions over each other") {
    bench.prd(0x1000, 0x10000, 0x200, false);
    bench.prd(0x1008, 0x10100, 0x200, true);
    bench.start(0x1000);
    CHECK(bench.only("buffers_overlap"));
    bench.bus_master(0, 0, 1);
    bench.start(0x1000, 0);  // to the disk twice from the same bytes
    CHECK(bench.clean());
  }
  SECTION("a region across 64 KiB") {
    bench.prd(0x1000, 0x1ff00, 0x200, true);
    bench.start(0x1000);
    CHECK(bench.only("region_crosses_64k"));
  }
  SECTION("an odd address") {
    bench.prd(0x1000, 0x10001, 0x200, true);
    bench.start(0x1000);
    CHECK(bench.only("region_odd"));
  }
  SECTION("a table across 64 KiB") {
    bench.prd(0x1fff8, 0x30000, 0x200, false);
    bench.prd(0x20000, 0x40000, 0x200, true);
    bench.start(0x1fff8);
    CHECK(bench.only("table_crosses_64k"));
  }
  SECTION("a descriptor changed behind Start") {
    bench.prd(0x1000, 0x10000, 0x200, true);
    bench.start(0x1000);
    bench.prd(0x1000, 0x30000, 0x200, true);
    bench.transfer(0x1000, 8, false);
    CHECK(bench.only("descriptor_rewritten"));
  }
}

TEST_CASE("a table without an end", "[checkers][dma]") {
  AtaBench bench("dma");
  for (uint32_t i = 0; i < 8192; ++i) bench.prd(0x100000 + 8 * i, 0x200000, 2, false);
  bench.start(0x100000, 0);
  CHECK(bench.only("table_without_end"));
}

TEST_CASE("a bus master that may not master", "[checkers][dma]") {
  AtaBench bench("dma");
  const auto config = [&](uint8_t offset, uint32_t value, bool write) {
    bench.cross(bench.config, write ? Direction::out : Direction::in,
                PciConfigRecord{value, 4, write, 0, 1, 1, offset, {}});
  };
  bench.prd(0x1000, 0x10000, 0x200, true);
  bench.start(0x1000);
  CHECK(bench.clean());  // nothing is known of it
  bench.bus_master(0, 0, 1);
  config(0x20, 0xffffffff, true);
  config(0x20, 0xfffffff1, false);
  config(0x20, 0xc001, true);
  config(0x04, 0x0001, true);
  bench.start(0x1000);
  CHECK(bench.only("mastering_disabled"));
  bench.bus_master(0, 0, 1);
  config(0x04, 0x02800005, false);
  bench.start(0x1000);
  CHECK(bench.clean());
}

TEST_CASE("where no memory is, and into a page table", "[checkers][dma]") {
  CheckerBench bench("dma");
  Wire& dma = bench.wire("dom1/dma/other", WireKind::call, kDmaPayload);
  const auto transfer = [&](uint64_t address, bool write, bool done) {
    bench.cross(dma, Direction::in, DmaRecord{address, 512, write, static_cast<uint8_t>(done), {}, 0});
  };
  transfer(0xfee00000, true, false);
  CHECK(bench.only("outside_ram"));
  // PML4 at 0x100000, PDPT behind it, PD, PT; a large page in the PD.
  for (uint64_t level = 0; level < 3; ++level)
    bench.memory->store(GuestPhys{0x100000 + 0x1000 * level}, (0x101000 + 0x1000 * level) | 3);
  bench.memory->store(GuestPhys{0x102008}, uint64_t{0x200083});
  bench.memory->store(GuestPhys{0x100ff8}, uint64_t{0x100003});  // it maps itself
  transfer(0x103000, true, true);
  CHECK(bench.clean());  // no paging
  bench.page_table_root = 0x100000;
  for (const uint64_t table : {0x100000, 0x101e00, 0x102000, 0x103800}) {
    bench.clock.now = bench.clock.now + milliseconds(20);
    transfer(table, true, true);
    CHECK(bench.only("into_page_table"));
  }
  transfer(0x103000, false, true);
  transfer(0x200000, true, true);
  CHECK(bench.clean());
  // Freed since it was read: the find is looked at again.
  bench.memory->store(GuestPhys{0x102000}, uint64_t{0});
  transfer(0x103000, true, true);
  CHECK(bench.clean());
}
