// Where the machine is now. The run loop moves it before anything that could ask is called; everybody else
// only reads.
#pragma once

#include <cstdint>

#include "sim/tick.h"

namespace ringside {

struct Clock {
  Tick now;
  uint64_t instructions = 0;  // executed by all cores since power on
};

}  // namespace ringside
