// When a run with a fault counts as hung, and how long it may keep the host busy.
#pragma once

#include <algorithm>
#include <cstdint>

#include "campaign/plan.h"
#include "machine/machine.h"

namespace ringside {

// Ten times the run without faults, and a little more where that one is short.
inline uint64_t instructions_max(const Baseline& baseline) {
  constexpr uint64_t kAtLeast = 1'000'000;
  return std::max(10 * baseline.judgement.instructions, kAtLeast);
}

// Generous: ten times the instructions, on a host that is several times slower just then.
inline double cpu_seconds_max(const Baseline& baseline) { return 20 + 100 * baseline.cpu_seconds; }

inline void set_limits(MachineOptions& options, const Scenario& scenario, const Baseline& baseline) {
  options.quiet = scenario.campaign.quiet;
  options.instructions_max = instructions_max(baseline);
}

}  // namespace ringside
