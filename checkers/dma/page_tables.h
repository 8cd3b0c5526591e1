// The frames that hold the page tables of the address space in use (Intel SDM volume 3A, 4.5: 4-level
// paging), for transfers that would store into one. The whole tree is read now and then only, so what has
// become a table since may be missed; a find is checked against the tree as it is.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/memory.h"
#include "sim/tick.h"

namespace ringside {

class PageTableFrames {
 public:
  // Cheap: false where none of the range's frames was a table, as far as is known by now.
  bool may_hold(const Memory& memory, uint64_t first, uint64_t end, Tick now) const;
  // The first frame of the range that is a page table under `root` (CR3), or none.
  bool holds_any(const Memory& memory, uint64_t root, uint64_t first, uint64_t end, Tick now, Mfn& found);

 private:
  bool stale(Tick now) const;
  void read(const Memory& memory, uint64_t root, Tick now);
  void add(const Memory& memory, Mfn frame, unsigned level);
  bool find(const Memory& memory, uint64_t first, uint64_t end, Mfn& found) const;

  std::vector<bool> frames_;  // by their place in memory
  Tick read_at_ = Tick::never();
};

}  // namespace ringside
