// The person's terminal, in raw mode while it exists: every key goes to the guest, as `qemu -nographic` does.
// After a fork only the parent may touch it.
#pragma once

#include <termios.h>

#include <cstdint>
#include <vector>

namespace ringside {

class RawTerminal {
 public:
  // Does nothing where `descriptor` is no terminal (a pipe still gives bytes).
  explicit RawTerminal(int descriptor);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // Gives the terminal back at once, for a signal handler that ends the process.
  static void restore_in_signal_handler();

  // What has been typed. Waits up to `wait_ms` for the first byte (0: not at all, negative: for ever).
  std::vector<uint8_t> read(int wait_ms);
  int descriptor() const { return descriptor_; }
  // True once the other side is gone: nothing will come any more.
  bool at_end() const { return at_end_; }

 private:
  int descriptor_;
  bool raw_ = false;
  bool at_end_ = false;
  termios saved_{};
};

}  // namespace ringside
