// The first pass: the scenario without any fault. It counts the sites, and says what a run is held against.
#pragma once

#include "campaign/plan.h"
#include "machine/scenario.h"

namespace ringside {

struct SiteChoice {
  std::vector<std::string> sites, actions;
};

// In this process, and so in a child of the campaign's. An error where the run fails without a fault, too.
Result<Baseline> run_baseline(const Scenario& scenario, const SiteChoice& choice);

std::vector<std::string> domain_names(const Scenario& scenario);

}  // namespace ringside
