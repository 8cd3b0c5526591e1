// A device's interrupt output: one level. Who listens (a PIC's input, a PCI slot's routing, a test, a
// sc_out<bool>) connects to it. The crossing is shown where the lines meet, at the interrupt controllers'
// inputs ("irq/4"), not here.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "sim/field_table.h"

namespace ringside {

// On "irq/<line>": the level that a line has taken.
struct InterruptRecord {
  uint8_t level;
  uint8_t line;
  uint8_t reserved[2];
};
static_assert(sizeof(InterruptRecord) == 4);
extern const PayloadType kInterruptPayload;

class InterruptPin {
 public:
  using Listener = std::function<void(bool level)>;
  void connect(Listener listener) { listeners_.push_back(std::move(listener)); }
  // Listeners hear changes only.
  void set(bool level) {
    if (level == level_) return;
    level_ = level;
    for (const Listener& listener : listeners_) listener(level);
  }
  bool level() const { return level_; }

 private:
  std::vector<Listener> listeners_;
  bool level_ = false;
};

}  // namespace ringside
