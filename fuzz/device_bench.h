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
#include "sim/random.h"
#include "sim/wire.h"

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

// Faults on the wires, as the input asks for them: from then on one crossing in `rate` is dropped, delayed,
// repeated, failed or changed, as far as the wire's kind allows. The seed is the input's, too.
class FuzzTap final : public Tap {
 public:
  explicit FuzzTap(Wiring& wiring) : wiring_(wiring) {}
  ~FuzzTap() override { set(0, 0); }
  // A rate of 0 ends the faults.
  void set(uint64_t seed, uint8_t rate) {
    random_ = Random(seed);
    if (rate_ == 0 && rate != 0) wiring_.add_tap(*this);
    if (rate_ != 0 && rate == 0) wiring_.remove_tap(*this);
    rate_ = rate;
  }
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override {
    if (wire.kind() == WireKind::sampled || !random_.one_in(rate_)) return;
    std::vector<uint8_t>& bytes = *crossing.payload;
    switch (random_.below(wire.kind() == WireKind::message ? 6 : wire.kind() == WireKind::call ? 5 : 3)) {
      case 0: verdict.copies = 0; break;
      case 1: verdict.copies = 2; break;
      case 2: verdict.delay = nanoseconds(random_.below(200'000)); break;
      case 3: verdict.fail = -5; break;
      case 4:
        if (!bytes.empty())
          bytes[random_.below(bytes.size())] ^= static_cast<uint8_t>(1 + random_.below(255));
        break;
      default: bytes.resize(random_.below(bytes.size() + 1)); break;
    }
  }

 private:
  Wiring& wiring_;
  Random random_{0};
  uint8_t rate_ = 0;
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
        dma(site, *memory),
        faults(wiring) {}

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
  FuzzTap faults;
};

}  // namespace ringside
