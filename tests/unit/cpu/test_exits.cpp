// Every way out of the core: reason, exact RIP, error code, and what was counted on the way.
#include <catch2/catch.hpp>

#include "tests/unit/cpu/small_machine.h"

namespace ringside::test {
GUEST_PROGRAM(count_loop)

TEST_CASE("a hypercall leaves RCX and R11 as SYSCALL does, and counts exactly") {
  SmallMachine machine(program_count_loop());
  const Exit exit = machine.run();
  INFO(exit.detail);
  REQUIRE(exit.reason == ExitReason::hypercall);
  CHECK(machine.cpu->rip() == kCode + program_count_loop().size());
  CHECK(machine.reg(Registers::rcx) == machine.cpu->rip());
  CHECK(machine.reg(Registers::r11) == machine.cpu->registers().rflags);
  CHECK(machine.reg(Registers::rax) == 100);
  CHECK(machine.clock.instructions == 3 + 200 + 1);
}

}  // namespace ringside::test
