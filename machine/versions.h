// A session depends on what executed it: another Unicorn, SystemC, Capstone or cost table may give another
// run, so that a replay refuses it by name.
#pragma once

#include "sim/result.h"
#include "sim/session/session.h"

namespace ringside {

Result<> check_versions(const SessionHeader& header);

}  // namespace ringside
