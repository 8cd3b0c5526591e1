// [campaign] right: verdicts that a fault rightly has.
#pragma once

#include "campaign/run_result.h"
#include "machine/scenario.h"

namespace ringside {

// Whether they list the failure that this run ended with. A fault of the simulator is never right.
bool is_right(const CampaignScenario& campaign, const RunResult& result);

}  // namespace ringside
