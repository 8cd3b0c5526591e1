// The registers of the PC16550D against its tables I (reset) and II (summary), by the generic rules and by
// what those cannot say. Numbers are restated from the datasheet.
#include <catch2/catch.hpp>

#include "devices/uart/uart_registers.h"
#include "tests/support/register_checks.h"
#include "tests/unit/devices/uart/uart_bench.h"

using namespace ringside;

namespace {

class Bench : public RegisterBench {
 public:
  BusTarget& registers() override { return bench_.uart; }
  const Stateful& state() override { return bench_.uart; }
  void select(const RegisterRow& row) override {
    if (row.bank == UartRegisters::divisor) bench_.out(LCR, 0x80);
  }
  bool reset() override {
    bench_.uart.reset();
    return true;
  }

 private:
  // No cable: the generic rule wants MSR's upper half to be known.
  UartBench bench_{UartConfig{.modem_inputs = 0}};
};

}  // namespace

TEST_CASE("every register keeps to the rules of its row") {
  RegisterChecks<Uart> checks{.rows = kUartRegisters, .make = [] { return std::make_unique<Bench>(); }};
  checks.too_wide = WidthRule::split;
  checks.width_max = 4;  // what the ISA bus carries
  checks.exceptions = {
      {"FCR", RegisterRule::reset, "a read at its offset gives IIR"},
      {"FCR", RegisterRule::writes, "a read at its offset gives IIR"},
      {"IIR", RegisterRule::writes, "a write at its offset goes to FCR"},
      {"SCR", RegisterRule::reset, "the reset pin leaves it as it is (table I does not list it)"},
      {"DLL", RegisterRule::reset, "the reset pin leaves it as it is (table I does not list it)"},
      {"DLM", RegisterRule::reset, "the reset pin leaves it as it is (table I does not list it)"},
  };
  check_registers(checks);
}

TEST_CASE("the reset pin gives what table I lists") {
  UartBench bench;
  bench.set_up(1, 0xc1);
  bench.out(IER, 0x0f);
  bench.out(SCR, 0x5a);
  bench.out(THR, 'a');
  bench.receive("b");
  bench.run_for(kCharacter);
  bench.uart.set_modem_inputs(0xb0 ^ 0x10);
  REQUIRE(bench.uart.interrupt.level());
  bench.uart.reset();
  CHECK_FALSE(bench.uart.interrupt.level());
  CHECK(bench.in(IER) == 0);
  CHECK(bench.in(IIR) == 0x01);
  CHECK(bench.in(LCR) == 0);
  CHECK(bench.in(MCR) == 0);
  CHECK(bench.in(LSR) == 0x60);
  CHECK(bench.in(MSR) == 0xa0);  // the inputs as they are, no delta
  CHECK(bench.in(SCR) == 0x5a);
  bench.out(LCR, 0x80);
  CHECK(bench.in(DLL) == 1);
  CHECK(bench.in(DLM) == 0);
  // SOUT and the modem outputs are high (inactive), both FIFOs empty: nothing of before comes out.
  CHECK(bench.uart.modem_outputs() == 0);
  const size_t sent = bench.sent.size();
  bench.run_for(seconds(1));
  CHECK(bench.sent.size() == sent);
}

TEST_CASE("DLAB turns the first two registers, and only those, into the divisor") {
  UartBench bench;
  bench.out(IER, 0x05);
  bench.out(LCR, 0x80);
  CHECK(bench.in(DLL) == 12);
  bench.out(DLL, 0x34);
  bench.out(DLM, 0x12);
  CHECK(bench.in(DLL) == 0x34);
  CHECK(bench.in(DLM) == 0x12);
  CHECK(bench.uart.format().divisor == 0x1234);
  CHECK(bench.in(IIR) == 0x01);
  bench.out(LCR, 0x03);
  CHECK(bench.in(IER) == 0x05);
  CHECK(bench.in(RBR) == 0);
}

TEST_CASE("FCR: bits 6 and 7 of IIR tell that FIFOs are on, and nothing is programmed without bit 0") {
  UartBench bench;
  bench.out(FCR, 0xc1);
  CHECK(bench.in(IIR) == 0xc1);
  bench.out(FCR, 0xc0);
  CHECK(bench.in(IIR) == 0x01);
  CHECK(bench.notices.count(NoticeKind::unusual) == 1);
}

TEST_CASE("LSR and MSR are for reading only, and a driver that writes them is told") {
  UartBench bench;
  bench.out(LSR, 0xff);
  bench.out(MSR, 0xff);
  CHECK(bench.in(LSR) == 0x60);
  CHECK(bench.in(MSR) == 0xb0);
  CHECK(bench.notices.count(NoticeKind::unusual) == 2);
}

TEST_CASE("behind the eighth register reads give ones") {
  UartBench bench;
  CHECK(bench.uart.read(8, 1) == 0xff);
  CHECK(bench.uart.read(7, 2) == 0xff00);
  bench.uart.write(8, 1, 0);
  bench.uart.write(~0ull, 1, 0);
}
