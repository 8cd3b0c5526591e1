// The rules of the 82540EM, and of the descriptors that its driver hands over (checker dma). Offsets and bits
// are restated from the manual (317453).
#include "devices/nic/payloads.h"
#include "sim/dma.h"
#include "tests/unit/checkers/checker_bench.h"

using namespace ringside;

namespace {

constexpr uint32_t kCtrl = 0x0, kEecd = 0x10, kEerd = 0x14, kMdic = 0x20, kRctl = 0x100, kTctl = 0x400,
                   kRdbal = 0x2800, kRdbah = 0x2804, kRdlen = 0x2808, kRdh = 0x2810, kRdt = 0x2818,
                   kTdbal = 0x3800, kTdlen = 0x3808, kTdh = 0x3810, kTdt = 0x3818;
constexpr uint64_t kBar = 0xfebc0000;
constexpr uint32_t kRxRing = 0x10000, kTxRing = 0x20000;

struct NicBench : CheckerBench {
  explicit NicBench(const std::string& checker) : CheckerBench(checker) {}
  Wire& dma = wire("dom1/dma/nic0", WireKind::call, kDmaPayload);
  Wire& ring = wire("dom1/nic/nic0/ring", WireKind::sampled, kNicRingPayload);
  Wire& mmio = wire("dom1/mmio/nic0", WireKind::call, kBusAccessPayload);
  uint32_t head[2] = {0, 0}, count = 16;

  void out(uint32_t offset, uint32_t value) { write(mmio, kBar + offset, value, 4); }
  void in(uint32_t offset, uint32_t value) { read(mmio, kBar + offset, value, 4); }
  void set_up() {
    out(kRdbal, kRxRing);
    out(kRdbah, 0);
    out(kRdlen, count * 16);
    out(kRdh, 0);
    out(kTdbal, kTxRing);
    out(kTdlen, count * 16);
    out(kTdh, 0);
    out(kRctl, 0x2);
    out(kTctl, 0x2);
  }
  // 0: the receive ring.
  void tail(unsigned which, uint32_t value) {
    out(which == 0 ? kRdt : kTdt, value);
    indices[which] = value;
    cross(ring, Direction::out, NicRingRecord{static_cast<uint8_t>(which), 0, {}, head[which], value, count});
  }
  void done(unsigned which) {
    head[which] = (head[which] + 1) % count;
    cross(ring, Direction::in,
          NicRingRecord{static_cast<uint8_t>(which), 1, {}, head[which], indices[which], count});
  }
  void descriptor(unsigned which, uint32_t index, uint64_t address, uint32_t word = 0) {
    const uint64_t at = (which == 0 ? kRxRing : kTxRing) + 16 * index;
    memory->store(GuestPhys{at}, address);
    memory->store(GuestPhys{at + 8}, uint64_t{word});
  }
  void transfer(uint64_t address, uint32_t length, bool write) {
    cross(dma, Direction::in, DmaRecord{address, length, write, 1, {}, 0});
  }
  uint32_t indices[2] = {0, 0};
};

}  // namespace

TEST_CASE("rings set up as the manual says", "[checkers][nic]") {
  NicBench bench("device");
  bench.set_up();
  bench.tail(0, 15);
  bench.done(0);
  bench.tail(0, 0);
  CHECK(bench.clean());
}

TEST_CASE("indices that are none", "[checkers][nic]") {
  NicBench bench("device");
  bench.set_up();
  bench.out(kRdt, 16);
  CHECK(bench.only("nic_tail_beyond_ring"));
  bench.tail(1, 10);
  bench.tail(1, 5);  // fewer than before: the same as eleven more
  CHECK(bench.only("nic_tail_passes_head"));
}

TEST_CASE("a ring changed while its engine runs", "[checkers][nic]") {
  NicBench bench("device");
  bench.set_up();
  bench.out(kRdbal, kRxRing);  // the same place
  CHECK(bench.clean());
  bench.out(kRdbal, 0x30000);
  CHECK(bench.only("nic_ring_while_enabled"));
  bench.out(kTdlen, 0x400);
  CHECK(bench.only("nic_ring_while_enabled"));
  bench.out(kTdh, 0);
  CHECK(bench.only("nic_ring_while_enabled"));
  bench.out(kTctl, 0);
  bench.out(kTdh, 0);
  bench.out(kCtrl, 1u << 26);
  bench.out(kRdbal, 0x40000);
  CHECK(bench.clean());
}

TEST_CASE("a driver that sets its rings up anew may move the tail back", "[checkers][nic]") {
  NicBench bench("device");
  bench.set_up();
  bench.tail(0, 10);
  bench.out(kRctl, 0);
  bench.out(kRdh, 0);
  bench.tail(0, 0);
  bench.out(kRctl, 2);
  bench.tail(0, 15);
  CHECK(bench.clean());
}

TEST_CASE("what a ring's place and length may be", "[checkers][nic]") {
  NicBench bench("device");
  bench.out(kRdlen, 100);
  CHECK(bench.only("nic_ring_length"));
  bench.out(kTdlen, 0x200000);
  CHECK(bench.only("nic_ring_length"));
  bench.out(kRdbal, 0x1008);
  CHECK(bench.only("nic_ring_misaligned"));
}

TEST_CASE("EEPROM and PHY are asked one thing at a time", "[checkers][nic]") {
  NicBench bench("device");
  bench.out(kEerd, 0x0001);
  bench.in(kEerd, 0x0000);
  bench.out(kEerd, 0x0101);
  CHECK(bench.only("nic_eeprom_busy"));
  bench.in(kEerd, 0x12340110);
  bench.out(kEerd, 0x0201);
  CHECK(bench.clean());
  bench.out(kEecd, 0x02);
  CHECK(bench.only("nic_eeprom_not_granted"));
  bench.out(kEecd, 0x40);
  bench.in(kEecd, 0x1d0);
  bench.out(kEecd, 0x42);
  CHECK(bench.clean());
  bench.out(kMdic, 0x08210000);
  bench.in(kMdic, 0x08210000);
  bench.out(kMdic, 0x08220000);
  CHECK(bench.only("nic_mdic_busy"));
  bench.in(kMdic, 0x18220000);
  bench.out(kMdic, 0x08220000);
  CHECK(bench.clean());
}

TEST_CASE("registers are 32 bits wide, and some are not there", "[checkers][nic]") {
  NicBench bench("device");
  bench.write(bench.mmio, kBar + kCtrl, 0, 2);
  CHECK(bench.only("nic_register_width"));
  bench.out(0x00024, 0);
  CHECK(bench.only("nic_register_reserved"));
  bench.out(0x05400, 0);
  CHECK(bench.clean());
}

TEST_CASE("buffers that are handed over, used and given back", "[checkers][dma]") {
  NicBench bench("dma");
  bench.set_up();
  for (uint32_t i = 0; i < 16; ++i) bench.descriptor(0, i, 0x100000 + i * 2048);
  bench.tail(0, 15);
  bench.transfer(kRxRing, 15 * 16, false);
  for (int round = 0; round < 100; ++round) {
    const uint32_t at = bench.head[0];
    bench.transfer(0x100000 + at * 2048, 1514, true);
    bench.transfer(kRxRing + at * 16, 16, true);
    bench.done(0);
    bench.tail(0, at);
    bench.transfer(kRxRing + ((at + 15) % 16) * 16, 16, false);
  }
  // The same header for two frames, and a context descriptor between.
  bench.descriptor(1, 0, 0x180000, 0x08000000 | 60);
  bench.descriptor(1, 1, 0x0102030405060708, 0x20000000 | 0x1234);
  bench.descriptor(1, 2, 0x180000, 0x20100000 | 60);
  bench.tail(1, 3);
  bench.transfer(kTxRing, 48, false);
  bench.transfer(0x180000, 60, false);
  bench.done(1);
  bench.done(1);
  bench.transfer(0x180000, 30, false);
  bench.transfer(0x180000 + 30, 30, false);
  bench.done(1);
  CHECK(bench.clean());
}

TEST_CASE("buffers that a driver got wrong", "[checkers][dma]") {
  NicBench bench("dma");
  bench.set_up();
  for (uint32_t i = 0; i < 16; ++i) bench.descriptor(0, i, 0x100000 + i * 2048);
  SECTION("over the ring") {
    bench.descriptor(0, 1, kRxRing - 1024);
    bench.tail(0, 2);
    CHECK(bench.only("buffer_overlaps_ring"));
  }
  SECTION("over each other") {
    bench.descriptor(0, 5, 0x100000 + 1024);
    bench.tail(0, 6);
    CHECK(bench.said() == std::vector<std::string>{"buffers_overlap"});
  }
  SECTION("posted twice") {
    bench.tail(0, 8);
    bench.descriptor(0, 8, 0x100000 + 3 * 2048);
    bench.tail(0, 9);
    CHECK(bench.only("buffers_overlap"));
  }
  SECTION("sent while frames may be stored there") {
    bench.tail(0, 8);
    bench.descriptor(1, 0, 0x100000 + 100, 60);
    bench.tail(1, 1);
    CHECK(bench.only("buffers_overlap"));
  }
  SECTION("taken back while the controller has read the descriptor") {
    bench.tail(0, 8);
    bench.transfer(kRxRing, 8 * 16, false);
    bench.tail(0, 0);
    bench.transfer(0x100000, 60, true);
    CHECK(bench.only("outside_buffers"));
  }
  SECTION("changed while the controller owns the descriptor") {
    bench.tail(0, 8);
    bench.descriptor(0, 3, 0x190000);
    bench.transfer(kRxRing, 8 * 16, false);
    CHECK(bench.only("descriptor_rewritten"));
    // It has read the new one.
    bench.done(0);
    bench.done(0);
    bench.done(0);
    bench.transfer(0x190000, 60, true);
    CHECK(bench.only("outside_buffers"));
  }
}

TEST_CASE("a reset or a stop gives all buffers back", "[checkers][dma]") {
  NicBench bench("dma");
  bench.set_up();
  for (uint32_t i = 0; i < 16; ++i) bench.descriptor(0, i, 0x100000 + i * 2048);
  bench.tail(0, 8);
  bench.out(kRctl, 0);
  bench.out(kRdh, 0);
  bench.tail(0, 0);
  for (uint32_t i = 0; i < 16; ++i) bench.descriptor(0, i, 0x100400 + i * 2048);
  bench.out(kRctl, 2);
  bench.tail(0, 8);
  CHECK(bench.clean());
}
