#include "campaign/run_verdict.h"

namespace ringside {

std::string_view to_string(RunVerdict verdict) {
  switch (verdict) {
    case RunVerdict::survived: return "survived";
    case RunVerdict::expectation_failed: return "expectation failed";
    case RunVerdict::driver_hung: return "driver hung";
    case RunVerdict::guest_crashed: return "guest crashed";
    case RunVerdict::invariant_broken: return "invariant broken";
    case RunVerdict::simulator_fault: return "simulator fault";
  }
  return "unknown";
}

char letter_of(RunVerdict verdict) {
  // A capital where it is not the guest's fault.
  constexpr char kLetters[] = "sehciF";
  return kLetters[static_cast<size_t>(verdict)];
}

std::string_view word_of(RunVerdict verdict) {
  constexpr std::string_view kWords[] = {"survived", "failed", "hung", "crashed", "broken", "simulator"};
  return kWords[static_cast<size_t>(verdict)];
}

std::optional<RunVerdict> run_verdict_of(std::string_view name) {
  for (const RunVerdict verdict : kAllRunVerdicts) {
    if (to_string(verdict) == name) return verdict;
  }
  return std::nullopt;
}

RunVerdict run_verdict_of(ExitCode code) {
  switch (code) {
    case ExitCode::ok: return RunVerdict::survived;
    case ExitCode::expectation_failed: return RunVerdict::expectation_failed;
    case ExitCode::guest_hung: return RunVerdict::driver_hung;
    case ExitCode::guest_crashed: return RunVerdict::guest_crashed;
    case ExitCode::invariant_broken: return RunVerdict::invariant_broken;
    default: return RunVerdict::simulator_fault;
  }
}

}  // namespace ringside
