// A line on a terminal that says how far the machine is: virtual time and the guest's million instructions
// per second of the host's time. Nothing at all where stderr is no terminal.
#pragma once

#include <chrono>

#include "machine/machine.h"

namespace ringside::cli {

class ProgressLine {
 public:
  explicit ProgressLine(bool wanted);
  void update(const Progress& progress);
  void clear();

 private:
  bool on_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point started_, last_;
};

}  // namespace ringside::cli
