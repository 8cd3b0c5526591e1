// What a test's process says when it dies: in the signal's handler the addresses on its stack go to the
// parent, which is the same program and so can find their names and lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ringside/isolation.h"

namespace ringside::test {

enum class DeathCause : uint8_t { signal, cpu_time, sanitizer, called_exit, terminated };

// In the child: handlers for the signals by which a program dies, on a stack of their own, and a limit of CPU
// time, behind which the program is said to loop.
void report_deaths(int socket, double cpu_seconds_max);
// In a child of such a child: its own limit of time.
void report_deaths_again();
// Before a child is made: what the handlers must not do for the first time.
void prepare_crash_reports();
// Called by a handler once the report is out; what it does may fail, and dies then without a word.
void set_last_deed(void (*deed)());

// In the parent: what the message of such a death says.
IsolatedEnd read_death(std::string_view message);

// "driver.c:42", and the function, for each address; those of one call that was inlined come together.
struct CodePlace {
  std::string function, file;
  unsigned line = 0;
  bool in_system = false;  // of the C library and the like
};
std::vector<CodePlace> find_places(const std::vector<uint64_t>& addresses);

// The seconds of RINGSIDE_CPU_LIMIT.
double cpu_limit();

}  // namespace ringside::test
