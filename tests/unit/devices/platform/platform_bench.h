// What every test of the platform's parts stands on: two buses, a clock that a test moves, and the notices.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/bus.h"
#include "sim/device_site.h"

namespace ringside {

struct PlatformBench {
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  DeviceSite site{"dom1", "part", clock, events, wiring, notices};
  Bus ports{Bus::Space::ports, site.named("pio")};
  Bus memory{Bus::Space::memory, site.named("mmio")};

  uint8_t in(uint64_t port) { return static_cast<uint8_t>(ports.read(port, 1)); }
  void out(uint64_t port, uint8_t value) { ports.write(port, 1, value); }

  // Moves the clock there, each event at its tick.
  void run_to(Tick until) {
    while (events.next_tick() <= until) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = std::max(clock.now, until);
  }
  void run_for(Tick time) { run_to(saturating_add(clock.now, time)); }
};

// A verdict for chosen crossings of one wire.
struct VerdictTap : Tap {
  Verdict verdict;
  uint64_t seen = 0;
  uint64_t from = 1, to = UINT64_MAX;  // which crossings, counted from 1
  void on_crossing(const Wire&, Crossing&, Verdict& answer) override {
    ++seen;
    if (seen >= from && seen <= to) answer = verdict;
  }
};

}  // namespace ringside
