// The second half of a fault: what is done. Read from where the text stands, to its end.
#pragma once

#include "sim/fault/fault_spec.h"
#include "sim/fault/fault_text.h"

namespace ringside {

Result<FaultAction> read_fault_action(FaultText& text);

}  // namespace ringside
