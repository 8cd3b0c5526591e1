// A person at the console. Keys as in `qemu -nographic`: Ctrl-A x ends the run, Ctrl-A h helps, Ctrl-A Ctrl-A
// sends one Ctrl-A. While the guest waits for time to pass, virtual time keeps pace with the host's; what
// is typed gets the virtual time at which the machine took it, so that a replay needs no person.
#pragma once

#include <deque>
#include <string>

#include "host/terminal.h"
#include "machine/input.h"

namespace ringside::cli {

class TerminalInput : public InputSource {
 public:
  // `stop` is set when the person wants to end.
  TerminalInput(std::string wire, volatile bool& stop);

  Tick next_tick() const override;
  std::optional<PendingInput> take(Tick now, uint64_t instructions) override;
  bool may_come() const override { return !terminal_.at_end() || !typed_.empty(); }
  void add_descriptors(std::vector<pollfd>& into) const override;
  void look() override { read(0); }

 private:
  void read(int wait_ms);

  RawTerminal terminal_;
  std::string wire_;
  volatile bool& stop_;
  std::vector<uint8_t> typed_;
  bool escaped_ = false;
  uint64_t polled_at_ = 0;
};

}  // namespace ringside::cli
