// Modem lines, loopback, the priority of interrupts (table IV) and OUT2's gate, and what taps do to the line.
#include <catch2/catch.hpp>

#include "sim/bus.h"
#include "sim/random.h"
#include "tests/unit/devices/uart/uart_bench.h"

using namespace ringside;

TEST_CASE("deltas of the modem inputs, and TERI only where ringing ends") {
  UartBench bench(UartConfig{.modem_inputs = 0});
  bench.set_up();
  bench.out(IER, 0x08);
  CHECK(bench.in(MSR) == 0x00);
  struct Step {
    uint8_t inputs, status;
  };
  for (const Step& step :
       {Step{0x10, 0x11}, Step{0x30, 0x32}, Step{0xb0, 0xb8}, Step{0x30, 0x38}, Step{0x00, 0x03}}) {
    bench.uart.set_modem_inputs(step.inputs);
    CHECK(bench.in(IIR) == 0x00);
    CHECK(bench.uart.interrupt.level());
    CHECK(bench.in(MSR) == step.status);
    CHECK(bench.in(MSR) == step.inputs);
    CHECK(bench.in(IIR) == 0x01);
  }
  bench.uart.set_modem_inputs(0x40);
  CHECK_FALSE(bench.uart.interrupt.level());
  CHECK(bench.in(MSR) == 0x40);
  bench.uart.set_modem_inputs(0x00);
  CHECK(bench.uart.interrupt.level());
  CHECK(bench.in(MSR) == 0x04);
}

TEST_CASE("deltas gather until MSR is read") {
  UartBench bench(UartConfig{.modem_inputs = 0});
  bench.uart.set_modem_inputs(0x10);
  bench.uart.set_modem_inputs(0x00);
  bench.uart.set_modem_inputs(0x20);
  CHECK(bench.in(MSR) == 0x23);
}

TEST_CASE("the modem outputs follow MCR, and are inactive in loopback") {
  UartBench bench;
  std::vector<uint8_t> heard;
  bench.uart.set_modem_listener([&](uint8_t outputs) { heard.push_back(outputs); });
  for (const uint8_t value : {0x01, 0x0b, 0x1b, 0x0b, 0x0b, 0x00}) bench.out(MCR, value);
  CHECK(heard == std::vector<uint8_t>{0x01, 0x0b, 0x00, 0x0b, 0x00});
}

TEST_CASE("loopback ties each output to its input, and the deltas follow") {
  UartBench bench;
  bench.out(MCR, 0x10);
  bench.in(MSR);
  // DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD.
  const std::pair<uint8_t, uint8_t> ties[] = {
      {0x11, 0x22}, {0x12, 0x13}, {0x14, 0x41}, {0x18, 0x8c}, {0x10, 0x08}};
  bench.out(MCR, 0x10);
  for (const auto& [mcr, msr] : ties) {
    bench.out(MCR, mcr);
    const uint8_t expected_inputs = msr & 0xf0;
    const uint8_t status = bench.in(MSR);
    CHECK((status & 0xf0) == expected_inputs);
    CHECK((status & 0x0f) != 0);
  }
  // What Linux's driver tries for: RTS and OUT2 give CTS and DCD.
  bench.out(MCR, 0x1a);
  CHECK((bench.in(MSR)&0xf0) == 0x90);
}

TEST_CASE(
    "loopback sends to the receiver what would have gone out, in a character's time, and nothing leaves") {
  UartBench bench;
  bench.set_up(1, 0x01);
  bench.out(MCR, 0x1b);
  bench.out(THR, 0x5a);
  bench.run_for(Tick{(kBit + kCharacter).ps - 1});
  CHECK((bench.in(LSR)&1) == 0);
  bench.run_for(Tick{1});
  CHECK((bench.in(LSR)&1) == 1);
  CHECK(bench.in(RBR) == 0x5a);
  CHECK(bench.sent.empty());
}

TEST_CASE("typed characters wait while the line is looped back; a peer that does not wait loses them") {
  for (const bool waits : {true, false}) {
    UartBench bench(UartConfig{.peer_waits_for_room = waits});
    bench.set_up(1, 0x01);
    bench.receive("ab");
    bench.run_for(kBit);
    bench.out(MCR, 0x1b);
    bench.run_for(milliseconds(10));
    CHECK((bench.in(LSR)&1) == 0);
    bench.out(MCR, 0x0b);
    bench.run_for(milliseconds(10));
    std::string text;
    while ((bench.in(LSR)&1) != 0) text += static_cast<char>(bench.in(RBR));
    CHECK(text == (waits ? "ab" : ""));
  }
}

TEST_CASE("priorities: line status, received data, THR empty, modem status") {
  UartBench bench;
  bench.set_up();
  bench.out(IER, 0x0f);
  bench.uart.set_modem_inputs(0x00);
  bench.uart.receive(UartCharacter{'a', uart_error::framing});
  bench.run_for(kCharacter);
  CHECK(bench.in(IIR) == 0x06);
  bench.in(LSR);
  CHECK(bench.in(IIR) == 0x04);
  bench.in(RBR);
  CHECK(bench.in(IIR) == 0x02);  // and this read has cleared it
  CHECK(bench.in(IIR) == 0x00);
  CHECK(bench.uart.interrupt.level());
  bench.in(MSR);
  CHECK(bench.in(IIR) == 0x01);
  CHECK_FALSE(bench.uart.interrupt.level());
}

TEST_CASE("each bit of IER lets out its own source only") {
  for (const uint8_t enable : {0x01, 0x02, 0x04, 0x08}) {
    UartBench bench;
    bench.set_up();
    bench.uart.set_modem_inputs(0x00);
    bench.uart.receive(UartCharacter{'a', uart_error::framing});
    bench.run_for(kCharacter);
    CHECK(bench.in(IIR) == 0x01);
    bench.out(IER, enable);
    const uint8_t expected = enable == 0x01 ? 0x04 : enable == 0x02 ? 0x02 : enable == 0x04 ? 0x06 : 0x00;
    CHECK(bench.in(IIR) == expected);
  }
}

TEST_CASE("on a PC OUT2 opens the way of the interrupt; IIR tells without it") {
  UartBench bench;
  bench.set_up();
  bench.out(MCR, 0x03);
  bench.out(IER, 0x02);
  CHECK_FALSE(bench.uart.interrupt.level());
  bench.out(MCR, 0x0b);
  CHECK(bench.uart.interrupt.level());
  bench.out(MCR, 0x1b);  // loopback forces the pin inactive
  CHECK_FALSE(bench.uart.interrupt.level());
  CHECK(bench.in(IIR) == 0x02);

  UartBench open(UartConfig{.out2_gates_interrupt = false});
  open.out(IER, 0x02);
  CHECK(open.uart.interrupt.level());
}

namespace {

struct Meddler : Tap {
  std::function<void(Crossing&, Verdict&)> meddle;
  void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override { meddle(crossing, verdict); }
};

}  // namespace

TEST_CASE("faults on the wires: lost, repeated, late and altered characters, and line errors") {
  UartBench bench;
  bench.set_up(1, 0x01);
  Meddler meddler;
  bench.wiring.add_tap(meddler, "dom1/uart0/*");
  const auto received = [&] {
    bench.receive("a");
    bench.run_for(kCharacter);
    const uint8_t status = bench.in(LSR);
    std::string text;
    while ((bench.in(LSR)&1) != 0) text += static_cast<char>(bench.in(RBR));
    return std::pair(text, status & 0x1e);
  };
  meddler.meddle = [](Crossing&, Verdict& verdict) { verdict.copies = 0; };
  CHECK(received() == std::pair(std::string(""), 0));
  meddler.meddle = [](Crossing&, Verdict& verdict) { verdict.copies = 2; };
  CHECK(received() == std::pair(std::string("aa"), 0));
  meddler.meddle = [](Crossing& crossing, Verdict&) { (*crossing.payload)[0] ^= 3; };
  CHECK(received() == std::pair(std::string("b"), 0));
  meddler.meddle = [](Crossing& crossing, Verdict&) { (*crossing.payload)[1] = uart_error::parity; };
  CHECK(received() == std::pair(std::string("a"), 0x04));
  meddler.meddle = [](Crossing& crossing, Verdict&) { (*crossing.payload)[1] = uart_error::overrun; };
  CHECK(received() == std::pair(std::string(""), 0x02));
  meddler.meddle = [](Crossing& crossing, Verdict&) { crossing.payload->clear(); };
  CHECK(received() == std::pair(std::string(""), 0));
  meddler.meddle = [](Crossing&, Verdict& verdict) { verdict.delay = microseconds(5); };
  CHECK(received() == std::pair(std::string(""), 0));
  bench.run_for(microseconds(5));
  CHECK(bench.in(RBR) == 'a');
  // Outwards, a character with an error does not reach the peer's program.
  meddler.meddle = [](Crossing& crossing, Verdict&) {
    if (crossing.bytes()[0] == 'x') (*crossing.payload)[1] = uart_error::framing;
  };
  for (const char c : std::string("wxy")) bench.out(THR, static_cast<uint8_t>(c));
  bench.run_for(milliseconds(1));
  CHECK(bench.sent_text() == "wy");
}

TEST_CASE("a word access on the bus is two of bytes") {
  UartBench bench;
  Bus ports(Bus::Space::ports,
            DeviceSite{"dom1", "pio", bench.clock, bench.events, bench.wiring, bench.notices});
  ports.map("uart0", 0x3f8, Uart::kBusLength, bench.uart, Uart::kBusWidthMax);
  ports.write(0x3fb, 2, 0x0b83);  // LCR, MCR
  CHECK(bench.in(LCR) == 0x83);
  CHECK(bench.in(MCR) == 0x0b);
  ports.write(0x3f8, 2, 0x0102);  // DLL, DLM
  CHECK(bench.uart.format().divisor == 0x0102);
  CHECK(ports.read(0x3fe, 2) == 0x00b0);
}

TEST_CASE("a guest that does anything at all harms nobody, and does the same twice") {
  const auto storm = [](uint64_t seed) {
    UartBench bench(UartConfig{.peer_waits_for_room = seed % 2 == 0, .peer_obeys_rts = seed % 3 == 0});
    Random random(seed);
    for (int i = 0; i < 20'000; ++i) {
      const uint64_t offset = random.below(9);
      const unsigned size = 1u << random.below(3);
      switch (random.below(5)) {
        case 0: bench.uart.read(offset, size); break;
        case 1:
        case 2: bench.uart.write(offset, size, random.next()); break;
        case 3: bench.run_for(Tick{random.below(200'000'000)}); break;
        case 4:
          bench.uart.receive(
              UartCharacter{static_cast<uint8_t>(random.next()), static_cast<uint8_t>(random.next())});
          if (random.one_in(50)) bench.uart.reset();
          if (random.one_in(5)) bench.uart.set_modem_inputs(static_cast<uint8_t>(random.next()));
          break;
      }
      // Data ready tells of a character, and LSR's emptiness never outruns the shift register.
      if (random.one_in(20) && (bench.in(LSR)&0x60) == 0x40) FAIL("TEMT without THRE");
    }
    return std::pair(state_digest(bench.uart), bench.sent.size());
  };
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    CHECK(storm(seed) == storm(seed));
  }
}

TEST_CASE("a break that a fault makes is one, and noise comes at the line's rate") {
  UartBench bench;
  bench.set_up(1, 0x01);
  Meddler meddler;
  meddler.meddle = [](Crossing& crossing, Verdict&) {
    if (crossing.bytes()[0] == 'b') (*crossing.payload)[1] = uart_error::break_condition;
  };
  bench.wiring.add_tap(meddler, "dom1/uart0/rx");
  bench.receive("b");
  bench.run_for(kCharacter);
  CHECK((bench.in(LSR)&0x1e) == 0x18);
  CHECK(bench.in(RBR) == 0);
  const uint8_t noise[] = {'n', uart_error::parity};
  bench.wiring.find("dom1/uart0/rx")->stimulus()(noise);
  CHECK((bench.in(LSR)&1) == 0);
  bench.run_for(kCharacter);
  CHECK((bench.in(LSR)&0x1f) == 0x05);
  CHECK(bench.in(RBR) == 'n');
  bench.wiring.remove_tap(meddler);
}
