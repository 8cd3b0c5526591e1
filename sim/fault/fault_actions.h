// What may be done to the crossings of a wire: the matrix by the wire's kind, and a device's own faults by
// name (PayloadType::faults).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/fault/fault_spec.h"

namespace ringside {

class FaultTargets;

// Every action that makes sense on a wire, with arguments that a campaign uses: "drop", "delay(1ms)",
// "fail(-5)", "parity". In a fixed order. Without `targets` nothing can crash.
std::vector<std::string> fault_actions_of(const Wire& wire, const FaultTargets* targets = nullptr);

// The same without arguments, for messages: "drop, delay, parity".
std::string fault_words_of(const Wire& wire, const FaultTargets* targets = nullptr);

// Whether that kind of action makes sense on a wire at all.
bool takes_fault(const Wire& wire, FaultKind kind, const FaultTargets* targets = nullptr);

// What a crossing's flags say that a fault did to it: "dropped", "delayed", ...; "changed" where its bytes
// were, or where it was made. Nothing for one that no fault has touched.
std::vector<std::string_view> fault_marks(uint8_t flags);

// An action that is written by a device's own name becomes what it stands for; the error lists what the wire
// takes. Fields are found by whoever does it (sim/fault/fault_strike.h).
Result<FaultAction> resolve_fault_action(const FaultAction& action, const Wire& wire,
                                         const FaultTargets* targets = nullptr);

}  // namespace ringside
