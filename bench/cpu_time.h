// CPU time that this process has used, user and system, in seconds: what another process on the machine does
// disturbs it less than it disturbs the time of day.
#pragma once

#include <ctime>

namespace ringside::bench {

inline double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace ringside::bench
