// What a campaign remembers of one run with a fault, and how it is written: a line of a results file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "campaign/judgement.h"

namespace ringside {

// A fault as a campaign does it.
struct CampaignFault {
  std::string kind;    // of the site: "ring/xvda/request read"
  std::string wire;    // "dom1/ring/xvda/request"
  uint64_t nth = 0;    // of the crossings of that wire
  std::string action;  // "delay(1ms)"

  // In the grammar of faults: "dom1/ring/xvda/request@3 delay(1ms)".
  std::string text() const;
  bool operator==(const CampaignFault&) const = default;
};

struct RunResult {
  uint64_t point = 0;  // of the plan
  // A second fault: which of the points behind the first one, in the run that the first one made.
  std::optional<uint64_t> second;
  CampaignFault fault;
  CampaignFault second_fault;
  Judgement judgement;
  bool right = false;  // [campaign] lists this verdict

  bool operator==(const RunResult&) const = default;
  // The order of all tables: that of the plan.
  bool operator<(const RunResult& other) const;
};

// One line of JSON, without its end.
std::string to_text(const RunResult& result);
std::optional<RunResult> run_result_of(const std::string& text);

}  // namespace ringside
