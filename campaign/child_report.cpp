#include "campaign/child_report.h"

#include <climits>

namespace ringside {

static_assert(sizeof(TrunkMessage) <= PIPE_BUF);

void ChildReport::take(const Judgement& judgement) {
  verdict = judgement.verdict;
  exit_code = judgement.exit_code;
  instructions = judgement.instructions;
  at_ps = judgement.at.ps;
  symptom = judgement.symptom;
  reason = judgement.reason;
  done = true;
}

Judgement ChildReport::judgement() const {
  return {verdict, exit_code, instructions, Tick{at_ps}, symptom.string(), reason.string()};
}

}  // namespace ringside
