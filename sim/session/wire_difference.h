// The first difference of two sessions wire by wire: order and fields on each wire, whatever their times and
// however the wires interleave. For runs of a guest that was changed, whose every instruction comes at
// another time.
#pragma once

#include <optional>
#include <string>

#include "sim/result.h"
#include "sim/tick.h"

namespace ringside {

struct WireDifference {
  std::string wire;
  uint64_t number = 0;   // of the wire's crossings, from 1
  Tick at;               // in the first session, or where only the second one has it, in that
  std::string expected;  // decoded; empty: the first session has no more
  std::string found;     // empty: the second has none
};

// That which came first in the first session; nothing where all wires agree. What is only sampled (ring
// indices) is not compared, nor are addresses, latencies and what a session kept nothing of.
Result<std::optional<WireDifference>> first_difference_by_wire(const std::string& first,
                                                               const std::string& second);

}  // namespace ringside
