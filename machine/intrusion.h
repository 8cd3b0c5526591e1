// A debugger that nobody asked for: a test switch. It steps the guest at random places, sets breakpoints
// where it has been, and forks the whole process as a snapshot does. None of it may change what the guest
// does: the session of a run that was intruded on is the free run's, byte for byte.
#pragma once

#include <cstdint>
#include <vector>

#include "machine/guest.h"
#include "sim/random.h"

namespace ringside {

struct IntrusionOptions {
  uint64_t seed = 0;  // 0: off
  bool steps = false;
  unsigned breakpoints = 0;  // how many are set, once so many places have been seen
  unsigned forks = 0;        // how many times the process forks and goes on in the child
  bool any() const { return seed != 0 && (steps || breakpoints != 0 || forks != 0); }
};

class Intrusion {
 public:
  explicit Intrusion(const IntrusionOptions& options) : options_(options), random_(options.seed) {}

  // Perhaps forks: at first often, then ever more rarely, so that short runs see forks and long ones see them
  // late as well. True in the child, which goes on as the machine and must take over its files.
  bool fork_now();

  // Instead of guest.run(horizon): the same, with stops in between that are not canonical.
  Exit run(Guest& guest, Tick horizon, const Clock& clock);

  // What it did, so that a test can see that it did anything.
  struct Counts {
    uint64_t steps = 0, breakpoint_stops = 0, breakpoints = 0, forks = 0;
    bool any() const { return steps != 0 || breakpoints != 0 || forks != 0; }
  };
  const Counts& counts() const { return counts_; }

 private:
  void add_breakpoint(Guest& guest);

  const IntrusionOptions options_;
  Random random_;
  Counts counts_;
  std::vector<GuestVirt> breakpoints_;
  uint64_t runs_ = 0;
  uint64_t next_breakpoint_ = 0, next_fork_ = 1;  // in runs
};

}  // namespace ringside
