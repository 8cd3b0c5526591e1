// `--set key=value`: a value of the scenario, changed from the command line. A key is a path with dots:
// "machine.seed", "domain.memory" (the first of an array), "disk.xvda.latency.command" (the element of that
// name), "expect.within".
#pragma once

#include <toml.hpp>

#include "machine/scenario.h"

namespace ringside {

// Values are TOML where they parse as such ("2", "true", "\"x\""), else texts.
Result<> apply_overrides(toml::value& root, const Overrides& overrides);

}  // namespace ringside
