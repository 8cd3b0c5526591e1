// What may be done to the crossings of a wire: the matrix by the wire's kind, and a device's own faults by
// name (PayloadType::faults).
#pragma once

#include <string>
#include <vector>

#include "sim/fault/fault_spec.h"

namespace ringside {

// Every action that makes sense on a wire, with arguments that a campaign uses: "drop", "delay(1ms)",
// "fail(-5)", "parity". In a fixed order.
std::vector<std::string> fault_actions_of(const Wire& wire);

// An action that is written by a device's own name becomes what it stands for; the error lists what the wire
// takes. `wire` must be of the kind on which it will be done.
Result<FaultAction> resolve_fault_action(const FaultAction& action, const Wire& wire);

}  // namespace ringside
