// [[fault]], [check] and [campaign] of a scenario.
#pragma once

#include "machine/scenario.h"

namespace ringside {

class TomlReader;

void read_fault(TomlReader& table, std::vector<FaultSpec>& faults);
void read_check(TomlReader& table, CheckSettings& check);
void read_campaign(TomlReader& table, CampaignScenario& campaign);

}  // namespace ringside
