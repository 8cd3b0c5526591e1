#include "machine/intrusion.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cpu/native_cpu.h"

namespace ringside {

// The parent waits and ends as the child ends, with nothing flushed twice.
bool Intrusion::fork_now() {
  if (counts_.forks >= options_.forks || runs_ < next_fork_) return false;
  next_fork_ = runs_ + 1 + random_.below(runs_ / 2 + 4);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return false;
  ++counts_.forks;
  if (child == 0) return true;
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void Intrusion::add_breakpoint(Guest& guest) {
  const GuestVirt here{guest.cpu().rip()};
  if (std::find(breakpoints_.begin(), breakpoints_.end(), here) != breakpoints_.end()) return;
  breakpoints_.push_back(here);
  ++counts_.breakpoints;
  guest.debuggable()->set_breakpoints(breakpoints_);
}

Exit Intrusion::run(Guest& guest, Tick horizon, const Clock& clock) {
  NativeCpu* cpu = guest.debuggable();
  ++runs_;
  if (cpu == nullptr) return guest.run(horizon);
  const bool few = breakpoints_.size() < options_.breakpoints &&
                   (counts_.breakpoints < options_.breakpoints || runs_ >= next_breakpoint_);
  if (options_.steps && random_.one_in(20)) {
    for (uint64_t left = 1 + random_.below(40); left != 0 && clock.now < horizon; --left) {
      const Exit exit = guest.step(horizon);
      if (exit.canonical) return exit;
      ++counts_.steps;
      if (few && random_.one_in(10)) add_breakpoint(guest);
    }
  } else if (few && random_.one_in(20)) {
    add_breakpoint(guest);
  }
  const Exit exit = guest.run(horizon);
  if (exit.reason == ExitReason::breakpoint) {
    ++counts_.breakpoint_stops;
    // A place that is passed all the time has been tried often enough; another is found some time later.
    if (counts_.breakpoint_stops % 1000 == 0 && options_.breakpoints != 0) {
      std::erase(breakpoints_, GuestVirt{guest.cpu().rip()});
      cpu->set_breakpoints(breakpoints_);
      next_breakpoint_ = runs_ + random_.below(runs_ / 2 + 4);
    }
  }
  return exit;
}

}  // namespace ringside
