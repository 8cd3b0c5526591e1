// What a campaign has found, as it is shown: for people, as JSON for programs, as JUnit's XML for CI.
#pragma once

#include <string>
#include <vector>

#include "campaign/campaign.h"

namespace ringside {

std::string to_text(const CampaignReport& report, size_t width);
// Several: of the variants of a scenario.
std::string to_json(const std::vector<CampaignReport>& reports);
// A test case for each kind of site and action. What [campaign] lists passes.
std::string to_junit(const std::vector<CampaignReport>& reports);

// "ringside replay campaign-blk-read/....pcapng", or how to run it where it has no session.
std::string command_of(const CampaignReport& report, const FailureClass& failure);

}  // namespace ringside
