// Faults that a person injects while a machine runs: an input like what is typed, on the wire "fault", with
// the fault's text.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "machine/input.h"
#include "sim/wire.h"

namespace ringside {

inline constexpr std::string_view kFaultWire = "fault";

class FaultInput final : public InputSource {
 public:
  void add(std::string text) { waiting_.push_back(std::move(text)); }

  // At the first turn of the run loop at a later time than the last one, which is where a replay, which stops
  // only for what is recorded, has it, too.
  Tick next_tick() const override {
    if (waiting_.empty()) return Tick::never();
    return last_turn_ ? *last_turn_ + picoseconds(1) : Tick{0};
  }
  std::optional<PendingInput> take(Tick now, uint64_t instructions) override;

 private:
  std::deque<std::string> waiting_;
  std::optional<Tick> last_turn_;
};

// A tap that does nothing: with it, every wire knows when something crossed it last.
class EveryWire final : public Tap {
 public:
  void on_crossing(const Wire&, Crossing&, Verdict&) override {}
};

}  // namespace ringside
