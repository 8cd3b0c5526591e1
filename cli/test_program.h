// The program that a session's test belongs to, run again for that one test.
#pragma once

#include <string>
#include <vector>

#include "cli/junit_input.h"
#include "sim/result.h"

namespace ringside::cli {

// Where the program is: in or below one of the folders, the first one first. Of `name`, which is as the
// session has it, the file's name counts: a session of somebody else's does not choose what runs here.
Result<std::string> find_program(const std::string& name, const std::vector<std::string>& folders);

struct TestRun {
  bool passed = false;
  bool there = true;  // the program has such a test
  std::vector<JunitFailure> failures;
  std::vector<std::string> sessions;  // paths, below `folder`
  std::string difference;             // what it says of itself and the session; empty: nothing
};

// With the session's seed and settings, in the program's own folder, as CTest would; what it leaves goes into
// `folder`, which is there.
Result<TestRun> run_test(const std::string& program, const std::string& test, const std::string& session,
                         const std::string& folder);

}  // namespace ringside::cli
