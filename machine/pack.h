// `ringside pack`: finds the files that a session was recorded with, and embeds them.
#pragma once

#include <string>

#include "sim/result.h"

namespace ringside {

// Returns how many files the packed session holds. `scenario_folder` may be empty: then they are looked for
// where the scenario was last run from.
Result<size_t> pack(const std::string& from, const std::string& to, const std::string& scenario_folder);

}  // namespace ringside
