// REP STOS and REP MOVS in 64-bit code: many iterations at once. The emulator executes each iteration as a
// block of its own, some 10 ns each; the kernel of an operating system clears and copies megabytes so.
//
// What is done here is what the emulator would have done: iterations within one page of each side, which the
// guest has reached already, up to the time at which something is due. The last iteration, and each that
// needs a translation or the right to write, is the emulator's.
#pragma once

#include <unicorn/unicorn.h>

#include <cstdint>
#include <functional>

#include "cpu/block_table.h"
#include "cpu/cpu.h"

namespace ringside {

// Does as many iterations as it can, but no more than `at_most`, and says how many. `reached` gives the
// host's memory behind an address that the guest has reached for that access, up to the end of its page; null
// else.
using ReachedMemory = std::function<uint8_t*(uint64_t address, Access access)>;
uint64_t repeat_at_once(uc_engine* uc, RepeatedString string, uint64_t at_most, const ReachedMemory& reached);

// Counts iterations in a row, so that short ones do not cost more than they gain.
class IterationCount {
 public:
  bool is_worth_it(bool again) {
    constexpr unsigned kWorthIt = 8;
    iterations_ = again ? iterations_ + 1 : 0;
    return iterations_ >= kWorthIt;
  }

 private:
  unsigned iterations_ = 0;  // only what the host does depends on it
};

}  // namespace ringside
