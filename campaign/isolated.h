// Work in a process of its own, so that neither its memory nor a fault of the simulator stays with us. The
// child inherits everything as it is, ends with us, and prints nothing.
#pragma once

#include <functional>
#include <string>

#include "sim/result.h"

namespace ringside {

struct IsolatedEnd {
  Result<std::string> result;  // what the work returned
  std::string died;            // why it did not return: "signal 6 (Aborted): assertion ..."; empty: it did
  bool stopped = false;        // because `stop_requested` was set
};

using IsolatedWork = std::function<Result<std::string>()>;
IsolatedEnd run_isolated(const IsolatedWork& work, const volatile bool* stop_requested);

// For a process that was just forked: a group of its own, so that it can be ended with all of its children,
// and nothing of the terminal's.
void become_isolated(int parent);

// For a process that this one has just forked: it dies with its parent, and cannot run for ever.
void settle_in_child(int parent, double cpu_seconds_max);
// So much CPU time for this process, and a multiple of it by the clock; 0: any.
void limit_time(double cpu_seconds_max);

// How a process ended, for people: "signal 11 (Segmentation fault)", "host loop: ...".
std::string describe_death(int wait_status);

}  // namespace ringside
