// Requests for views (README.md), answered from machine/views.h. In a child of a fork: see
// ControlServer::view_in_child.
#pragma once

#include "control/channel.h"
#include "machine/machine.h"

namespace ringside {

// {"views": [...]} or {"error": ...}.
Json view_of(Machine& machine, const Json& request);

}  // namespace ringside
