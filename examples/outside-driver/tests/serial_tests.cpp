// The NS16550A and its driver, in all three ways.
#include <ringside/catch.h>
#include <ringside/device.h>

#include <string>

using namespace ringside::test;
using namespace std::chrono_literals;

extern "C" void serial_main(void);  // drivers/serial_main.c

namespace {

constexpr const char* kHosted = MACHINES "serial-hosted.toml";
constexpr const char* kOnTheCore = MACHINES "serial.toml";

// What is so wherever the driver runs.
void says_hello(Machine& m) {
  CHECK(m.run().ok());
  CHECK(m.console("dom1") == "hello from the driver\r\n");
  CHECK_THAT(m.wire("pio/uart0"), HasCrossing(field("op") == "write" && field("address") == 0x3fa));  // FCR
}

}  // namespace

// Way 1: the device alone. What the driver's author wants to be sure of before writing it.
RINGSIDE_CASE("16550A: while one cause is left, the interrupt line stays high", "[uart]") {
  DeviceBench bench;
  Uart& uart = bench.add_uart();
  uart.write8(3, 0x80);  // LCR: the divisor
  uart.write8(0, 1);     // 115200 baud
  uart.write8(3, 0x03);  // LCR: 8N1
  uart.write8(2, 0x07);  // FCR: FIFOs on, empty
  uart.write8(4, 0x08);  // MCR: OUT2
  uart.write8(1, 0x03);  // IER: received, holding register empty
  uart.irq().expect_raised();
  uart.type("x");
  bench.advance(20 * uart.character_time());  // until the receiver's time-out as well
  CHECK((uart.read8(2) & 0x0f) == 0x0c);      // IIR: the time-out comes first
  CHECK(uart.read8(0) == 'x');                // and ends by reading RBR
  CHECK(uart.irq().raised());                 // the other cause is still there
  CHECK((uart.read8(2) & 0x0f) == 0x02);
  CHECK_FALSE(uart.irq().raised());
}

// Way 2: the driver, compiled for the host.
RINGSIDE_TEST("serial, hosted: says hello", "[uart]", kHosted) {
  m.host("dom1", serial_main);
  says_hello(m);
}

RINGSIDE_TEST("serial, hosted: echoes what is typed while it prints", "[uart]", kHosted) {
  m.host("dom1", serial_main);
  m.set("domain.cmdline", "ask");
  m.run_until_console("dom1", "who are you");
  m.type("dom1", "a driver's author\r");
  CHECK(m.run().ok());
  CHECK_THAT(m.console("dom1"), Catch::Contains("welcome, a driver's author\r\n"));
}

// Way 3: the same sources on the emulated core, ring 0.
RINGSIDE_TEST("serial, on the core: says hello", "[uart]", kOnTheCore) { says_hello(m); }
