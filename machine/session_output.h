// Whether a session may be written to a path: a slip of the hand must cost nobody an image or a text.
#pragma once

#include <string>

#include "sim/result.h"

namespace ringside {

// Refuses a file that is there, holds something, and is no session; a session may be replaced.
Result<> check_session_output(const std::string& path);

}  // namespace ringside
