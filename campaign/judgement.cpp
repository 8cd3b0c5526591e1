#include "campaign/judgement.h"

#include <fmt/format.h>

namespace ringside {

namespace {

std::string first_violation(const RunReport& report) {
  for (const Violation& violation : report.violations) {
    if (!violation.allowed) return violation.rule;
  }
  return "";
}

// What follows `mark` up to one of `ends`; empty: it is not there.
std::string behind(const std::string& text, const std::string& mark, const char* ends) {
  const size_t at = text.find(mark);
  if (at == std::string::npos) return "";
  const size_t begin = at + mark.size();
  return text.substr(begin, text.find_first_of(ends, begin) - begin);
}

// The exception and where: "page fault, rip 0x10234".
std::string crash_symptom(const RunReport& report, const FailureLines& lines) {
  const std::string what = without_numbers(report.reason.substr(0, report.reason.find_first_of(":;(")));
  std::string where = behind(report.details, "code at ", ":\n");
  if (where.empty()) where = behind(report.reason, "rip ", ":; ,)");
  if (!where.empty()) return fmt::format("{}, at {}", what, where);
  return lines.first().empty() ? what : lines.first();
}

std::string symptom_of(RunVerdict verdict, const RunReport& report, const FailureLines& lines) {
  switch (verdict) {
    case RunVerdict::survived: return "";
    case RunVerdict::invariant_broken: return first_violation(report);
    case RunVerdict::guest_crashed: return crash_symptom(report, lines);
    case RunVerdict::driver_hung: return without_numbers(report.reason);
    case RunVerdict::expectation_failed:
      if (!lines.first().empty()) return lines.first();
      return report.missing.empty() ? report.reason : report.missing.front();
    case RunVerdict::simulator_fault: return without_numbers(report.reason);
  }
  return "";
}

}  // namespace

Judgement judge(const Result<RunReport>& report, const FailureLines& lines) {
  Judgement judgement;
  if (!report) {
    judgement.verdict = RunVerdict::simulator_fault;
    judgement.exit_code = static_cast<int>(report.error().code);
    judgement.reason = report.error().message;
    judgement.symptom = without_numbers(judgement.reason);
    return judgement;
  }
  judgement.verdict = run_verdict_of(report->exit_code);
  judgement.exit_code = static_cast<int>(report->exit_code);
  judgement.instructions = report->instructions;
  judgement.at = report->at;
  judgement.symptom = symptom_of(judgement.verdict, *report, lines);
  judgement.reason = report->reason;
  return judgement;
}

}  // namespace ringside
