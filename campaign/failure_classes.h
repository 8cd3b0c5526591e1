// Failures that are equal, as one: the same kind of site, action, verdict and symptom. Each class has the
// smallest run that shows it: a single fault before a pair, then the earliest site, then the first action.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "campaign/results_file.h"
#include "campaign/run_result.h"

namespace ringside {

struct FailureClass {
  // Of a pair the second fault's as well, else empty. Actions without arguments.
  std::string kind, action, second_kind, second_action;
  RunVerdict verdict = RunVerdict::simulator_fault;
  std::string symptom;
  bool right = false;  // [campaign] lists it
  uint64_t runs = 0;   // with this failure; those with a second fault that shows it by itself included
  RunResult example;   // the smallest
  std::string folder;  // of the results that hold the example
  std::optional<Session> session;
  // The faults that show it, as the session was made: of a pair perhaps one half.
  std::vector<std::string> faults() const;
};

// Unexpected ones first, each part in the order of the plan.
std::vector<FailureClass> classes_of(const std::vector<RunResult>& results);

// "ring-xvda-request-read.drop.hung.17.pcapng": equal campaigns name their files alike.
std::string session_name(const FailureClass& failure);

}  // namespace ringside
