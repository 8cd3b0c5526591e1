// The receiver: rate, FIFO and trigger levels, character timeout, errors in the LSR (8.3, 8.4, 8.10), and a
// peer that waits for room or does not.
#include <catch2/catch.hpp>

#include "tests/unit/devices/uart/uart_bench.h"

using namespace ringside;

namespace {

UartConfig impatient() {
  UartConfig config;
  config.peer_waits_for_room = false;
  return config;
}

}  // namespace

TEST_CASE("characters arrive one every 86.8 us at 115200 8N1") {
  UartBench bench;
  bench.set_up(1, 0x01);
  bench.receive("abc");
  for (int i = 1; i <= 3; ++i) {
    bench.run_to(Tick{kCharacter.ps * i - 1});
    CHECK((bench.in(LSR)&1) == (i == 1 ? 0 : 1));
  }
  bench.run_to(kCharacter * 3);
  CHECK(bench.in(RBR) == 'a');
  CHECK(bench.in(RBR) == 'b');
  CHECK(bench.in(RBR) == 'c');
  CHECK((bench.in(LSR)&1) == 0);
  CHECK(bench.in(RBR) == 'c');  // the register keeps what it last held
}

TEST_CASE("trigger levels 1, 4, 8 and 14") {
  const std::pair<uint8_t, int> levels[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}};
  for (const auto& [fcr, level] : levels) {
    UartBench bench;
    bench.set_up(1, fcr);
    bench.out(IER, 0x01);
    bench.receive("0123456789abcdef");
    bench.run_for(Tick{kCharacter.ps * level - 1});
    CHECK(bench.in(IIR) == 0xc1);
    CHECK_FALSE(bench.uart.interrupt.level());
    bench.run_for(Tick{1});
    CHECK(bench.in(IIR) == 0xc4);
    CHECK(bench.uart.interrupt.level());
    // It goes when the FIFO drops below the level.
    bench.in(RBR);
    CHECK(bench.in(IIR) == 0xc1);
    CHECK_FALSE(bench.uart.interrupt.level());
  }
}

TEST_CASE("a timeout comes four characters after the last arrival, and reading one character clears it") {
  UartBench bench;
  bench.set_up(1, 0xc1);
  bench.out(IER, 0x01);
  bench.receive("ab");
  bench.run_to(kCharacter * 2);
  bench.run_to(Tick{kCharacter.ps * 6 - 1});
  CHECK(bench.in(IIR) == 0xc1);
  bench.run_to(kCharacter * 6);
  CHECK(bench.in(IIR) == 0xcc);
  CHECK(bench.uart.interrupt.level());
  CHECK(bench.in(RBR) == 'a');
  CHECK(bench.in(IIR) == 0xc1);
  // And again four characters after that read, for the one that is left.
  bench.run_for(Tick{kCharacter.ps * 4 - 1});
  CHECK(bench.in(IIR) == 0xc1);
  bench.run_for(Tick{1});
  CHECK(bench.in(IIR) == 0xcc);
  bench.in(RBR);
  CHECK(bench.in(IIR) == 0xc1);
  bench.run_for(seconds(1));
  CHECK(bench.in(IIR) == 0xc1);  // nothing in the FIFO: no timeout
  CHECK(bench.events.empty());
}

TEST_CASE(
    "a character that arrives puts the timeout off, and four characters are 12 bits each where they are") {
  UartBench bench;
  bench.set_up(1, 0xc1);
  bench.out(IER, 0x01);
  bench.receive("a");
  bench.run_to(kCharacter * 3);
  bench.receive("b");  // arrives at 4
  bench.run_to(Tick{kCharacter.ps * 8 - 1});
  CHECK(bench.in(IIR) == 0xc1);
  bench.run_to(kCharacter * 8);
  CHECK(bench.in(IIR) == 0xcc);

  // The datasheet's example: 160 ms at 300 baud with characters of 12 bits.
  UartBench slow;
  slow.set_up(384, 0xc1, 0x1f);
  slow.out(IER, 0x01);
  slow.receive("x");
  slow.run_to(milliseconds(40));
  slow.run_for(Tick{milliseconds(160).ps - 1});
  CHECK(slow.in(IIR) == 0xc1);
  slow.run_for(Tick{1});
  CHECK(slow.in(IIR) == 0xcc);
}

TEST_CASE("a timeout needs FIFOs, and bit 3 of IIR is set along with bit 2 above the trigger level too") {
  UartBench bench;
  bench.set_up(1, 0x00);
  bench.out(IER, 0x01);
  bench.receive("a");
  bench.run_for(milliseconds(10));
  CHECK(bench.in(IIR) == 0x04);
  UartBench fifo;
  fifo.set_up(1, 0x01);
  fifo.out(IER, 0x01);
  fifo.receive("ab");
  fifo.run_to(kCharacter * 2);
  CHECK(fifo.in(IIR) == 0xc4);
  fifo.run_to(kCharacter * 6);
  CHECK(fifo.in(IIR) == 0xcc);
  fifo.in(RBR);
  CHECK(fifo.in(IIR) == 0xc4);
}

TEST_CASE("overrun: RBR is overwritten in 16450 mode") {
  UartBench bench(impatient());
  bench.set_up();
  bench.receive("ab");
  bench.run_for(kCharacter * 2);
  CHECK(bench.in(LSR) == 0x63);
  CHECK(bench.in(LSR) == 0x61);  // reading has cleared it
  CHECK(bench.in(RBR) == 'b');
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
}

TEST_CASE("overrun: the full FIFO keeps its 16, and the 17th is lost") {
  UartBench bench(impatient());
  bench.set_up(1, 0x01);
  bench.out(IER, 0x04);
  bench.receive("0123456789abcdefg");
  bench.run_for(kCharacter * 16);
  CHECK(bench.in(IIR) == 0xc1);
  bench.run_for(kCharacter);
  CHECK(bench.in(IIR) == 0xc6);
  CHECK(bench.in(LSR) == 0x63);
  CHECK(bench.in(IIR) == 0xc1);
  std::string text;
  while ((bench.in(LSR)&1) != 0) text += static_cast<char>(bench.in(RBR));
  CHECK(text == "0123456789abcdef");
}

TEST_CASE("a peer that waits for room loses nothing") {
  for (const uint8_t fcr : {0x00, 0x01}) {
    UartBench bench;
    bench.set_up(1, fcr);
    std::string typed;
    for (int i = 0; i < 100; ++i) typed += static_cast<char>(' ' + i % 90);
    bench.receive(typed);
    bench.run_for(seconds(1));
    CHECK(bench.uart.waiting_characters() == (fcr == 0 ? 99u : 84u));
    std::string text;
    for (int i = 0; i < 10'000 && text.size() < typed.size(); ++i) {
      const uint8_t status = bench.in(LSR);
      REQUIRE((status & 0x02) == 0);
      if ((status & 0x01) != 0) text += static_cast<char>(bench.in(RBR));
      bench.run_for(microseconds(30));
    }
    CHECK(text == typed);
  }
}

TEST_CASE("a peer that obeys RTS sends only while it is active") {
  UartConfig config;
  config.peer_obeys_rts = true;
  UartBench bench(config);
  bench.set_up(1, 0x01);
  bench.out(MCR, 0x08);
  bench.receive("a");
  bench.run_for(seconds(1));
  CHECK((bench.in(LSR)&1) == 0);
  bench.out(MCR, 0x0a);
  bench.run_for(kCharacter);
  CHECK(bench.in(RBR) == 'a');
}

TEST_CASE("errors show when their character is on top, and bit 7 while any is in the FIFO") {
  UartBench bench;
  bench.set_up(1, 0x01);
  bench.out(IER, 0x04);
  bench.uart.receive(UartCharacter{'a', 0});
  bench.uart.receive(UartCharacter{'b', uart_error::parity});
  bench.uart.receive(UartCharacter{'c', uart_error::framing});
  bench.run_for(kCharacter * 3);
  CHECK(bench.in(IIR) == 0xc1);
  CHECK(bench.in(LSR) == 0xe1);
  CHECK(bench.in(RBR) == 'a');
  CHECK(bench.in(IIR) == 0xc6);
  CHECK(bench.in(LSR) == 0xe5);  // PE; another error is behind it
  CHECK(bench.in(IIR) == 0xc1);
  CHECK(bench.in(LSR) == 0xe1);
  CHECK(bench.in(RBR) == 'b');
  CHECK(bench.in(LSR) == 0xe9);  // FE, and no error behind it
  CHECK(bench.in(LSR) == 0x61);
  CHECK(bench.in(RBR) == 'c');
}

TEST_CASE("in 16450 mode bit 7 of the LSR is 0") {
  UartBench bench;
  bench.set_up();
  bench.uart.receive(UartCharacter{'a', uart_error::parity});
  bench.run_for(kCharacter);
  CHECK(bench.in(LSR) == 0x65);
}

TEST_CASE(
    "a break is one character of zeros with a framing error, and a parity error where the parity bit should "
    "be 1") {
  // 8N1, 8E1, 8O1.
  const std::pair<uint8_t, uint8_t> formats[] = {{0x03, 0x18}, {0x1b, 0x18}, {0x0b, 0x1c}};
  for (const auto& [lcr, errors] : formats) {
    UartBench bench;
    bench.set_up(1, 0x01, lcr);
    bench.uart.receive(UartCharacter{0x55, uart_error::break_condition});
    bench.run_for(milliseconds(1));
    CHECK((bench.in(LSR)&0x1e) == errors);
    CHECK(bench.in(RBR) == 0);
    CHECK((bench.in(LSR)&0x1f) == 0);
  }
}

TEST_CASE("clearing the receiver's FIFO drops what is in it, errors and timeout included") {
  UartBench bench;
  bench.set_up(1, 0xc1);
  bench.out(IER, 0x01);
  bench.receive("a");
  bench.uart.receive(UartCharacter{'b', uart_error::parity});
  bench.run_for(milliseconds(2));
  REQUIRE(bench.in(IIR) == 0xcc);
  bench.out(FCR, 0xc3);
  CHECK(bench.in(IIR) == 0xc1);
  CHECK(bench.in(LSR) == 0x60);
  // So does leaving FIFO mode.
  bench.receive("c");
  bench.run_for(kCharacter);
  bench.out(FCR, 0x00);
  CHECK(bench.in(LSR) == 0x60);
}

TEST_CASE("the word length cuts what is received") {
  UartBench bench;
  bench.set_up(1, 0x01, 0x02);  // 7 bits
  bench.receive("\xff");
  bench.run_for(kCharacter);
  CHECK(bench.in(RBR) == 0x7f);
}
