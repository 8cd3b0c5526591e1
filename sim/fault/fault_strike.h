// An action as it is done on one wire: names of fields and values have become offsets and bytes.
#pragma once

#include <vector>

#include "sim/fault/fault_actions.h"

namespace ringside {

// Some bytes of a payload.
struct FaultChange {
  size_t offset = 0;
  std::vector<uint8_t> bytes;  // what they become
  size_t flipped = 0;          // or: so many are inverted
  bool flip = false;
  void apply(std::vector<uint8_t>& payload) const;
};

struct FaultStrike {
  FaultKind kind = FaultKind::drop;
  Tick time;
  uint64_t count = 0;
  int64_t code = 0;
  std::vector<FaultChange> changes;

  // Errors list what the wire takes, or its fields.
  static Result<FaultStrike> create(const FaultAction& action, const Wire& wire, const FaultTargets* targets);

  // What can be done on the crossing itself; stall, crash, spurious and rewrite are the injector's.
  void apply(Crossing& crossing, Verdict& verdict) const;
};

}  // namespace ringside
