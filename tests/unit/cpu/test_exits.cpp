// Every way out of the core: reason, exact RIP, error code, and what was counted on the way.
#include <catch2/catch.hpp>

#include "tests/unit/cpu/small_machine.h"

namespace ringside::test {
GUEST_PROGRAM(count_loop)
GUEST_PROGRAM(divide_by_zero)
GUEST_PROGRAM(privileged_hlt)
GUEST_PROGRAM(privileged_cli)
GUEST_PROGRAM(privileged_cr)
GUEST_PROGRAM(privileged_msr)
GUEST_PROGRAM(privileged_in)
GUEST_PROGRAM(privileged_out)
GUEST_PROGRAM(privileged_swapgs)
GUEST_PROGRAM(privileged_invlpg)
GUEST_PROGRAM(privileged_vmrun)
GUEST_PROGRAM(undefined)
GUEST_PROGRAM(software_int)
GUEST_PROGRAM(software_int3)
GUEST_PROGRAM(software_icebp)
GUEST_PROGRAM(random_numbers)
GUEST_PROGRAM(random_seed)
GUEST_PROGRAM(read_pid)
GUEST_PROGRAM(read_fsbase)
GUEST_PROGRAM(read_counter)
GUEST_PROGRAM(read_xcr)
GUEST_PROGRAM(vector_avx)
GUEST_PROGRAM(old_sysenter)
GUEST_PROGRAM(vm_call)
GUEST_PROGRAM(load_bad_segment)
GUEST_PROGRAM(load_good_segment)
GUEST_PROGRAM(iret_here)
GUEST_PROGRAM(iret_kernel)
GUEST_PROGRAM(fpu_use)
GUEST_PROGRAM(single_step)
GUEST_PROGRAM(pauses)
GUEST_PROGRAM(jump_noncanonical)
GUEST_PROGRAM(read_noncanonical)
GUEST_PROGRAM(read_across_hole)
GUEST_PROGRAM(push_noncanonical)
GUEST_PROGRAM(jump_unmapped)
GUEST_PROGRAM(identify)

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

namespace {

// Runs to an exception and checks where it is and that just `instructions` before it were counted.
void check_fault(std::span<const uint8_t> program, uint8_t vector, uint64_t offset, uint64_t instructions,
                 std::optional<uint32_t> error_code) {
  SmallMachine machine(program);
  const Exit exit = machine.run();
  INFO(exit.detail);
  CHECK(exit.reason == (vector == 6 ? ExitReason::invalid_opcode : ExitReason::exception));
  CHECK(int{exit.vector} == int{vector});
  CHECK_FALSE(exit.software);
  CHECK(machine.cpu->rip() == kCode + offset);
  CHECK(machine.clock.instructions == instructions);
  CHECK(exit.error_code == error_code);
}

}  // namespace

TEST_CASE("faults come with the instruction's own RIP") {
  check_fault(program_divide_by_zero(), 0, 4, 3, std::nullopt);
  check_fault(program_undefined(), 6, 1, 1, std::nullopt);
}

TEST_CASE("what is privileged gives #GP at CPL 3") {
  check_fault(program_privileged_hlt(), 13, 1, 1, 0);
  check_fault(program_privileged_cli(), 13, 1, 1, 0);
  check_fault(program_privileged_cr(), 13, 1, 1, 0);
  check_fault(program_privileged_msr(), 13, 1, 1, 0);
  check_fault(program_privileged_swapgs(), 13, 1, 1, 0);
  check_fault(program_privileged_invlpg(), 13, 1, 1, 0);
  check_fault(program_privileged_vmrun(), 13, 1, 1, 0);
  check_fault(program_read_counter(), 13, 0, 0, 0);
}

TEST_CASE("IN and OUT give #GP, change nothing and ask nobody") {
  SmallMachine machine(program_privileged_in());
  const Exit exit = machine.run();
  CHECK(exit.reason == ExitReason::exception);
  CHECK(int{exit.vector} == 13);
  CHECK(exit.error_code == 0u);
  CHECK(machine.cpu->rip() == kCode + 5);
  CHECK(machine.reg(Registers::rax) == 0x12345678);
  CHECK(machine.environment.port_calls == 0);
  check_fault(program_privileged_out(), 13, 1, 1, 0);
}

TEST_CASE("instructions that would read the host are undefined") {
  check_fault(program_random_numbers(), 6, 0, 0, std::nullopt);
  check_fault(program_random_seed(), 6, 0, 0, std::nullopt);
  check_fault(program_read_pid(), 6, 0, 0, std::nullopt);
  check_fault(program_read_fsbase(), 6, 0, 0, std::nullopt);
  check_fault(program_read_xcr(), 6, 0, 0, std::nullopt);
  check_fault(program_vector_avx(), 6, 0, 0, std::nullopt);
  check_fault(program_old_sysenter(), 6, 1, 1, std::nullopt);
  check_fault(program_vm_call(), 6, 0, 0, std::nullopt);
}

TEST_CASE("software interrupts come with RIP behind them") {
  const auto check = [](std::span<const uint8_t> program, uint8_t vector, uint64_t offset) {
    SmallMachine machine(program);
    const Exit exit = machine.run();
    INFO(exit.detail);
    CHECK(exit.reason == ExitReason::exception);
    CHECK(int{exit.vector} == int{vector});
    CHECK(exit.software);
    CHECK(machine.cpu->rip() == kCode + offset);
    CHECK(machine.clock.instructions == 2);
  };
  check(program_software_int(), 0x80, 3);
  check(program_software_int3(), 3, 2);
  check(program_software_icebp(), 1, 2);
}

TEST_CASE("segment loads use the hypervisor's descriptors, and nothing else") {
  check_fault(program_load_bad_segment(), 13, 5, 1, 0x1234);
  SmallMachine machine(program_load_good_segment());
  const Exit exit = machine.run();
  INFO(exit.detail << " vector " << int{exit.vector});
  REQUIRE(exit.reason == ExitReason::hypercall);
  const Registers registers = machine.cpu->registers();
  CHECK(registers.ds == 0xe02b);
  CHECK(registers.es == 0xe02b);
  CHECK(registers.fs == 0xe02b);
  CHECK(registers.gs == 0);
  CHECK(registers.ss == 0xe02b);
}

TEST_CASE("IRETQ to the same privilege works natively, to the kernel's selector it faults") {
  SmallMachine machine(program_iret_here());
  const Exit exit = machine.run();
  INFO(exit.detail << " vector " << int{exit.vector});
  CHECK(exit.reason == ExitReason::hypercall);
  SmallMachine kernel(program_iret_kernel());
  const Exit refused = kernel.run();
  CHECK(refused.reason == ExitReason::exception);
  CHECK(int{refused.vector} == 13);
  CHECK(refused.error_code == 0xe030u);
}

TEST_CASE("exceptions in a row stay what they are: none becomes a double fault") {
  SmallMachine machine(program_divide_by_zero());
  machine.load({0x0f, 0x0b}, kCode + 0x100);                          // ud2
  machine.load({0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}, kCode + 0x200);  // mov rax, [0]
  for (int round = 0; round < 300; ++round) {
    const int which = (round * 7 + round / 5) % 4;
    machine.cpu->set_rip(which == 2 ? kCode + 0x200 : which == 3 ? kCode + 0x100 : kCode);
    if (which == 1) machine.load(program_privileged_hlt());
    if (which == 0) machine.load(program_divide_by_zero());
    const Exit exit = machine.run();
    const int expected[] = {0, 13, 14, 6};
    REQUIRE(int{exit.vector} == expected[which]);
  }
}

TEST_CASE("CR0.TS makes the FPU raise #NM until it is cleared; its state survives exits") {
  SmallMachine machine(program_fpu_use());
  machine.cpu->set_task_switched(true);
  const Exit exit = machine.run();
  CHECK(exit.reason == ExitReason::exception);
  CHECK(int{exit.vector} == 7);
  CHECK(machine.cpu->rip() == kCode);
  CHECK(machine.clock.instructions == 0);
  machine.cpu->set_task_switched(false);
  machine.memory->store<uint64_t>(machine.physical(kData), 21);
  REQUIRE(machine.run().reason == ExitReason::hypercall);
  machine.cpu->set_task_switched(true);
  CHECK(int{machine.run().vector} == 7);
  machine.cpu->set_task_switched(false);
  REQUIRE(machine.run().reason == ExitReason::hypercall);
  CHECK(machine.value_at<double>(kData + 16) == Approx(4.14159265358979));
  CHECK(machine.value_at<uint64_t>(kData + 32) == 42);
}

TEST_CASE("the trap flag gives #DB behind each instruction") {
  SmallMachine machine(program_single_step());
  REQUIRE(int{machine.run().vector} == 1);
  const uint64_t first = machine.cpu->rip();
  CHECK(first == kCode + program_single_step().size() - 1);
  CHECK(machine.clock.instructions == 4);
  REQUIRE(int{machine.run().vector} == 1);
  CHECK(machine.cpu->rip() == first + 1);
  CHECK(machine.clock.instructions == 5);
}

TEST_CASE("PAUSE is an instruction like another") {
  SmallMachine machine(program_pauses());
  const Exit exit = machine.run();
  INFO(exit.detail);
  CHECK(exit.reason == ExitReason::hypercall);
  CHECK(machine.clock.instructions == 1 + 20 + 1);
}

TEST_CASE("CPUID is answered by the environment") {
  SmallMachine machine(program_identify());
  machine.run();
  CHECK(machine.environment.cpuid_calls == 1);
  CHECK(machine.reg(Registers::rax) == 6);
  CHECK(machine.reg(Registers::rbx) == 9);
  CHECK(machine.reg(Registers::rdx) == 0x44);
  CHECK(machine.clock.instructions == 4);
}

TEST_CASE("non-canonical addresses give #GP, on the stack #SS") {
  check_fault(program_read_noncanonical(), 13, 10, 1, 0);
  check_fault(program_read_across_hole(), 13, 10, 1, 0);
  check_fault(program_push_noncanonical(), 12, 10, 1, 0);
  SmallMachine machine(program_jump_noncanonical());
  const Exit exit = machine.run();
  CHECK(exit.reason == ExitReason::exception);
  CHECK(int{exit.vector} == 13);
  CHECK(machine.cpu->rip() == 0x800000000000);
  CHECK(machine.clock.instructions == 2);
}

TEST_CASE("a wild jump is a page fault of a fetch") {
  SmallMachine machine(program_jump_unmapped());
  const Exit exit = machine.run();
  CHECK(int{exit.vector} == 14);
  CHECK(exit.error_code == (page_fault_code::user | page_fault_code::fetch));
  CHECK(exit.fault_address.value == 0x12345678);
  CHECK(machine.cpu->rip() == 0x12345678);
  CHECK(machine.clock.instructions == 2);
}

TEST_CASE("deadlines, requests and charges") {
  SmallMachine machine;
  machine.load({0xeb, 0xfe});  // jmp $
  CHECK(machine.run().reason == ExitReason::deadline);
  CHECK(machine.clock.now >= milliseconds(100));
  CHECK(machine.clock.now < milliseconds(100) + nanoseconds(10));
  machine.cpu->request_stop();
  CHECK(machine.run().reason == ExitReason::stop_requested);
  const Tick before = machine.clock.now;
  machine.cpu->charge(nanoseconds(7));
  CHECK(machine.clock.now - before == nanoseconds(7));
  // A deadline that has passed: nothing runs.
  const uint64_t instructions = machine.clock.instructions;
  CHECK(machine.cpu->run(before).reason == ExitReason::deadline);
  CHECK(machine.clock.instructions == instructions);
  CHECK(machine.cpu->exit_cost(ExitReason::hypercall) > Tick{});
}

TEST_CASE("privileged flags cannot be set from outside") {
  SmallMachine machine(program_privileged_cli());
  Registers registers = machine.cpu->registers();
  registers.rflags |= 0x3000 | 0x20000 | 0x4000;  // IOPL 3, VM, NT
  machine.cpu->set_registers(registers);
  CHECK(int{machine.run().vector} == 13);
}

TEST_CASE("registers are read back as they were set") {
  SmallMachine machine;
  Registers registers;
  for (size_t i = 0; i < 16; ++i) registers.general[i] = 0x1111'2222'3333'0000 + i;
  registers.rip = 0xffff'ffff'8100'0000;
  registers.rflags = 0x246;
  registers.cs = 0xe030;
  registers.ss = 0xe02b;
  registers.ds = 0x2b;
  registers.fs_base = 0x7fff'1234'5678;
  registers.gs_base = 0xffff'8880'0000'1000;
  machine.cpu->set_registers(registers);
  CHECK(machine.cpu->registers() == registers);
}

}  // namespace ringside::test
