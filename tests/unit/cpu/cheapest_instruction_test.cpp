// The run loop finds the end of an epoch by time, and relies on this: no instruction costs less than a cycle.
#include <catch2/catch.hpp>

#include "cpu/instruction_cost.h"

using namespace ringside;

TEST_CASE("no kind of instruction costs less than a cycle") {
  for (auto kind = static_cast<int>(InstructionKind::simple);
       kind <= static_cast<int>(InstructionKind::unknown); ++kind) {
    CHECK(cycles_of(static_cast<InstructionKind>(kind)) >= 1);
  }
}
