// A run that is over, judged: its verdict, and the words by which equal failures are known.
#pragma once

#include <string>

#include "campaign/failure_lines.h"
#include "campaign/run_verdict.h"
#include "machine/machine.h"

namespace ringside {

struct Judgement {
  RunVerdict verdict = RunVerdict::survived;
  int exit_code = 0;
  uint64_t instructions = 0;
  Tick at;
  // Of the failure, without what differs from one run to the next: the rule that was violated, the line that
  // the guest printed, where it crashed. Empty: it survived.
  std::string symptom;
  std::string reason;  // for people, as the run gave it

  bool operator==(const Judgement&) const = default;
};

Judgement judge(const Result<RunReport>& report, const FailureLines& lines);

}  // namespace ringside
