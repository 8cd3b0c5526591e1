// A session's run again on what the tree has now: the scenario as it was recorded, the inputs as they were
// given, and kernels as they are. For a driver that has been changed since, `ringside replay` would refuse
// its kernel; this runs it freely, and says how it ends.
#pragma once

#include <optional>
#include <string>

#include "machine/machine.h"
#include "sim/session/session.h"
#include "sim/session/wire_difference.h"

namespace ringside {

struct Rerun {
  std::optional<RunOutcome> recorded;  // none of a session that was cut
  RunReport report;
  std::vector<std::string> changed;  // files that are not what they were
  std::optional<WireDifference> difference;
};

// `scenario_folder` (unless empty) is where kernels and images are looked for first. What the session itself
// holds (`ringside pack`) is taken from there, but for kernels.
//
// What somebody typed comes at its recorded time, what the scenario's script typed when its text appears.
// Answers from outside (a shared folder) are asked for anew.
Result<Rerun> rerun_session(const std::string& session, const std::string& scenario_folder);

}  // namespace ringside
