// What a guest prints for a terminal, left out: ESC [ numbers letter, or ESC and a character
// (ECMA-48, 5.3-5.4).
#pragma once

#include <cstdint>

namespace ringside {

class TerminalEscapes {
 public:
  // True where the character belongs to a command, and is not to be shown.
  bool takes(char c) {
    switch (state_) {
      case State::none: state_ = c == '\x1b' ? State::begun : State::none; return c == '\x1b';
      case State::begun: state_ = c == '[' ? State::numbers : State::none; return true;
      case State::numbers:
        if (c >= '@' && c <= '~') state_ = State::none;
        return true;
    }
    return false;
  }

 private:
  enum class State : uint8_t { none, begun, numbers };
  State state_ = State::none;
};

}  // namespace ringside
