// Proves configuration mechanism 1 (PCI 3.0, 3.2.2.3.2) at the ports, the wire that shows it, and how the
// pins of the slots meet.
#include "devices/pci/pci_bus.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "devices/pci/payloads.h"
#include "tests/unit/devices/pci/pci_bench.h"

using namespace ringside;

namespace {

struct Board {
  PciBench bench;
  PciBus bus{bench.site("pci"), bench.ports};
  PciFunction bridge{bench.site("bridge"),
                     {.vendor = 0x8086, .device = 0x1237, .class_code = 0x060000},
                     bench.ports,
                     bench.space};
  PciFunction card{
      bench.site("card"), {.vendor = 0x8086, .device = 0x100e, .interrupt_pin = 1}, bench.ports, bench.space};
  std::vector<std::pair<unsigned, bool>> requests;

  Board() {
    bus.on_request([this](unsigned request, bool level) { requests.emplace_back(request, level); });
    bus.add(0, 0, bridge);
    bus.add(3, 0, card);
  }
  void select(unsigned device, unsigned function, unsigned offset, unsigned number = 0) {
    bench.ports.write(0xcf8, 4, 0x80000000u | number << 16 | device << 11 | function << 8 | offset);
  }
};

// Records what crosses, and may spoil it.
struct ConfigTap final : Tap {
  std::vector<PciConfigRecord> seen;
  bool fail = false;
  uint32_t change = 0;
  void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override {
    PciConfigRecord record;
    std::memcpy(&record, crossing.payload->data(), sizeof record);
    seen.push_back(record);
    record.value ^= change;
    std::memcpy(crossing.payload->data(), &record, sizeof record);
    if (fail) verdict.fail = -5;
  }
};

}  // namespace

TEST_CASE("CONFIG_ADDRESS takes four bytes at once, and keeps the bits that mean something") {
  Board board;
  Bus& ports = board.bench.ports;
  CHECK(ports.read(0xcf8, 4) == 0);
  ports.write(0xcf8, 4, 0xffffffff);
  CHECK(ports.read(0xcf8, 4) == 0x80fffffc);
  ports.write(0xcf8, 1, 0);
  ports.write(0xcfa, 2, 0);
  ports.write(0xcfb, 1, 0x01);  // how systems look for mechanism 2
  CHECK(ports.read(0xcf8, 4) == 0x80fffffc);
  CHECK(ports.read(0xcf8, 2) == 0xffff);
}

TEST_CASE("CONFIG_DATA reaches the register and its bytes") {
  Board board;
  Bus& ports = board.bench.ports;
  board.select(3, 0, 0);
  CHECK(ports.read(0xcfc, 4) == 0x100e8086);
  CHECK(ports.read(0xcfc, 2) == 0x8086);
  CHECK(ports.read(0xcfe, 2) == 0x100e);
  CHECK(ports.read(0xcff, 1) == 0x10);
  board.select(3, 0, 0x3c);
  ports.write(0xcfc, 1, 0x0b);
  CHECK(ports.read(0xcfc, 4) == 0x0000010b);
  board.select(0, 0, 0x08);
  CHECK(ports.read(0xcfe, 2) == 0x0600);
}

TEST_CASE("what is not there reads ones, and takes no writes") {
  Board board;
  Bus& ports = board.bench.ports;
  for (auto [device, function, number] :
       {std::tuple{4u, 0u, 0u}, {3u, 1u, 0u}, {3u, 0u, 1u}, {31u, 7u, 255u}}) {
    board.select(device, function, 0, number);
    CHECK(ports.read(0xcfc, 4) == 0xffffffff);
    CHECK(ports.read(0xcfe, 2) == 0xffff);
    ports.write(0xcfc, 4, 0);
  }
  CHECK(board.bench.notices.count(NoticeKind::unusual) == 4);
  ports.write(0xcf8, 4, 3 << 11);  // not enabled
  CHECK(ports.read(0xcfc, 4) == 0xffffffff);
  ports.write(0xcfc, 4, 0);
  CHECK(board.bench.notices.count(NoticeKind::unusual) == 5);
}

TEST_CASE("an access over the end of CONFIG_DATA is safe") {
  Board board;
  board.select(3, 0, 0xfc);
  board.bench.ports.read(0xcfe, 4);
  board.bench.ports.write(0xcff, 4, 0x12345678);
  board.bench.ports.read(0xcfa, 4);
  CHECK(board.bench.ports.read(0xcf8, 4) == 0x800018fc);
}

TEST_CASE("port 0xcf9 goes to the reset control register") {
  Board board;
  RememberingTarget control;
  CHECK(board.bench.ports.read(0xcf9, 1) == 0xff);
  board.bus.set_reset_control(control);
  board.bench.ports.write(0xcf9, 1, 0x06);
  CHECK(control.bytes[0] == 0x06);
  CHECK(board.bench.ports.read(0xcf9, 1) == 0x06);
  CHECK(board.bench.ports.read(0xcf8, 4) == 0);
}

TEST_CASE("every access is shown on pci/config, and a tap decides what becomes of it") {
  Board board;
  ConfigTap tap;
  board.bench.wiring.add_tap(tap, "pci/config");
  board.select(3, 0, 0x3c);
  board.bench.ports.write(0xcfc, 1, 0x0a);
  CHECK(board.bench.ports.read(0xcfd, 1) == 1);
  REQUIRE(tap.seen.size() == 2);
  CHECK((tap.seen[0].write == 1 && tap.seen[0].device == 3 && tap.seen[0].offset == 0x3c));
  CHECK((tap.seen[0].size == 1 && tap.seen[0].value == 0x0a));
  CHECK((tap.seen[1].write == 0 && tap.seen[1].offset == 0x3d && tap.seen[1].value == 1));
  tap.change = 0x80;
  CHECK(board.bench.ports.read(0xcfc, 1) == 0x8a);
  tap.change = 0;
  tap.fail = true;
  CHECK(board.bench.ports.read(0xcfc, 4) == 0xffffffff);
  board.bench.ports.write(0xcfc, 1, 0x05);
  tap.fail = false;
  CHECK(board.bench.ports.read(0xcfc, 1) == 0x0a);
  tap.seen.clear();
  board.select(9, 5, 0x10, 2);
  board.bench.ports.read(0xcfc, 4);
  REQUIRE(tap.seen.size() == 1);
  CHECK((tap.seen[0].bus == 2 && tap.seen[0].device == 9 && tap.seen[0].function == 5));
}

TEST_CASE("the slots' pins are turned by one from slot to slot") {
  // Device 1's INTA# is PIRQA#; 2's is PIRQB#, ... 5's is PIRQA# again.
  CHECK(PciBus::request_of(1, 1) == 0);
  CHECK(PciBus::request_of(2, 1) == 1);
  CHECK(PciBus::request_of(3, 1) == 2);
  CHECK(PciBus::request_of(4, 1) == 3);
  CHECK(PciBus::request_of(5, 1) == 0);
  CHECK(PciBus::request_of(3, 4) == 1);
  CHECK(PciBus::request_of(0, 1) == 3);
}

TEST_CASE("a request is high while any of its pins is") {
  Board board;
  PciFunction other(board.bench.site("other"), {.vendor = 1, .interrupt_pin = 1}, board.bench.ports,
                    board.bench.space);
  board.bus.add(7, 0, other);  // shares PIRQC# with device 3
  board.card.set_interrupt(true);
  other.set_interrupt(true);
  board.card.set_interrupt(false);
  using Requests = std::vector<std::pair<unsigned, bool>>;
  CHECK(board.requests == Requests{{2, true}});
  other.set_interrupt(false);
  CHECK(board.requests == Requests{{2, true}, {2, false}});
}

TEST_CASE("a storm of random port accesses does no harm") {
  Board board;
  RememberingTarget target;
  board.card.add_bar(0, BarKind::ports, 8, target);
  board.card.add_bar(1, BarKind::memory, 0x10000, target);
  std::mt19937 random(3);
  for (int i = 0; i < 50000; ++i) {
    const uint64_t port = 0xcf8 + random() % 8;
    const unsigned size = 1u << (random() % 3);
    if (random() % 2 != 0) {
      board.bench.ports.write(port, size, random());
    } else {
      board.bench.ports.read(port, size);
    }
    if (random() % 4 == 0) board.select(random() % 4, 0, random() & 0xfc);
  }
  board.select(0, 0, 0);
  CHECK(board.bench.ports.read(0xcfc, 4) == 0x12378086);
}
