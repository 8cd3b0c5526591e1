// REP STOS and REP MOVS in 64-bit code: many iterations at once. The emulator executes each iteration as a
// block of its own, some 10 ns each; the kernel of an operating system clears and copies megabytes so.
//
// What is done here is what the emulator would have done: iterations within one page of each side, which the
// guest has reached already, up to the time at which something is due. The last iteration, and each that
// needs a translation or the right to write, is the emulator's.
#pragma once

#include <unicorn/unicorn.h>

#include <cstdint>

#include "cpu/block_table.h"

namespace ringside {

// Of iterations that are left, those that could be done at once, and where they read and write.
struct StringRun {
  uint64_t count = 0;  // 0: none
  uint64_t left = 0;   // RCX
  uint64_t source = 0, destination = 0;
};
StringRun string_run(uc_engine* uc, RepeatedString string, uint64_t at_most);

// Does them: `from` (for a copy) and `to` are the host's memory behind the two addresses. Returns how many.
uint64_t repeat_at_once(uc_engine* uc, RepeatedString string, const StringRun& run, const uint8_t* from,
                        uint8_t* to);

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
