// The count and the clock against single-stepped truth, and what the guest reads of the time.
#include <catch2/catch.hpp>

#include "tests/unit/cpu/small_machine.h"

namespace ringside::test {
GUEST_PROGRAM(read_time)
GUEST_PROGRAM(count_loop)
GUEST_PROGRAM(mixture)
GUEST_PROGRAM(counter_in_code)
GUEST_PROGRAM(modify_by_alias)
GUEST_PROGRAM(small_routine)

TEST_CASE("RDTSC is asked for at the time of the very instruction") {
  SmallMachine machine(program_read_time());
  REQUIRE(machine.run().reason == ExitReason::hypercall);
  REQUIRE(machine.environment.asked_at.size() == 3);
  // nop | rdtsc, mov, nop, nop | rdtsc, mov | rdtscp: 500 ps a cycle, RDTSC takes 25.
  CHECK(machine.environment.asked_at[0] == picoseconds(500));
  CHECK(machine.environment.asked_at[1] == picoseconds(500 * (1 + 25 + 3)));
  CHECK(machine.environment.asked_at[2] == picoseconds(500 * (1 + 25 + 3 + 25 + 1)));
  CHECK(machine.reg(Registers::rbx) == 1);
  CHECK(machine.reg(Registers::rsi) == 29);
  CHECK(machine.reg(Registers::rdi) == 55);
  CHECK(machine.reg(Registers::rcx) == machine.cpu->rip());  // SYSCALL's; RDTSCP wrote 0 before
}

TEST_CASE("the count of blocks equals the count of single steps") {
  constexpr uint64_t kTrapFlag = 0x100;
  // Without repeated string instructions: those are not looked at once more at their end when single-stepped.
  for (auto program : {program_count_loop(), program_counter_in_code(), program_modify_by_alias()}) {
    const auto prepare = [&](SmallMachine& machine) {
      machine.load(program_small_routine(), kCode + kPageSize);
      machine.map(kData + 0x8000, 1, 0x101, page_entry::writable);
    };
    SmallMachine free_run(program);
    prepare(free_run);
    REQUIRE(free_run.run().reason == ExitReason::hypercall);

    SmallMachine stepped(program);
    prepare(stepped);
    Registers registers = stepped.cpu->registers();
    registers.rflags |= kTrapFlag;
    stepped.cpu->set_registers(registers);
    uint64_t steps = 0;
    Exit exit;
    while ((exit = stepped.run()).reason == ExitReason::exception && exit.vector == 1) ++steps;
    INFO("vector " << int{exit.vector} << " at " << std::hex << stepped.cpu->rip() << " steps " << std::dec
                   << steps << " size " << program.size() << " cr2 " << exit.fault_address.value);
    REQUIRE(exit.reason == ExitReason::hypercall);
    CHECK(stepped.clock.instructions == steps + 1);
    CHECK(free_run.clock.instructions == stepped.clock.instructions);
    CHECK(free_run.clock.now == stepped.clock.now);
  }
}

TEST_CASE("two cores in one process do not disturb each other, and a hundred can come and go") {
  SmallMachine one(program_mixture()), two(program_mixture());
  while (one.run(nanoseconds(500)).reason == ExitReason::deadline) two.run(nanoseconds(300));
  while (two.run(nanoseconds(300)).reason == ExitReason::deadline) {
  }
  CHECK(one.digest() == two.digest());
  for (int i = 0; i < 100; ++i) {
    SmallMachine machine(program_count_loop());
    REQUIRE(machine.run().reason == ExitReason::hypercall);
  }
}

TEST_CASE("versions are told") {
  CHECK(unicorn_version().substr(0, 2) == "2.");
  CHECK(capstone_version().substr(0, 2) == "4.");
  CHECK(cost_table_version() == "3");
}

}  // namespace ringside::test
