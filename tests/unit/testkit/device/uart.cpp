// Proves that a test can drive an NS16550 without a processor, in the sequences of its datasheet (PC16550D):
// what it reads, when its line rises, what the terminal gets; and what is said where an expectation is not
// met. Offsets and bits are restated from table II.
#include <catch2/catch.hpp>

#include "ringside/device.h"

using namespace ringside::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

enum : uint8_t { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };

// 115200 8N1, as a driver's start does it.
void set_up(const Uart& uart, uint8_t fcr) {
  uart.write8(LCR, 0x80);
  uart.write8(DLL, 1);
  uart.write8(DLM, 0);
  uart.write8(LCR, 0x03);
  uart.write8(FCR, fcr);
  uart.write8(MCR, 0x0b);
}

}  // namespace

TEST_CASE("uart: DLAB shows the divisor, which makes the rate", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart();
  uart.write8(LCR, 0x83);
  CHECK(uart.read8(DLL) == 12);  // 9600 baud after power on
  uart.write8(DLL, 1);
  uart.write8(DLM, 0);
  uart.write8(LCR, 0x03);
  CHECK(uart.character_time() == Duration(86'805'555));
  uart.write8(THR, 'x');
  bench.advance(95us);
  CHECK(uart.sent().empty());  // one bit until it starts, ten for the character
  bench.advance(1us);
  CHECK(uart.sent() == "x");
  bench.finish();
}

TEST_CASE("uart: the receiver interrupts at the FIFO's trigger level", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart();
  set_up(uart, 0x81);  // FIFO on, trigger at 8
  uart.write8(IER, 0x01);
  uart.type("1234567");
  bench.advance(7 * uart.character_time());
  CHECK_FALSE(uart.irq().raised());
  uart.type("8");
  uart.irq().within(100us).expect_raised();
  CHECK((uart.read8(IIR) & 0x0f) == 0x04);
  std::string read;
  while ((uart.read8(LSR) & 1) != 0) read.push_back(static_cast<char>(uart.read8(RBR)));
  CHECK(read == "12345678");
  uart.irq().expect_lowered();
  bench.finish();
}

TEST_CASE("uart: fewer characters than the level interrupt by the timeout", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart();
  set_up(uart, 0x81);
  uart.write8(IER, 0x01);
  uart.type("ab");
  bench.advance(2 * uart.character_time());
  uart.irq().expect_quiet(3 * uart.character_time());
  uart.irq().within(2 * uart.character_time()).expect_raised();
  CHECK((uart.read8(IIR) & 0x0f) == 0x0c);
}

TEST_CASE("uart: a terminal that does not wait overruns a driver that sleeps", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart({.peer_waits_for_room = false});
  set_up(uart, 0x01);
  uart.type("0123456789abcdefXY");
  bench.advance(20 * uart.character_time());
  CHECK((uart.read8(LSR) & 0x02) == 0x02);
  CHECK((uart.read8(LSR) & 0x02) == 0);  // reading it has cleared it
  std::string read;
  while ((uart.read8(LSR) & 1) != 0) read.push_back(static_cast<char>(uart.read8(RBR)));
  CHECK(read == "0123456789abcdef");
}

TEST_CASE("uart: a fault by its name, and errors on the line", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart();
  bench.fault("uart0/rx@3 parity");
  set_up(uart, 0x00);
  std::vector<uint8_t> errors;
  uart.type("abc");
  for (int i = 0; i < 3; ++i) {
    bench.advance(uart.character_time());
    errors.push_back(uart.read8(LSR) & 0x1e);
    (void)uart.read8(RBR);
  }
  CHECK(errors == std::vector<uint8_t>{0, 0, 0x04});
  bench.expect_faults_struck();
  uart.type('x', {.framing = true});
  bench.advance(uart.character_time());
  CHECK((uart.read8(LSR) & 0x1e) == 0x08);
}

TEST_CASE("uart: what crosses is seen with its fields", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart({.name = "com2", .port = 0x2f8, .irq = 3});
  uart.write8(LCR, 0x03);
  CHECK(uart.read8(LCR) == 0x03);
  const Crossings accesses = bench.wire("pio/com2");
  REQUIRE(accesses.size() == 2);
  CHECK(accesses[0].field("op") == "write");
  CHECK(accesses[0].field("address") == 0x2fb);
  CHECK(accesses[1].field("value") == 3);
  bench.forget();
  CHECK(bench.wire("pio/com2").empty());
  CHECK_THROWS_WITH(bench.wire("pio/com1"), Contains("pio/com2"));
}

TEST_CASE("uart: what a driver may not do is a violation, unless it is allowed", "[testkit][device]") {
  for (const bool allowed : {false, true}) {
    BenchOptions options;
    if (allowed) options.allow = {"device/uart_*"};
    DeviceBench bench(options);
    Uart& uart = bench.add_uart();
    uart.write8(IER, 0x01);
    bench.expect_clean();
    (void)uart.read8(RBR);
    REQUIRE(bench.violations().size() == 1);
    CHECK(bench.violations()[0].rule == "device/uart_rbr_without_data");
    CHECK(bench.violations()[0].allowed == allowed);
    if (allowed) {
      bench.finish();
    } else {
      CHECK_THROWS_AS(bench.finish(), ExpectationFailed);
    }
  }
}

TEST_CASE("an expectation that is not met says where it stands and what there was", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart();
  const auto failure = [](auto expectation) {
    try {
      expectation();
    } catch (const ExpectationFailed& failed) {
      CHECK_THAT(failed.place().file, Contains("device/uart.cpp"));
      return std::string(failed.what());
    }
    return std::string("it was met");
  };
  CHECK_THAT(failure([&] { uart.irq().within(1ms).expect_raised(); }),
             Contains("uart.cpp:") && Contains("expected an interrupt within 1ms; dom1/irq/4 is low"));
  CHECK_THAT(failure([&] { uart.expect_sent("hello", 1ms); }),
             Contains("\"hello\"") && Contains("it was \"\""));
  CHECK_THAT(failure([&] { uart.expect8(LSR, 0x01, 0x01); }), Contains("register 0x3fd is 0x60"));
  CHECK_THAT(failure([&] { bench.expect_notice("nonsense"); }), Contains("nonsense"));
  CHECK(bench.now() == 2ms);
}

TEST_CASE("what the test does wrong is an error", "[testkit][device]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart();
  CHECK_THROWS_WITH(bench.fault("uart0/rx parrot"), Contains("parity"));
  CHECK_THROWS_AS(bench.fault("uart0/rx@"), Error);
  CHECK_THROWS_AS(bench.advance(-1ns), Error);
  // A driver that polls where nothing can change does not hang the test.
  CHECK_THROWS_WITH(
      [&] {
        while ((uart.read8(LSR) & 0x01) == 0) {
        }
      }(),
      Contains("virtual time stood still"));
}

TEST_CASE("a driver that polls needs accesses that take time", "[testkit][device]") {
  DeviceBench bench({.record = false, .access_time = 1us});
  Uart& uart = bench.add_uart();
  set_up(uart, 0x01);
  for (const char c : std::string("polled output")) {
    while ((uart.read8(LSR) & 0x20) == 0) {
    }
    uart.write8(THR, static_cast<uint8_t>(c));
  }
  uart.expect_sent("polled output", 1ms);
  CHECK(bench.now() > 12 * uart.character_time());
  CHECK_THROWS_WITH(bench.wire("pio/*"), Contains("BenchOptions::record"));
}
