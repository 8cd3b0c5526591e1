#include "machine/fault_input.h"

namespace ringside {

std::optional<PendingInput> FaultInput::take(Tick now, uint64_t) {
  const bool first_turn_now = !last_turn_ || now > *last_turn_;
  if (!first_turn_now || waiting_.empty()) {
    last_turn_ = now;
    return std::nullopt;
  }
  const std::string text = std::move(waiting_.front());
  waiting_.pop_front();
  return PendingInput{std::string(kFaultWire), {text.begin(), text.end()}};
}

}  // namespace ringside
