// A view of the protocol as lines of at most 80 columns.
#pragma once

#include <string>
#include <vector>

#include "control/channel.h"

namespace ringside {

std::vector<std::string> view_lines(const Json& view);

}  // namespace ringside
