#include "cli/terminal_input.h"

#include <fmt/format.h>
#include <unistd.h>

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

void TerminalInput::add_descriptors(std::vector<pollfd>& into) const {
  std::fflush(stdout);
  into.push_back({terminal_.descriptor(), POLLIN, 0});
}

}  // namespace ringside::cli
