// A UART with nothing around it: a clock that the test moves, the characters that came out, the notices.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "devices/uart/uart.h"

namespace ringside {

// Offsets (PC16550D table II), restated.
enum UartOffset : uint64_t {
  RBR = 0,
  THR = 0,
  IER = 1,
  IIR = 2,
  FCR = 2,
  LCR = 3,
  MCR = 4,
  LSR = 5,
  MSR = 6,
  SCR = 7,
  DLL = 0,
  DLM = 1
};

struct UartBench {
  explicit UartBench(const UartConfig& config = {})
      : notices(wiring, "dom1"), uart(DeviceSite{"dom1", "uart0", clock, events, wiring, notices}, config) {
    uart.set_output([this](uint8_t byte) { sent.emplace_back(byte, clock.now); });
    uart.interrupt.connect([this](bool level) { edges.emplace_back(level, clock.now); });
  }

  uint8_t in(uint64_t offset) { return static_cast<uint8_t>(uart.read(offset, 1)); }
  void out(uint64_t offset, uint8_t value) { uart.write(offset, 1, value); }

  // Runs every event up to `to`, the clock standing at each one's tick.
  void run_to(Tick to) {
    while (events.next_tick() <= to) {
      if (events.next_tick() > clock.now) clock.now = events.next_tick();
      events.run_due(clock.now);
    }
    if (to > clock.now) clock.now = to;
  }
  void run_for(Tick time) { run_to(clock.now + time); }

  // 8 data bits, no parity, one stop bit; 1 is 115200 baud. OUT2 lets interrupts out.
  void set_up(uint16_t divisor = 1, uint8_t fcr = 0, uint8_t lcr = 0x03) {
    out(LCR, 0x80);
    out(DLL, static_cast<uint8_t>(divisor));
    out(DLM, static_cast<uint8_t>(divisor >> 8));
    out(LCR, lcr);
    out(FCR, fcr);
    out(MCR, 0x0b);
  }
  void receive(std::string_view text) {
    uart.receive(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  }
  std::string sent_text() const {
    std::string text;
    for (const auto& [byte, at] : sent) text += static_cast<char>(byte);
    return text;
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices;
  Uart uart;
  std::vector<std::pair<uint8_t, Tick>> sent;
  std::vector<std::pair<bool, Tick>> edges;
};

// 10 bits at 115200 baud: 86.8 us, in whole picoseconds below the exact value.
inline constexpr Tick kCharacter{86'805'555};
inline constexpr Tick kBit{8'680'555};

}  // namespace ringside
