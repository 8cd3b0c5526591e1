// A clock, the two buses and a DMA port over a little memory, for tests of PCI functions; the test is the
// bus master.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/bus.h"
#include "sim/dma.h"
#include "sim/memory.h"

namespace ringside {

struct PciBench {
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  Bus ports{Bus::Space::ports, site("pio")};
  Bus space{Bus::Space::memory, site("mmio")};
  std::unique_ptr<Memory> memory = std::move(*Memory::create(GuestPhys{0}, 1 << 20));
  DmaPort dma{site("dev0"), *memory};
  std::vector<std::pair<uint32_t, uint32_t>> messages;  // address, data

  PciBench() {
    dma.set_message_interrupt(
        [this](uint32_t address, uint32_t data) { messages.emplace_back(address, data); });
  }
  DeviceSite site(const std::string& name) { return {"dom1", name, clock, events, wiring, notices}; }

  void run_until(Tick until) {
    while (!events.empty() && events.next_tick() <= until) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = until;
  }
};

// Sixteen bytes that remember.
struct RememberingTarget final : BusTarget {
  std::array<uint8_t, 256> bytes{};
  uint64_t read(uint64_t offset, unsigned size) override {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i) value |= static_cast<uint64_t>(bytes[(offset + i) & 0xff]) << (8 * i);
    return value;
  }
  void write(uint64_t offset, unsigned size, uint64_t value) override {
    for (unsigned i = 0; i < size; ++i) bytes[(offset + i) & 0xff] = static_cast<uint8_t>(value >> (8 * i));
  }
};

}  // namespace ringside
