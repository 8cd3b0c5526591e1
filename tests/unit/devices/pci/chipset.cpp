// Proves the registers of the 82441FX host bridge and the PIIX3's ISA bridge against their datasheets (order
// numbers 290549 and 290550), and how the PIIX3 routes requests and resets.
#include <catch2/catch.hpp>

#include "devices/pci/host_bridge.h"
#include "devices/pci/pci_bus.h"
#include "devices/pci/piix3.h"
#include "tests/unit/devices/pci/pci_bench.h"

using namespace ringside;

namespace {

struct Expected {
  uint8_t offset;
  unsigned size;
  uint32_t value;
};

template <size_t n>
void check_registers(PciFunction& function, const Expected (&rows)[n]) {
  for (const Expected& row : rows) {
    INFO("offset " << std::hex << unsigned{row.offset});
    CHECK(function.config_read(row.offset, row.size) == row.value);
  }
}

struct Southbridge {
  PciBench bench;
  std::vector<bool> resets;
  Piix3 piix{bench.site("piix3"), bench.ports, bench.space, [this](bool hard) { resets.push_back(hard); }};
};

}  // namespace

TEST_CASE("the host bridge's registers after reset") {
  PciBench bench;
  HostBridge bridge(bench.site("i440fx"), bench.ports, bench.space);
  const Expected rows[] = {{0x00, 4, 0x12378086}, {0x04, 2, 0x0006}, {0x06, 2, 0x0280}, {0x08, 4, 0x06000002},
                           {0x0d, 1, 0},          {0x0e, 1, 0},      {0x10, 4, 0},      {0x2c, 4, 0x11001af4},
                           {0x3c, 2, 0},          {0x50, 2, 0},      {0x53, 1, 0x80},   {0x57, 1, 0x01},
                           {0x58, 1, 0x10},       {0x59, 1, 0},      {0x5c, 4, 0},      {0x60, 4, 0x01010101},
                           {0x64, 4, 0x01010101}, {0x71, 1, 0x10},   {0x72, 1, 0x02},   {0x93, 1, 0}};
  check_registers(bridge.function(), rows);
}

TEST_CASE("PAM and SMRAM keep their bits, and say that they do no more") {
  PciBench bench;
  HostBridge bridge(bench.site("i440fx"), bench.ports, bench.space);
  const uint64_t fresh = state_digest(bridge);
  PciFunction& function = bridge.function();
  function.config_write(0x59, 1, 0x30);
  for (uint8_t offset = 0x5a; offset <= 0x5f; ++offset) function.config_write(offset, 1, 0x33);
  CHECK(bench.notices.count(NoticeKind::unimplemented) == 0);  // readable and writable RAM: as it is
  for (uint8_t offset = 0x59; offset <= 0x5f; ++offset) function.config_write(offset, 1, 0xff);
  CHECK(function.config_read(0x59, 1) == 0x30);
  CHECK(function.config_read(0x5a, 1) == 0x33);
  CHECK(function.config_read(0x5c, 4) == 0x33333333);
  function.config_write(0x59, 1, 0x10);
  function.config_write(0x5a, 1, 0x11);
  CHECK(bench.notices.count(NoticeKind::unimplemented) == 1);  // once
  function.config_write(0x72, 1, 0xff);
  CHECK(function.config_read(0x72, 1) == 0x7a);
  CHECK(bench.notices.count(NoticeKind::unimplemented) == 2);
  function.config_write(0x04, 2, 0xffff);
  CHECK(function.config_read(0x04, 2) == 0x0146);
  function.config_write(0x04, 2, 0);
  CHECK(function.config_read(0x04, 2) == 0x0006);
  bridge.reset();
  CHECK(state_digest(bridge) == fresh);
}

TEST_CASE("the ISA bridge's registers after reset") {
  Southbridge board;
  const Expected rows[] = {{0x00, 4, 0x70008086}, {0x04, 2, 0x0007}, {0x06, 2, 0x0200}, {0x08, 4, 0x06010000},
                           {0x0e, 1, 0x80},       {0x3d, 1, 0},      {0x4c, 1, 0x4d},   {0x4e, 2, 0x0003},
                           {0x60, 4, 0x80808080}, {0x69, 1, 0x02},   {0x6a, 2, 0},      {0x70, 1, 0x80},
                           {0x76, 2, 0x0c0c},     {0x78, 2, 0x0002}, {0x80, 1, 0},      {0x82, 1, 0},
                           {0xa0, 1, 0x08},       {0xa2, 2, 0},      {0xa4, 4, 0},      {0xa8, 1, 0x0f}};
  check_registers(board.piix.function(), rows);
  for (uint8_t offset = 0x60; offset < 0x64; ++offset) {
    board.piix.function().config_write(offset, 1, 0xff);
    CHECK(board.piix.function().config_read(offset, 1) == 0x8f);
  }
}

TEST_CASE("a request reaches the line that PIRQRC names, and moves with it") {
  Southbridge board;
  board.piix.set_request(2, true);
  for (unsigned irq = 0; irq < 16; ++irq) CHECK_FALSE(board.piix.line(irq).level());
  board.piix.function().config_write(0x62, 1, 11);
  CHECK(board.piix.line(11).level());
  board.piix.function().config_write(0x60, 4, 0x800a0b0b);  // C to 10; A and B share 11
  CHECK(board.piix.line(10).level());
  CHECK_FALSE(board.piix.line(11).level());
  board.piix.set_request(0, true);
  board.piix.set_request(1, true);
  board.piix.set_request(0, false);
  CHECK(board.piix.line(11).level());
  board.piix.set_request(1, false);
  CHECK_FALSE(board.piix.line(11).level());
  board.piix.function().config_write(0x62, 1, 0x8a);
  CHECK_FALSE(board.piix.line(10).level());
  board.piix.set_request(9, true);
}

TEST_CASE("reserved lines are no route") {
  Southbridge board;
  board.piix.set_request(0, true);
  for (uint32_t irq : {0, 1, 2, 8, 13}) {
    board.piix.function().config_write(0x60, 1, irq);
    CHECK_FALSE(board.piix.line(irq).level());
  }
  CHECK(board.bench.notices.count(NoticeKind::unusual) == 5);
  for (uint32_t irq : {3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15}) {
    board.piix.function().config_write(0x60, 1, irq);
    CHECK(board.piix.line(irq).level());
  }
  board.piix.reset();
  CHECK_FALSE(board.piix.line(15).level());
}

TEST_CASE("a card's pin arrives at its line by way of the slot and the route") {
  Southbridge board;
  PciBus bus(board.bench.site("pci"), board.bench.ports);
  bus.on_request([&](unsigned request, bool level) { board.piix.set_request(request, level); });
  PciFunction card(board.bench.site("nic0"), {.vendor = 0x8086, .interrupt_pin = 1}, board.bench.ports,
                   board.bench.space);
  bus.add(3, 0, card);
  board.piix.function().config_write(0x60, 4, 0x0b0b0a0a);
  card.set_interrupt(true);
  CHECK(board.piix.line(11).level());  // device 3's INTA# is PIRQC#
  card.set_interrupt(false);
  CHECK_FALSE(board.piix.line(11).level());
}

TEST_CASE("the reset control register acts when RCPU rises") {
  Southbridge board;
  BusTarget& control = board.piix.reset_control();
  control.write(0, 1, 0x02);
  CHECK(board.resets.empty());
  control.write(0, 1, 0x06);
  control.write(0, 1, 0x06);
  CHECK(board.resets == std::vector<bool>{true});
  CHECK(control.read(0, 1) == 0x06);
  control.write(0, 1, 0x00);
  control.write(0, 1, 0xfc);
  CHECK(board.resets == std::vector<bool>{true, false});
  CHECK(control.read(0, 1) == 0x04);
}
