// A local APIC and an I/O APIC on a memory bus, with the core's side recorded; the test is the core.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "devices/platform/apic/io_apic.h"
#include "devices/platform/apic/local_apic.h"

namespace ringside {

struct ApicBench {
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  Bus memory{Bus::Space::memory, site("mmio")};
  int nmis = 0, inits = 0;
  std::vector<bool> outputs;  // every change of INTR
  std::optional<uint8_t> external_vector;
  std::vector<uint8_t> broadcasts;
  LocalApic local;
  IoApic io;

  explicit ApicBench(uint64_t bus_hz = 100'000'000)
      : local(site("apic"), {.id = 0, .bus_hz = bus_hz}, memory,
              {.interrupt = [this](bool level) { outputs.push_back(level); },
               .nmi = [this] { ++nmis; },
               .init = [this] { ++inits; },
               .external_acknowledge = [this] { return external_vector; },
               .end_of_interrupt =
                   [this](uint8_t vector) {
                     broadcasts.push_back(vector);
                     io.end_of_interrupt(vector);
                   }}),
        io(site("ioapic"), memory, local) {}

  DeviceSite site(const std::string& name) { return {"dom1", name, clock, events, wiring, notices}; }

  uint32_t get(uint32_t offset) { return static_cast<uint32_t>(memory.read(0xfee00000 + offset, 4)); }
  void set(uint32_t offset, uint32_t value) { memory.write(0xfee00000 + offset, 4, value); }
  void enable() { set(0x0f0, 0x1ff); }
  // A fixed interrupt for everybody.
  bool send(uint8_t vector, bool level = false) {
    return local.accept({.vector = vector, .level = level}, 0xff, false);
  }
  uint32_t request(uint8_t vector) { return get(0x200 + vector / 32 * 16) >> vector % 32 & 1; }
  uint32_t in_service(uint8_t vector) { return get(0x100 + vector / 32 * 16) >> vector % 32 & 1; }
  uint32_t trigger_mode(uint8_t vector) { return get(0x180 + vector / 32 * 16) >> vector % 32 & 1; }
  void end_of_interrupt() { set(0x0b0, 0); }

  uint32_t io_get(uint32_t index) {
    memory.write(0xfec00000, 4, index);
    return static_cast<uint32_t>(memory.read(0xfec00010, 4));
  }
  void io_set(uint32_t index, uint32_t value) {
    memory.write(0xfec00000, 4, index);
    memory.write(0xfec00010, 4, value);
  }
  // A redirection entry for APIC ID 0.
  void redirect(unsigned pin, uint32_t low) {
    io_set(0x11 + 2 * pin, 0);
    io_set(0x10 + 2 * pin, low);
  }
  uint32_t entry(unsigned pin) { return io_get(0x10 + 2 * pin); }

  void run_until(Tick until) {
    while (!events.empty() && events.next_tick() <= until) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = until;
  }
};

}  // namespace ringside
