// The transmitter's timing and its THRE interrupt, by the datasheet's sections 8.2, 8.3 and 8.10. What the
// line looks like between two bits cannot be seen here: a character leaves as a whole.
#include <catch2/catch.hpp>

#include "tests/unit/devices/uart/uart_bench.h"

using namespace ringside;

TEST_CASE("115200 8N1: 86.8 us a character, back to back") {
  UartBench bench;
  bench.set_up(1, 0x01);
  for (const char c : std::string("hello")) bench.out(THR, static_cast<uint8_t>(c));
  bench.run_for(milliseconds(1));
  REQUIRE(bench.sent_text() == "hello");
  // One bit until the shift register takes the first, then one every ten bits.
  CHECK(bench.sent[0].second == kBit + kCharacter);
  for (size_t i = 1; i < 5; ++i) CHECK(bench.sent[i].second - bench.sent[i - 1].second == kCharacter);
}

TEST_CASE("a character's time follows divisor, word length, parity and stop bits") {
  struct Row {
    uint16_t divisor;
    uint8_t lcr;
    uint64_t nanoseconds;  // half bits * divisor * 16 / 1.8432 MHz / 2
  };
  // 9600 8N1: 10 bits; 5N1: 7; 5N1.5: 7.5; 6N2: 9; 8E2: 12; 7O1: 10; 300 baud 8N2 with parity: 12 of 3.3 ms.
  for (const Row& row :
       {Row{12, 0x03, 1'041'666}, Row{1, 0x00, 60'763}, Row{1, 0x04, 65'104}, Row{1, 0x05, 78'125},
        Row{1, 0x1f, 104'166}, Row{1, 0x0a, 86'805}, Row{384, 0x1f, 40'000'000}}) {
    UartBench bench;
    bench.set_up(row.divisor, 0x01, row.lcr);
    bench.out(THR, 'a');
    bench.out(THR, 'b');
    bench.run_for(seconds(1));
    REQUIRE(bench.sent.size() == 2);
    CHECK((bench.sent[1].second - bench.sent[0].second).nanoseconds() == row.nanoseconds);
  }
}

TEST_CASE("the word length cuts what is sent") {
  UartBench bench;
  bench.set_up(1, 0x01, 0x00);  // 5 bits
  bench.out(THR, 0xff);
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.at(0).first == 0x1f);
}

TEST_CASE("THRE and TEMT in 16450 mode") {
  UartBench bench;
  bench.set_up();
  bench.out(THR, 'a');
  CHECK((bench.in(LSR)&0x60) == 0);
  bench.run_for(kBit);
  CHECK((bench.in(LSR)&0x60) == 0x20);  // in the shift register
  bench.out(THR, 'b');
  CHECK((bench.in(LSR)&0x60) == 0);
  bench.run_for(kCharacter);
  CHECK((bench.in(LSR)&0x60) == 0x20);
  bench.run_for(kCharacter);
  CHECK((bench.in(LSR)&0x60) == 0x60);
  CHECK(bench.sent_text() == "ab");
}

TEST_CASE("a character written over one in THR replaces it, and the driver is told") {
  UartBench bench;
  bench.set_up();
  bench.out(THR, 'a');
  bench.out(THR, 'b');
  bench.run_for(milliseconds(1));
  CHECK(bench.sent_text() == "b");
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
}

TEST_CASE("the FIFO holds 16 characters; the 17th is lost") {
  UartBench bench;
  bench.set_up(1, 0x01);
  for (char c = 'a'; c <= 'q'; ++c) bench.out(THR, static_cast<uint8_t>(c));
  bench.run_for(milliseconds(10));
  CHECK(bench.sent_text() == "abcdefghijklmnop");
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
}

TEST_CASE(
    "THRE's interrupt: enabling raises it, reading IIR clears it, it comes back with the next character") {
  UartBench bench;
  bench.set_up();
  CHECK_FALSE(bench.uart.interrupt.level());
  bench.out(IER, 0x02);
  CHECK(bench.uart.interrupt.level());
  CHECK(bench.in(IIR) == 0x02);
  CHECK_FALSE(bench.uart.interrupt.level());
  CHECK(bench.in(IIR) == 0x01);
  // Still empty: writing the same IER raises nothing, disabling and enabling does.
  bench.out(IER, 0x02);
  CHECK_FALSE(bench.uart.interrupt.level());
  bench.out(IER, 0x00);
  bench.out(IER, 0x02);
  CHECK(bench.uart.interrupt.level());
  // Writing THR clears it too, and when THR is empty again it comes.
  bench.out(THR, 'x');
  CHECK_FALSE(bench.uart.interrupt.level());
  CHECK(bench.in(IIR) == 0x01);
  bench.run_for(kBit);
  CHECK(bench.in(IIR) == 0x02);
}

TEST_CASE("reading IIR while another source has priority does not clear THRE's") {
  UartBench bench;
  bench.set_up();
  bench.out(IER, 0x03);
  bench.receive("r");
  bench.run_for(kCharacter);
  CHECK(bench.in(IIR) == 0x04);
  CHECK(bench.in(IIR) == 0x04);
  CHECK(bench.in(RBR) == 'r');
  CHECK(bench.in(IIR) == 0x02);
  CHECK(bench.in(IIR) == 0x01);
}

TEST_CASE("with THR full, enabling ETBEI raises nothing until it is empty") {
  UartBench bench;
  bench.set_up();
  bench.out(THR, 'a');
  bench.out(IER, 0x02);
  CHECK_FALSE(bench.uart.interrupt.level());
  bench.run_for(kBit);
  CHECK(bench.uart.interrupt.level());
}

TEST_CASE(
    "FIFO mode delays the indication by a character less its stop bit where there were never two bytes") {
  UartBench bench;
  bench.set_up(1, 0x01);
  bench.out(IER, 0x02);
  bench.in(IIR);
  // The first one after changing FCR0 is immediate.
  bench.out(THR, 'a');
  bench.run_for(kBit);
  CHECK(bench.in(IIR) == 0xc2);
  bench.run_for(milliseconds(1));
  // Single bytes: the empty FIFO shows 9 bits after the shift register has taken the byte.
  bench.out(THR, 'b');
  bench.run_for(kBit);
  CHECK(bench.in(IIR) == 0xc1);
  CHECK((bench.in(LSR)&0x20) == 0);
  bench.run_for(Tick{kBit.ps * 9 - 100});
  CHECK(bench.in(IIR) == 0xc1);
  bench.run_for(Tick{200});
  CHECK((bench.in(LSR)&0x60) == 0x20);
  CHECK(bench.in(IIR) == 0xc2);
  bench.run_for(kBit);
  CHECK((bench.in(LSR)&0x60) == 0x60);
  // Two at once: at the moment when the second enters the shift register.
  bench.out(THR, 'c');
  bench.out(THR, 'd');
  bench.run_for(kBit + kCharacter);
  CHECK(bench.in(IIR) == 0xc2);
  bench.run_for(kCharacter);
  CHECK(bench.sent_text() == "abcd");
  // Off and on again: the first one is immediate again.
  bench.out(FCR, 0x00);
  bench.out(FCR, 0x01);
  bench.out(THR, 'e');
  bench.run_for(kBit);
  CHECK(bench.in(IIR) == 0xc2);
}

TEST_CASE("clearing the transmitter's FIFO leaves the shift register alone") {
  UartBench bench;
  bench.set_up(1, 0x01);
  for (const char c : std::string("abc")) bench.out(THR, static_cast<uint8_t>(c));
  bench.run_for(kBit);
  bench.out(FCR, 0x05);
  CHECK((bench.in(LSR)&0x60) == 0x20);
  bench.run_for(milliseconds(1));
  CHECK(bench.sent_text() == "a");
  CHECK((bench.in(LSR)&0x60) == 0x60);
  // Changing FCR0 clears it as well.
  bench.out(THR, 'x');
  bench.out(FCR, 0x00);
  bench.run_for(milliseconds(1));
  CHECK(bench.sent_text() == "a");
}

TEST_CASE("break holds the line low: characters are lost, the peer sees one break after a character's time") {
  UartBench bench;
  struct Recorder : Tap {
    std::vector<std::vector<uint8_t>> seen;
    void on_crossing(const Wire&, Crossing& crossing, Verdict&) override {
      seen.push_back(*crossing.payload);
    }
  } recorder;
  bench.wiring.add_tap(recorder, "uart0/tx");
  bench.set_up();
  bench.out(LCR, 0x43);
  bench.run_for(Tick{kCharacter.ps - 1});
  CHECK(recorder.seen.empty());
  bench.run_for(Tick{1});
  REQUIRE(recorder.seen.size() == 1);
  CHECK(recorder.seen[0] == std::vector<uint8_t>{0, 0x10});
  bench.out(THR, 'x');
  bench.run_for(milliseconds(1));
  CHECK(bench.sent.empty());
  CHECK((bench.in(LSR)&0x60) == 0x60);  // break has no effect on the transmitter's logic
  bench.out(LCR, 0x03);
  bench.out(THR, 'y');
  bench.run_for(milliseconds(1));
  CHECK(bench.sent_text() == "y");
  // Shorter than a character: nobody notices.
  bench.out(LCR, 0x43);
  bench.run_for(kBit);
  bench.out(LCR, 0x03);
  bench.run_for(milliseconds(1));
  CHECK(recorder.seen.size() == 2);
}

TEST_CASE("the divisor 0 counts as 65536, and the driver is told") {
  UartBench bench;
  bench.set_up(0, 0x01);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
  CHECK(bench.uart.format().bit_time() == Tick{568'888'888'888});
}
