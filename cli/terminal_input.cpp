#include "cli/terminal_input.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace ringside::cli {

namespace {

constexpr uint8_t kCtrlA = 1;
// How many instructions pass between two looks at the keyboard: some milliseconds of the host's time.
constexpr uint64_t kInstructionsPerPoll = 1'000'000;

}  // namespace

TerminalInput::TerminalInput(std::string wire, volatile bool& stop)
    : terminal_(STDIN_FILENO), wire_(std::move(wire)), stop_(stop) {}

Tick TerminalInput::next_tick() const { return typed_.empty() ? Tick::never() : Tick{0}; }

void TerminalInput::read(int wait_ms) {
  for (const uint8_t key : terminal_.read(wait_ms)) {
    if (!escaped_) {
      escaped_ = key == kCtrlA;
      if (!escaped_) typed_.push_back(key);
      continue;
    }
    escaped_ = false;
    if (key == 'x') {
      stop_ = true;
    } else if (key == 'h') {
      fmt::print(stderr,
                 "\r\nCtrl-A x  end the run\r\nCtrl-A h  this help\r\nCtrl-A Ctrl-A  send Ctrl-A\r\n");
    } else if (key == kCtrlA) {
      typed_.push_back(key);
    }
  }
}

std::optional<PendingInput> TerminalInput::take(Tick, uint64_t instructions) {
  if (instructions - polled_at_ >= kInstructionsPerPoll) {
    polled_at_ = instructions;
    std::fflush(stdout);
    read(0);
  }
  if (typed_.empty()) return std::nullopt;
  PendingInput input{wire_, std::move(typed_)};
  typed_.clear();
  return input;
}

Tick TerminalInput::wait(Tick now, Tick until) {
  using std::chrono::steady_clock;
  std::fflush(stdout);
  const auto began = steady_clock::now();
  const auto passed = [&] {
    const auto host =
        std::chrono::duration_cast<std::chrono::nanoseconds>(steady_clock::now() - began).count();
    return saturating_add(now, nanoseconds(static_cast<uint64_t>(std::max<int64_t>(host, 0))));
  };
  while (typed_.empty() && !stop_ && !terminal_.at_end()) {
    const Tick reached = passed();
    if (reached >= until) return until;
    const uint64_t left_ms = until == Tick::never() ? 1000 : (until - reached).ps / 1'000'000'000 + 1;
    read(static_cast<int>(std::min<uint64_t>(left_ms, 1000)));
  }
  return std::min(until, passed());
}

}  // namespace ringside::cli
