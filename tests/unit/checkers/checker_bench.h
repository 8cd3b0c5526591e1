// One checker on wires of a test's own: crossings are forged, as models would show them, and what the checker
// says of them is compared.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "checkers/checker.h"
#include "sim/bus.h"
#include "sim/memory.h"
#include "sim/wire.h"

namespace ringside {

class CheckerBench {
 public:
  static constexpr uint64_t kMemoryBytes = 4 << 20;

  explicit CheckerBench(const std::string& checker, std::vector<std::string> on = {})
      : memory(Memory::create(GuestPhys{0}, kMemoryBytes).value()),
        checkers_(std::make_unique<Checkers>(machine(), settings(checker, std::move(on)))) {}

  // What was said since the last look, without the checker's name, in its order.
  std::vector<std::string> said() {
    std::vector<std::string> rules;
    const std::vector<Violation>& all = checkers_->violations();
    for (; told_ < all.size(); ++told_)
      rules.push_back(all[told_].rule.substr(all[told_].rule.find('/') + 1));
    return rules;
  }
  bool clean() { return said().empty(); }
  bool only(const std::string& rule) { return said() == std::vector<std::string>{rule}; }
  std::string last_text() const { return checkers_->violations().back().text; }
  void end(bool orderly = true) { checkers_->end(orderly); }

  Wire& wire(const std::string& name, WireKind kind, const PayloadType& type) {
    return wiring.add(name, kind, type);
  }
  template <class Record>
  void cross(Wire& on, Direction direction, const Record& record, std::vector<uint8_t> tail = {}) {
    std::vector<uint8_t> payload(sizeof record + tail.size());
    std::memcpy(payload.data(), &record, sizeof record);
    std::copy(tail.begin(), tail.end(), payload.begin() + sizeof record);
    (void)on.pass(direction, payload, flags);
  }
  // One access to a register, as a bus shows it.
  void write(Wire& on, uint64_t address, uint64_t value, unsigned size = 1) {
    cross(on, Direction::out, BusAccessRecord{address, value, static_cast<uint8_t>(size), 1, {}});
  }
  void read(Wire& on, uint64_t address, uint64_t value, unsigned size = 1) {
    cross(on, Direction::in, BusAccessRecord{address, value, static_cast<uint8_t>(size), 0, {}});
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  std::unique_ptr<Memory> memory;
  std::optional<uint64_t> page_table_root;
  // Of the crossings from now on: Crossing::kInjected is what a fault has changed.
  uint8_t flags = Crossing::kCanonical;

 private:
  CheckedMachine machine() {
    CheckedMachine checked{.clock = clock, .wiring = wiring};
    checked.notices = [this](std::string_view) { return &notices; };
    checked.memory = [this](std::string_view) { return memory.get(); };
    checked.page_table_root = [this](std::string_view) { return page_table_root; };
    return checked;
  }
  static CheckSettings settings(const std::string& checker, std::vector<std::string> on) {
    CheckSettings settings;
    for (const KnownChecker& known : known_checkers()) {
      if (known.name != checker) settings.off.emplace_back(known.name);
    }
    settings.on = std::move(on);
    return settings;
  }

  std::unique_ptr<Checkers> checkers_;
  size_t told_ = 0;
};

}  // namespace ringside
