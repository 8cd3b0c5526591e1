// Loops that do nothing but count, in 64-bit code: registers that go up or down by constants, compares, and
// jumps; nothing is loaded or stored. A kernel can spend a third of its boot in one: Linux as a Xen guest
// goes through 134 million frame numbers behind the end of its table (xen_rebuild_p2m_list()), and looks at
// memory for none of them.
//
// What many iterations of such a loop leave behind can be told without executing them. The code is followed
// once from one of its instructions, with the values that the registers have and, beside them, as functions
// of the registers at the beginning; when it comes back to where it began, the differences are what an
// iteration adds to each register, and each compare says how often its jump will go the same way.
//
// Instructions: AMD64 Architecture Programmer's Manual volume 3 (24594, revision 3.34); conditions: table
// 1-11 "Condition Codes" of its section 1.4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "cpu/cpu.h"
#include "cpu/instruction_cost.h"

namespace ringside {

struct CountingLoop {
  using General = decltype(Registers::general);
  // What one iteration does to a register.
  struct Change {
    uint64_t step = 0;
    bool narrow = false;  // modulo 2^32
  };
  std::array<Change, std::tuple_size_v<General>> changes;
  uint64_t iterations = 0;    // so many whole ones go the same way, from the given registers on
  uint32_t instructions = 0;  // of one iteration
  Tick cost;                  // the same

  static uint64_t after(Change change, uint64_t value, uint64_t iterations) {
    value += change.step * iterations;
    return change.narrow ? static_cast<uint32_t>(value) : value;
  }
};

// The loop that leads from the instruction at `offset` in `page` back to it, within the page; none when it is
// no such loop, or not known to be one. The arithmetic flags at `offset` are either written before they are
// read, and before the first jump, or written nowhere in the loop: whoever passes over iterations leaves them
// alone.
std::optional<CountingLoop> find_counting_loop(std::span<const uint8_t> page, uint64_t offset,
                                               const CountingLoop::General& registers,
                                               const CostTable& costs);

// Whether the code there may be one, up to its first jump: quicker, and mostly false.
bool may_be_counting_loop(std::span<const uint8_t> page, uint64_t offset);

}  // namespace ringside
