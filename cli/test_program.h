// The program that a session's test belongs to, run again for that one test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/junit_input.h"
#include "sim/result.h"

namespace ringside::cli {

// Where the program is: in or below one of the folders, the first one first. `name` is as the session has it,
// a path or a file's name alone.
Result<std::string> find_program(const std::string& name, const std::vector<std::string>& folders);

struct TestRun {
  bool passed = false;
  bool there = true;  // the program has such a test
  std::vector<JunitFailure> failures;
  std::vector<std::string> sessions;  // paths, below `folder`
  std::string output;                 // its last part
};

// With the seed of the session; what it leaves goes into `folder`, which is there.
Result<TestRun> run_test(const std::string& program, const std::string& test, uint64_t seed,
                         const std::string& folder);

}  // namespace ringside::cli
