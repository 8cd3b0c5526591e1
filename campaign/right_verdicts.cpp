#include "campaign/right_verdicts.h"

#include <algorithm>

#include "campaign/site_filter.h"

namespace ringside {

namespace {

bool lists(const CampaignScenario::Right& right, const CampaignFault& fault, RunVerdict verdict) {
  const bool site = wire_matches(right.site, fault.wire) || wire_matches(right.site, fault.kind);
  const bool action =
      wire_matches(right.action, fault.action) || wire_matches(right.action, action_word(fault.action));
  return site && action && right.verdict == to_string(verdict);
}

}  // namespace

bool is_right(const CampaignScenario& campaign, const RunResult& result) {
  const RunVerdict verdict = result.judgement.verdict;
  if (verdict == RunVerdict::survived || verdict == RunVerdict::simulator_fault) return false;
  return std::any_of(campaign.right.begin(), campaign.right.end(), [&](const CampaignScenario::Right& right) {
    return lists(right, result.fault, verdict) ||
           (result.second && lists(right, result.second_fault, verdict));
  });
}

}  // namespace ringside
