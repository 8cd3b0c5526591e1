// What a test types and gives to wires: an input like a person's, recorded with its time.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "machine/input.h"

namespace ringside::test {

class TestInput final : public InputSource {
 public:
  void add(std::string wire, std::vector<uint8_t> bytes) {
    waiting_.push_back({std::move(wire), std::move(bytes)});
  }

  // As machine/fault_input.h: at the first turn of the run loop at a later time than the last one, which is
  // where a replay has it, too.
  Tick next_tick() const override {
    if (waiting_.empty()) return Tick::never();
    return last_turn_ ? *last_turn_ + picoseconds(1) : Tick{0};
  }
  std::optional<PendingInput> take(Tick now, uint64_t) override {
    const bool first_turn_now = !last_turn_ || now > *last_turn_;
    if (!first_turn_now || waiting_.empty()) {
      last_turn_ = now;
      return std::nullopt;
    }
    PendingInput input = std::move(waiting_.front());
    waiting_.pop_front();
    return input;
  }

 private:
  std::deque<PendingInput> waiting_;
  std::optional<Tick> last_turn_;
};

}  // namespace ringside::test
