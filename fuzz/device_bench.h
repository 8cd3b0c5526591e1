// What a device's fuzz target stands on: a machine without a core. An input is a row of operations, each a
// byte of code and its arguments; the target says what the codes mean. Time passes only where the input says
// so, and the events that a step may run are bounded, so that an input cannot hang the fuzzer: a device that
// schedules without end at one tick would be found by that.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "sim/bus.h"
#include "sim/dma.h"
#include "sim/memory.h"
#include "sim/notice.h"

namespace ringside {

// Takes numbers from the input until it is used up; then zeros.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : bytes_(data, size) {}
  bool empty() const { return bytes_.empty(); }
  template <class Number>
  Number take() {
    Number number{};
    const size_t length = std::min(sizeof number, bytes_.size());
    std::memcpy(&number, bytes_.data(), length);
    bytes_ = bytes_.subspan(length);
    return number;
  }
  std::span<const uint8_t> take_bytes(size_t length) {
    const auto taken = bytes_.first(std::min(length, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const uint8_t> bytes_;
};

struct DeviceBench {
  static constexpr uint64_t kMemoryBytes = 4 << 20;
  static constexpr unsigned kEventsMax = 200'000;

  explicit DeviceBench(const char* name)
      : wiring(clock, events),
        notices(wiring, "dom1"),
        site{"dom1", name, clock, events, wiring, notices},
        memory(std::move(*Memory::create(GuestPhys{0}, kMemoryBytes))),
        ports(Bus::Space::ports, site.named("pio")),
        mmio(Bus::Space::memory, site.named("mmio")),
        dma(site, *memory) {}

  // Runs what is due in the next `span`.
  void advance(Tick span) {
    const Tick until = clock.now + span;
    unsigned ran = 0;
    while (events.next_tick() <= until) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
      if (++ran < kEventsMax) continue;
      std::fprintf(stderr, "more than %u events in %s: the device schedules without end\n", kEventsMax,
                   to_string(span).c_str());
      std::abort();
    }
    clock.now = until;
  }

  Clock clock;
  EventQueue events;
  Wiring wiring;
  Notices notices;
  DeviceSite site;
  std::unique_ptr<Memory> memory;
  Bus ports, mmio;
  DmaPort dma;
};

}  // namespace ringside
