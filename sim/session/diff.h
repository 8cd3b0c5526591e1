// The first difference of two sessions.
#pragma once

#include <optional>
#include <string>

#include "sim/result.h"

namespace ringside {

struct SessionDifference {
  std::string what;   // "crossing 812 differs", "the seed differs"
  std::string first;  // decoded
  std::string second;
};

// Nothing when the two hold the same. Whether files are packed is no difference.
Result<std::optional<SessionDifference>> diff_sessions(const std::string& first, const std::string& second);

}  // namespace ringside
