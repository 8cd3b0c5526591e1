#include "host/terminal.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace ringside {

namespace {

// What a signal handler needs; there is one terminal in a process.
termios terminal_before;
volatile int terminal_to_restore = -1;

}  // namespace

RawTerminal::RawTerminal(int descriptor) : descriptor_(descriptor) {
  if (tcgetattr(descriptor_, &saved_) != 0) return;
  termios raw = saved_;
  cfmakeraw(&raw);
  raw.c_oflag = saved_.c_oflag;  // the guest's line ends stay as the terminal knows them
  terminal_before = saved_;
  terminal_to_restore = descriptor_;
  raw_ = tcsetattr(descriptor_, TCSADRAIN, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (raw_) tcsetattr(descriptor_, TCSADRAIN, &saved_);
  if (descriptor_ == terminal_to_restore) terminal_to_restore = -1;
}

void RawTerminal::restore_in_signal_handler() {
  // tcsetattr() is async-signal-safe (POSIX.1-2017, 2.4.3).
  if (terminal_to_restore >= 0) tcsetattr(terminal_to_restore, TCSANOW, &terminal_before);
}

std::vector<uint8_t> RawTerminal::read(int wait_ms) {
  if (at_end_) return {};
  pollfd waiting{descriptor_, POLLIN, 0};
  if (poll(&waiting, 1, wait_ms) <= 0) return {};
  std::vector<uint8_t> bytes(256);
  const ssize_t got = ::read(descriptor_, bytes.data(), bytes.size());
  if (got <= 0) {
    at_end_ = got == 0 || errno != EINTR;
    return {};
  }
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

}  // namespace ringside
