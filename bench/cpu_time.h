// CPU time that this process has used, in seconds: what another process on the machine does disturbs it less
// than it disturbs the time of day.
#pragma once

#include <sys/resource.h>

#include <ctime>

namespace ringside::bench {

// User and system.
inline double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Without what the host's kernel does for it.
inline double user_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec) * 1e-6;
}

}  // namespace ringside::bench
