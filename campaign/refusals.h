// What a campaign cannot do: many runs of one scenario at the same time must not meet outside of it.
#pragma once

#include "machine/scenario.h"

namespace ringside {

// An error for images that the guest writes for good and for servers that are asked while the machine runs.
Result<> check_scenario_for_campaign(const Scenario& scenario);

// Captures that a run writes on this host go nowhere.
void silence_captures(Scenario& scenario);

}  // namespace ringside
