// The rules of the 16550A, the 8254, the 8259As and the local APIC. Numbers are restated from the documents.
// What a rule cannot see (bounds that let a driver be right) is said where it is tested.
#include "devices/platform/apic/payloads.h"
#include "devices/uart/payloads.h"
#include "sim/interrupt.h"
#include "tests/unit/checkers/checker_bench.h"

using namespace ringside;

namespace {

struct UartBench : CheckerBench {
  UartBench() : CheckerBench("device") {}
  Wire& tx = wire("dom1/uart0/tx", WireKind::message, kUartPayload);
  Wire& rx = wire("dom1/uart0/rx", WireKind::message, kUartPayload);
  Wire& pio = wire("dom1/pio/uart0", WireKind::call, kBusAccessPayload);
  void out(unsigned offset, uint8_t value) { write(pio, 0x3f8 + offset, value); }
  void in(unsigned offset, uint8_t value) { read(pio, 0x3f8 + offset, value); }
  void sent(uint8_t byte) { cross(tx, Direction::out, UartCharacter{byte, 0}); }
  void received(uint8_t byte) { cross(rx, Direction::in, UartCharacter{byte, 0}); }
};

}  // namespace

TEST_CASE("a driver that asks LSR first may read and write", "[checkers][uart]") {
  UartBench bench;
  bench.out(3, 0x80);
  bench.out(0, 1);
  bench.out(1, 0);
  bench.out(3, 0x03);
  bench.out(2, 0x07);
  for (int i = 0; i < 40; ++i) {
    bench.in(5, 0x60);
    bench.out(0, 'a');
  }
  bench.received('x');
  bench.in(5, 0x61);
  bench.in(0, 'x');
  CHECK(bench.clean());
}

TEST_CASE("RBR may be read empty once, to clear it", "[checkers][uart]") {
  UartBench bench;
  bench.out(1, 0);
  bench.in(0, 0);
  CHECK(bench.clean());
  bench.in(0, 0);
  CHECK(bench.only("uart_rbr_without_data"));
  bench.out(1, 1);
  bench.in(0, 0);
  CHECK(bench.only("uart_rbr_without_data"));
  bench.received('x');
  bench.in(0, 'x');
  CHECK(bench.clean());
  bench.received('x');
  bench.out(2, 0x03);  // clears the receiver's FIFO
  bench.in(0, 0);
  CHECK(bench.only("uart_rbr_without_data"));
}

TEST_CASE("the transmitter takes as many characters as it has places for", "[checkers][uart]") {
  UartBench bench;
  bench.out(0, 'a');
  bench.out(0, 'b');
  CHECK(bench.clean());  // the first may be in the shift register
  bench.out(0, 'c');
  CHECK(bench.only("uart_thr_overrun"));
  bench.sent('a');
  bench.in(5, 0x60);
  bench.out(2, 0x01);
  for (int i = 0; i < 17; ++i) bench.out(0, 'd');
  CHECK(bench.clean());
  bench.out(0, 'e');
  CHECK(bench.only("uart_thr_overrun"));
  bench.sent('d');
  bench.out(0, 'f');
  CHECK(bench.clean());
}

TEST_CASE("LSR has said that THR is full", "[checkers][uart]") {
  UartBench bench;
  bench.out(0, 'a');
  bench.in(5, 0x00);
  bench.out(0, 'b');
  CHECK(bench.only("uart_thr_overrun"));
}

TEST_CASE("what loopback and break hide is not judged", "[checkers][uart]") {
  UartBench bench;
  bench.out(4, 0x10);
  for (int i = 0; i < 40; ++i) bench.out(0, 'a');
  bench.in(0, 'a');
  bench.out(4, 0);
  bench.out(3, 0x43);
  for (int i = 0; i < 40; ++i) bench.out(0, 'a');
  CHECK(bench.clean());
}

TEST_CASE("a divisor latch that was left open", "[checkers][uart]") {
  UartBench bench;
  bench.out(3, 0x83);
  bench.out(0, 1);
  CHECK(bench.clean());
  bench.in(5, 0x60);
  bench.out(0, 'h');
  CHECK(bench.only("uart_latch_left_open"));
  bench.in(5, 0x61);
  bench.in(0, 1);
  CHECK(bench.only("uart_latch_left_open"));
  bench.out(3, 0x03);
  bench.out(3, 0x83);
  bench.in(0, 1);  // asks for the divisor
  CHECK(bench.clean());
}

TEST_CASE("LSR and MSR are for reading", "[checkers][uart]") {
  UartBench bench;
  bench.out(5, 0);
  bench.out(6, 0);
  CHECK(bench.said() == std::vector<std::string>{"uart_status_written", "uart_status_written"});
}

TEST_CASE("what a fault has changed is nobody's misdeed", "[checkers][uart]") {
  UartBench bench;
  bench.flags = Crossing::kCanonical | Crossing::kInjected;
  bench.out(5, 0);
  bench.out(1, 1);
  bench.in(0, 0);
  CHECK(bench.clean());
}

TEST_CASE("the 8254's illegal count, and the register that cannot be read", "[checkers][pit]") {
  CheckerBench bench("device");
  Wire& pit = bench.wire("dom1/pio/pit", WireKind::call, kBusAccessPayload);
  const auto count = [&](uint8_t control, uint8_t low, uint8_t high) {
    bench.write(pit, 0x43, control);
    bench.write(pit, 0x40, low);
    bench.write(pit, 0x40, high);
  };
  count(0x34, 0, 0);
  count(0x34, 0x9c, 0x2e);
  count(0x34, 0, 1);  // 256
  count(0x30, 1, 0);  // mode 0
  CHECK(bench.clean());
  count(0x34, 1, 0);
  CHECK(bench.only("pit_illegal_count"));
  count(0x36, 1, 0);
  CHECK(bench.only("pit_illegal_count"));
  bench.write(pit, 0x43, 0x94);  // counter 2, low byte only
  bench.write(pit, 0x42, 1);
  CHECK(bench.only("pit_illegal_count"));
  bench.read(pit, 0x40, 5);
  CHECK(bench.clean());
  bench.read(pit, 0x43, 0xff);
  CHECK(bench.only("pit_control_read"));
}

namespace {

struct PicBench : CheckerBench {
  PicBench() : CheckerBench("device") {
    for (unsigned i = 0; i < 16; ++i)
      lines.push_back(&wire("dom1/irq/" + std::to_string(i), WireKind::signal, kInterruptPayload));
    for (const uint64_t base : {0x20, 0xa0}) {
      write(pic, base, 0x11);
      write(pic, base + 1, 0x20);
      write(pic, base + 1, base == 0x20 ? 4 : 2);
      write(pic, base + 1, 0x01);
      write(pic, base + 1, 0x00);
    }
  }
  void line(unsigned number, bool level) {
    cross(*lines[number], Direction::in, InterruptRecord{level, static_cast<uint8_t>(number), {}});
  }
  void pulse(unsigned number) {
    line(number, true);
    line(number, false);
  }
  Wire& pic = wire("dom1/pio/pic", WireKind::call, kBusAccessPayload);
  std::vector<Wire*> lines;
};

}  // namespace

TEST_CASE("each service of the 8259A ends once", "[checkers][pic]") {
  PicBench bench;
  bench.pulse(4);
  bench.write(bench.pic, 0x20, 0x20);
  CHECK(bench.clean());
  bench.write(bench.pic, 0x20, 0x20);
  CHECK(bench.only("pic_eoi_without_service"));
  bench.pulse(4);
  bench.write(bench.pic, 0x20, 0x63);  // level 3
  CHECK(bench.only("pic_eoi_without_service"));
  bench.write(bench.pic, 0x20, 0x64);
  CHECK(bench.clean());
}

TEST_CASE("an interrupt of the slave ends at both chips", "[checkers][pic]") {
  PicBench bench;
  bench.pulse(14);
  bench.write(bench.pic, 0xa0, 0x66);
  bench.write(bench.pic, 0x20, 0x62);
  CHECK(bench.clean());
  bench.write(bench.pic, 0xa0, 0x20);
  CHECK(bench.only("pic_eoi_without_service"));
}

TEST_CASE("a level asks as long as it lasts, an initialization ends all", "[checkers][pic]") {
  PicBench bench;
  bench.write(bench.pic, 0x4d0, 0x20);
  bench.line(5, true);
  for (int i = 0; i < 10; ++i) bench.write(bench.pic, 0x20, 0x20);
  bench.line(5, false);
  bench.write(bench.pic, 0x20, 0x20);
  CHECK(bench.clean());
  bench.pulse(4);
  bench.write(bench.pic, 0x20, 0x11);
  bench.write(bench.pic, 0x21, 0x20);
  bench.write(bench.pic, 0x21, 0x04);
  bench.write(bench.pic, 0x21, 0x01);
  bench.write(bench.pic, 0x4d0, 0x00);
  bench.write(bench.pic, 0x20, 0x20);
  CHECK(bench.only("pic_eoi_without_service"));
}

TEST_CASE("with AEOI no EOI is due", "[checkers][pic]") {
  PicBench bench;
  bench.write(bench.pic, 0x20, 0x11);
  bench.write(bench.pic, 0x21, 0x20);
  bench.write(bench.pic, 0x21, 0x04);
  bench.write(bench.pic, 0x21, 0x03);
  bench.pulse(4);
  bench.write(bench.pic, 0x20, 0x20);
  CHECK(bench.only("pic_eoi_without_service"));
}

TEST_CASE("the local APIC: EOIs and registers", "[checkers][apic]") {
  CheckerBench bench("device");
  Wire& accept = bench.wire("dom1/apic/accept", WireKind::signal, kApicAcceptPayload);
  Wire& apic = bench.wire("dom1/mmio/apic", WireKind::call, kBusAccessPayload);
  const auto accepted = [&](uint8_t vector, ApicDelivery delivery = ApicDelivery::fixed) {
    bench.cross(accept, Direction::in, ApicAcceptRecord{vector, static_cast<uint8_t>(delivery), 0, 0});
  };
  const auto end = [&] { bench.write(apic, 0xfee000b0, 0, 4); };
  accepted(0x40);
  accepted(0x41);
  end();
  end();
  CHECK(bench.clean());
  end();
  CHECK(bench.only("apic_eoi_without_service"));
  // One is in service, one waits; a third is the one that waits.
  for (int i = 0; i < 5; ++i) accepted(0x40);
  end();
  end();
  CHECK(bench.clean());
  end();
  CHECK(bench.only("apic_eoi_without_service"));
  accepted(0, ApicDelivery::nmi);
  end();
  CHECK(bench.only("apic_eoi_without_service"));
  bench.write(apic, 0xfee00080, 0, 1);
  CHECK(bench.only("apic_register_width"));
  bench.write(apic, 0xfee00100, 0, 4);
  CHECK(bench.only("apic_register_reserved"));
  bench.write(apic, 0xfee00320, 0x10000, 4);
  bench.read(apic, 0xfee00020, 0, 4);
  CHECK(bench.clean());
}
