// For a debugger: a core that tells of each store of its guest into a few pages, as it happens. Stores become
// slower while it lasts, wherever they go; what the guest does, and when, does not change.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/ids.h"

namespace ringside {

class StoreWatch {
 public:
  // Called before the bytes change, within Cpu::run(). It may look, wait and fork, and must change nothing.
  using OnStore = std::function<void(GuestPhys at, unsigned size, uint64_t value)>;

  virtual ~StoreWatch() = default;
  // From the next run on; no pages end it. A string instruction that the core carries out at once (REP STOS,
  // REP MOVS) is not seen.
  virtual void watch_stores(std::vector<GuestPhys> pages, OnStore on_store) = 0;
};

}  // namespace ringside
