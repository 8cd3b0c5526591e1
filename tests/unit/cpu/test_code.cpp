// Self-modifying code, aliases and DMA: what is executed is what lies in memory, and what is counted is what
// was executed.
#include <catch2/catch.hpp>

#include "tests/unit/cpu/small_machine.h"

namespace ringside::test {
GUEST_PROGRAM(modify_own_block)
GUEST_PROGRAM(modify_other_page)
GUEST_PROGRAM(modify_by_alias)
GUEST_PROGRAM(small_routine)
GUEST_PROGRAM(counter_in_code)

TEST_CASE("a store into the bytes of its own block takes effect at the next instruction") {
  SmallMachine machine(program_modify_own_block());
  const Exit exit = machine.run();
  INFO(exit.detail << " vector " << int{exit.vector});
  REQUIRE(exit.reason == ExitReason::hypercall);
  CHECK(machine.reg(Registers::rax) == 3 + 2 + 1);
  CHECK(machine.reg(Registers::rdx) == 3);
  CHECK(machine.clock.instructions == 2 + 3 * 6 + 1);
}

TEST_CASE("a store into a routine on another page takes effect at the next call, however often") {
  SmallMachine machine(program_modify_other_page());
  machine.load(program_small_routine(), kCode + kPageSize);
  const Exit exit = machine.run();
  INFO(exit.detail << " vector " << int{exit.vector});
  REQUIRE(exit.reason == ExitReason::hypercall);
  CHECK(machine.reg(Registers::rax) == 40 * 41 / 2);
  CHECK(machine.clock.instructions == 3 + 40 * 7 + 1);
}

TEST_CASE("the same through another mapping of the page, executable or not") {
  const uint64_t extra = GENERATE(uint64_t{0}, page_entry::no_execute);
  SmallMachine machine(program_modify_by_alias());
  machine.load(program_small_routine(), kCode + kPageSize);
  machine.map(kData + 0x8000, 1, 0x101, page_entry::writable | extra);
  const Exit exit = machine.run();
  INFO(exit.detail << " vector " << int{exit.vector});
  REQUIRE(exit.reason == ExitReason::hypercall);
  CHECK(machine.reg(Registers::rax) == 40 * 41 / 2);
  CHECK(machine.clock.instructions == 3 + 40 * 7 + 1);
}

TEST_CASE("data beside code in a page is exact") {
  SmallMachine machine(program_counter_in_code());
  const Exit exit = machine.run();
  INFO(exit.detail << " vector " << int{exit.vector});
  REQUIRE(exit.reason == ExitReason::hypercall);
  CHECK(machine.reg(Registers::rax) == 1000);
  CHECK(machine.clock.instructions == 2 + 4 * 1000 + 2);
}

TEST_CASE("a store of the host into code takes effect, also through write_virtual") {
  SmallMachine machine;
  machine.load({0xbb, 1, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7});  // 1: mov ebx, 1; syscall; jmp 1b
  REQUIRE(machine.run().reason == ExitReason::hypercall);
  CHECK(machine.reg(Registers::rbx) == 1);
  for (uint8_t value = 2; value < 40; ++value) {
    if (value % 2) {
      machine.memory->store<uint8_t>(machine.physical(kCode + 1), value);
    } else {
      REQUIRE(machine.cpu->write_virtual({kCode + 1}, &value, 1));
    }
    REQUIRE(machine.run().reason == ExitReason::hypercall);
    REQUIRE(machine.reg(Registers::rbx) == value);
  }
  // The same length of block with other instructions: 5 NOPs count as five.
  const uint64_t before = machine.clock.instructions;
  machine.load({0x90, 0x90, 0x90, 0x90, 0x90});
  REQUIRE(machine.run().reason == ExitReason::hypercall);
  CHECK(machine.clock.instructions - before == 1 + 5 + 1);
}

TEST_CASE("a remapped page runs and counts its new bytes, after the flush") {
  SmallMachine machine;
  machine.load({0xbb, 1, 0, 0, 0, 0x0f, 0x05});
  machine.load({0x90, 0x90, 0x90, 0xb3, 2, 0x0f, 0x05}, kCode + kPageSize);
  REQUIRE(machine.run().reason == ExitReason::hypercall);
  machine.set_entry(kCode, machine.get_entry(kCode + kPageSize));
  machine.cpu->set_rip(kCode);
  uint64_t before = machine.clock.instructions;
  machine.run();  // no flush: what is held is used
  CHECK(machine.reg(Registers::rbx) == 1);
  CHECK(machine.clock.instructions - before == 2);
  machine.cpu->flush_translation({kCode});
  machine.cpu->set_rip(kCode);
  before = machine.clock.instructions;
  machine.run();
  CHECK(machine.reg(Registers::rbx) == 2);
  CHECK(machine.clock.instructions - before == 5);
}

TEST_CASE("code that runs into a page that is not there executes up to it") {
  SmallMachine machine;
  machine.set_entry(kCode + kPageSize, 0);
  SECTION("the last instruction ends with the page") {
    machine.load({0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0}, kCode + kPageSize - 6);  // inc eax, three times
    machine.cpu->set_rip(kCode + kPageSize - 6);
    const Exit exit = machine.run();
    INFO(exit.detail);
    CHECK(int{exit.vector} == 14);
    CHECK(machine.reg(Registers::rax) == 3);
    CHECK(machine.cpu->rip() == kCode + kPageSize);
    CHECK(exit.fault_address.value == kCode + kPageSize);
    CHECK(exit.error_code == (page_fault_code::user | page_fault_code::fetch));
    CHECK(machine.clock.instructions == 3);
  }
  SECTION("the last instruction reaches over the end") {
    machine.load({0xff, 0xc0, 0xff, 0xc0, 0xbb, 1}, kCode + kPageSize - 6);  // ..., mov ebx, (cut)
    machine.cpu->set_rip(kCode + kPageSize - 6);
    const Exit exit = machine.run();
    INFO(exit.detail);
    CHECK(int{exit.vector} == 14);
    CHECK(machine.reg(Registers::rax) == 2);
    CHECK(machine.cpu->rip() == kCode + kPageSize - 2);
    CHECK(exit.fault_address.value == kCode + kPageSize);
    CHECK(machine.clock.instructions == 2);
    // When the page comes, it goes on.
    machine.map(kCode + kPageSize, 1, 0x101, 0);
    machine.load({0, 0, 0, 0x0f, 0x05}, kCode + kPageSize);
    CHECK(machine.run().reason == ExitReason::hypercall);
    CHECK(machine.reg(Registers::rbx) == 1);
    CHECK(machine.clock.instructions == 4);
  }
  SECTION("something else faults before it") {
    machine.load({0xff, 0xc0, 0xf4, 0xff, 0xc0, 0x90}, kCode + kPageSize - 6);  // inc eax; hlt; ...
    machine.cpu->set_rip(kCode + kPageSize - 6);
    const Exit exit = machine.run();
    INFO(exit.detail);
    CHECK(int{exit.vector} == 13);
    CHECK(machine.cpu->rip() == kCode + kPageSize - 4);
    CHECK(machine.clock.instructions == 1);
  }
}

}  // namespace ringside::test
