// Long mode: delivery of exceptions, interrupts and system calls, their frames and error codes, privilege,
// shadows, NMI, double fault and shutdown, by the AMD64 manual's chapter 8.
#include "tests/unit/cpu/native_machine.h"

namespace ringside::test {

TEST_CASE("an exception at CPL 0 pushes SS, RSP, RFLAGS, CS, RIP, on an aligned stack") {
  NativeMachine machine;
  machine.load(kKernel, {0x31, 0xc9, 0xf7, 0xf1});  // xor ecx, ecx; div ecx
  machine.cpu->set_general(Registers::rsp, kKernelStack - 5);
  REQUIRE(machine.run_to_handler() == 0u);
  CHECK(machine.reg(Registers::rsp) == ((kKernelStack - 5) & ~15ull) - 40);
  CHECK(machine.stacked(0) == kKernel + 2);
  CHECK(machine.stacked(1) == kCode64);
  CHECK((machine.stacked(2) & 0x1'0000) != 0);  // RF
  CHECK(machine.stacked(3) == kKernelStack - 5);
  CHECK(machine.stacked(4) == kData);
  CHECK((machine.cpu->registers().rflags & 0x1'0300) == 0);
}

TEST_CASE("exceptions of the four classes with their error codes, from CPL 3 on the stack of the TSS") {
  struct Form {
    std::vector<int> code;
    unsigned vector;
    std::optional<uint32_t> error;
    uint64_t cr2;
    unsigned behind;  // RIP that is pushed, from the start
  };
  const std::vector<Form> forms = {
      {{0x0f, 0x0b}, 6, std::nullopt, 0, 0},                                // ud2
      {{0xf4}, 13, 0, 0, 0},                                                // hlt
      {{0xfa}, 13, 0, 0, 0},                                                // cli at IOPL 0
      {{0xcc}, 3, std::nullopt, 0, 1},                                      // int3
      {{0xcd, 0x80}, 0x80, std::nullopt, 0, 2},                             // int 80h, DPL 3
      {{0xcd, 0x81}, 13, 0x81 * 8 + 2, 0, 0},                               // int 81h, DPL 0
      {{0xa0, 0, 0, 1, 0, 0, 0, 0, 0}, 14, 5, 0x1'0000, 0},                 // a supervisor's page
      {{0xa2, 0, 0, 1, 0, 0, 0, 0, 0}, 14, 7, 0x1'0000, 0},                 // a store to it
      {{0x8b, 0x04, 0x25, 0x10, 0, 0x50, 0}, 14, 4, 0x50'0010, 0},          // nothing there
      {{0x66, 0xb8, 0x99, 0x77, 0x8e, 0xd8}, 13, 0x7798, 0, 4},             // mov ds, beyond the limit
      {{0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x8b, 0x00}, 13, 0, 0, 10},  // not canonical
      {{0x48, 0xbc, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x50}, 12, 0, 0, 10},        // the same by the stack
      {{0xf1}, 1, std::nullopt, 0, 1},                                      // icebp
      {{0x0f, 0x20, 0xc0}, 13, 0, 0, 0},                                    // mov rax, cr0
      {{0x0f, 0x32}, 13, 0, 0, 0},                                          // rdmsr
      {{0x0f, 0x01, 0xd8}, 6, std::nullopt, 0, 0},                          // vmrun: there is no SVM
  };
  NativeMachine machine;
  machine.set_gate64(0x81, kHandlers + 0x81 * 16, 0, 0);
  for (const Form& form : forms) {
    INFO("first byte " << std::hex << form.code[0] << " " << form.code.back());
    std::vector<uint8_t> bytes(form.code.begin(), form.code.end());
    machine.load(kUser, bytes);
    machine.enter_user(kUser, kUserCode64);
    REQUIRE(machine.run_to_handler() == form.vector);
    const unsigned first = form.error ? 1 : 0;
    CHECK(machine.reg(Registers::rsp) == kStack0 - 40 - 8 * first);
    if (form.error) CHECK(machine.stacked(0) == *form.error);
    CHECK(machine.stacked(first) == kUser + form.behind);
    CHECK(machine.stacked(first + 1) == kUserCode64);
    CHECK(machine.stacked(first + 4) == kUserData);
    if (form.vector == 14) CHECK(machine.cpu->system_registers().cr2 == form.cr2);
    CHECK(machine.cpu->system_registers().privilege == 0);
    CHECK(machine.cpu->registers().ss == 0);
  }
}

TEST_CASE("an interrupt stack takes precedence, also without a change of privilege") {
  NativeMachine machine;
  machine.set_gate64(6, kHandlers + 6 * 16, 1);
  machine.load(kKernel, {0x0f, 0x0b});
  REQUIRE(machine.run_to_handler() == 6u);
  CHECK(machine.reg(Registers::rsp) == kStackIst - 40);
  CHECK(machine.cpu->registers().ss == kData);  // null only when the privilege changes
}

TEST_CASE("a trap gate leaves IF, an interrupt gate clears it") {
  for (unsigned type : {14u, 15u}) {
    NativeMachine machine;
    machine.set_gate64(0x30, kHandlers + 0x30 * 16, 0, 0, type);
    machine.load(kKernel, {0xfb, 0xcd, 0x30});
    REQUIRE(machine.run_to_handler() == 0x30u);
    CHECK((machine.cpu->registers().rflags & 0x200) == (type == 15 ? 0x200u : 0u));
  }
}

TEST_CASE("HLT halts, an interrupt wakes it, and the handler returns behind it") {
  NativeMachine machine;
  machine.load(kKernel, {0xfb, 0xf4, 0x90, 0xf4});
  machine.load(kHandlers + 0x20 * 16, {0x48, 0xff, 0xc3, 0x48, 0xcf});  // inc rbx; iretq
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->rip() == kKernel + 2);
  CHECK(machine.cpu->halted());
  REQUIRE(machine.run().reason == ExitReason::halt);
  machine.cpu->set_interrupt_line(true);
  CHECK_FALSE(machine.cpu->halted());
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->rip() == kKernel + 4);
  CHECK(machine.reg(Registers::rbx) == 1);
  CHECK(machine.clock.instructions == 2 + 2 + 2);
}

TEST_CASE("the line is raised by an OUT: the interrupt comes at the next boundary, and behind STI's shadow") {
  NativeMachine machine;
  // sti; nop; mov dx, f0h; out dx, al; inc ebx; jmp +0; inc ebx; hlt
  machine.load(kKernel, {0xfb, 0x90, 0x66, 0xba, 0xf0, 0, 0xee, 0xff, 0xc3, 0xeb, 0x00, 0xff, 0xc3, 0xf4});
  REQUIRE(machine.run_to_handler() == 0x20u);
  CHECK(machine.stacked(0) == kKernel + 11);
  CHECK(machine.reg(Registers::rbx) == 1);

  NativeMachine shadowed;
  // out dx, al; jmp +0; sti; inc ebx; inc ebx; hlt
  shadowed.load(kKernel, {0xee, 0xeb, 0x00, 0xfb, 0xff, 0xc3, 0xff, 0xc3, 0xf4});
  shadowed.cpu->set_general(Registers::rdx, 0xf0);
  REQUIRE(shadowed.run_to_handler() == 0x20u);
  CHECK(shadowed.stacked(0) == kKernel + 6);
  CHECK(shadowed.reg(Registers::rbx) == 1);
}

TEST_CASE("MOV SS shadows the next instruction; POPF opens the gate at once") {
  NativeMachine machine;
  // out dx, al; jmp +0; pushf; or dword [rsp], 200h; popf; inc ebx; hlt
  machine.load(kKernel, {0xee, 0xeb, 0x00, 0x9c, 0x81, 0x0c, 0x24, 0, 2, 0, 0, 0x9d, 0xff, 0xc3, 0xf4});
  machine.cpu->set_general(Registers::rdx, 0xf0);
  REQUIRE(machine.run_to_handler() == 0x20u);
  CHECK(machine.stacked(0) == kKernel + 12);

  NativeMachine moved;
  // sti; nop; out dx, al; mov ss, eax; inc ebx; inc ebx; hlt
  moved.load(kKernel, {0xfb, 0x90, 0xee, 0x8e, 0xd0, 0xff, 0xc3, 0xff, 0xc3, 0xf4});
  moved.cpu->set_general(Registers::rdx, 0xf0);
  moved.cpu->set_general(Registers::rax, kData);
  REQUIRE(moved.run_to_handler() == 0x20u);
  CHECK(moved.stacked(0) == kKernel + 7);
  CHECK(moved.reg(Registers::rbx) == 1);
}

TEST_CASE("a request that is gone at the acknowledge changes nothing") {
  NativeMachine machine;
  machine.environment.vector.reset();
  machine.load(kKernel, {0xfb, 0x90, 0xee, 0xeb, 0x00, 0xff, 0xc3, 0xf4});
  machine.cpu->set_general(Registers::rdx, 0xf0);
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->rip() == kKernel + 8);
  CHECK(machine.environment.acknowledged == 1);
}

TEST_CASE("an NMI needs no IF, and a second one waits for IRET") {
  NativeMachine machine;
  machine.load(kKernel, {0xee, 0xeb, 0x00, 0xff, 0xc3, 0xf4});
  machine.cpu->set_general(Registers::rdx, 0xf2);
  // The handler: inc ecx; out dx, al for the first time only; jmp; iretq.
  machine.load(kHandlers + 2 * 16, {0xff, 0xc1, 0x83, 0xf9, 0x01, 0x75, 0x01, 0xee, 0xeb, 0x00, 0x48, 0xcf});
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.reg(Registers::rcx) == 2);
  CHECK(machine.reg(Registers::rbx) == 1);
  CHECK(machine.cpu->rip() == kKernel + 6);
}

TEST_CASE("the trap flag gives #DB behind each instruction, with DR6.BS") {
  NativeMachine machine;
  machine.load(kKernel, {0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0xff, 0xc3, 0xff, 0xc3, 0xf4});
  REQUIRE(machine.run_to_handler() == 1u);
  CHECK(machine.stacked(0) == kKernel + 11);
  CHECK(machine.reg(Registers::rbx) == 1);
  CHECK((machine.cpu->system_registers().debug[6] & 0x4000) != 0);
}

TEST_CASE("SYSCALL and SYSRET, with the flags masked") {
  NativeMachine machine;
  const auto set_msr = [&](uint32_t index, uint64_t value) {
    machine.load(kKernel, {0x0f, 0x30, 0xf4});
    machine.cpu->set_rip(kKernel);
    machine.cpu->set_general(Registers::rcx, index);
    machine.cpu->set_general(Registers::rax, value & 0xffff'ffff);
    machine.cpu->set_general(Registers::rdx, value >> 32);
    REQUIRE(machine.run().reason == ExitReason::halt);
    REQUIRE(machine.cpu->rip() == kKernel + 3);
  };
  set_msr(0xc000'0081, uint64_t{kUserCode32} << 48 | uint64_t{kCode64} << 32);
  set_msr(0xc000'0082, kKernel + 0x100);
  set_msr(0xc000'0083, kKernel + 0x200);
  set_msr(0xc000'0084, 0x200);
  machine.load(kKernel + 0x100, {0x48, 0x0f, 0x07});  // sysretq
  machine.load(kKernel + 0x200, {0xf4});
  machine.load(kUser, {0x0f, 0x05, 0xff, 0xc3, 0xcc});  // syscall; inc ebx; int3
  machine.enter_user(kUser, kUserCode64);
  REQUIRE(machine.run_to_handler() == 3u);
  CHECK(machine.reg(Registers::rcx) == kUser + 2);
  CHECK((machine.reg(Registers::r11) & 0x200) != 0);
  CHECK(machine.reg(Registers::rbx) == 1);
  CHECK(machine.stacked(1) == kUserCode64);
  CHECK((machine.stacked(2) & 0x200) != 0);
  CHECK(machine.stacked(4) == kUserData);

  // From compatibility mode it goes to CSTAR.
  machine.enter_user(kUser, kUserCode32);
  const Exit exit = machine.run();
  REQUIRE(exit.reason == ExitReason::halt);
  CHECK(machine.cpu->rip() == kKernel + 0x201);
  CHECK(machine.reg(Registers::rcx) == kUser + 2);
  CHECK((machine.cpu->registers().rflags & 0x200) == 0);
  CHECK(machine.cpu->registers().cs == kCode64);
}

TEST_CASE("compatibility code at CPL 3: INT 80h, faults, and the way back") {
  NativeMachine machine;
  // inc ebx would be a REX prefix in 64-bit code: inc ebx; int 80h; inc ebx; mov eax, [500010h]
  machine.load(kUser, {0x43, 0xcd, 0x80, 0x43, 0xa1, 0x10, 0, 0x50, 0});
  machine.load(kHandlers + 0x80 * 16, {0x48, 0xcf});
  machine.enter_user(kUser, kUserCode32);
  REQUIRE(machine.run_to_handler() == 14u);
  CHECK(machine.reg(Registers::rbx) == 2);
  CHECK(machine.stacked(0) == 4);
  CHECK(machine.stacked(1) == kUser + 4);
  CHECK(machine.stacked(2) == kUserCode32);
  CHECK(machine.cpu->system_registers().cr2 == 0x50'0010);
}

TEST_CASE("SWAPGS exchanges the base with KERNEL_GS_BASE") {
  NativeMachine machine;
  machine.load(kKernel, {0xb9, 0x02, 0x01, 0x00, 0xc0, 0xb8, 0x21, 0x43, 0x65, 0x07, 0x31, 0xd2, 0x0f, 0x30,
                         0x0f, 0x01, 0xf8, 0xf4});
  machine.cpu->set_gs_base(0x1234);
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->registers().gs_base == 0x0765'4321);
  CHECK(machine.cpu->system_registers().kernel_gs_base == 0x1234);
}

// --- Tables that are wrong ---

TEST_CASE("bad gates give the fault of the architecture, with the vector in the error code") {
  struct Form {
    uint64_t low;
    unsigned vector;
    uint32_t error;
  };
  const uint64_t good = (kHandlers & 0xffff) | uint64_t{kCode64} << 16 | uint64_t{0xee} << 40 |
                        (kHandlers >> 16 & 0xffff) << 48;
  const auto with_type = [&](uint64_t type) { return (good & ~(0xffull << 40)) | type << 40; };
  const auto with_selector = [&](uint64_t selector) { return (good & ~(0xffffull << 16)) | selector << 16; };
  const std::vector<Form> forms = {
      {with_type(0x6e), 11, 0x40 * 8 + 2},    // not present
      {with_type(0xe5), 13, 0x40 * 8 + 2},    // a task gate, which long mode has not
      {with_type(0xec), 13, 0x40 * 8 + 2},    // a call gate
      {with_selector(0), 13, 0},              // a null selector
      {with_selector(0x7ff8), 13, 0x7ff8},    // beyond the table
      {with_selector(kData), 13, kData},      // data
      {with_selector(kCode32), 13, kCode32},  // 32-bit code
  };
  for (const Form& form : forms) {
    NativeMachine machine;
    machine.set<uint64_t>(kIdt + 0x40 * 16, form.low);
    machine.load(kKernel, {0x90, 0xcd, 0x40});
    INFO(std::hex << form.low);
    REQUIRE(machine.run_to_handler() == form.vector);
    CHECK(machine.stacked(0) == form.error);
    CHECK(machine.stacked(1) == kKernel + 1);
    CHECK(machine.clock.instructions == 1 + 1);  // NOP, and the handler's HLT
    CHECK_FALSE(machine.environment.notices.empty());
  }
}

TEST_CASE("a fault while a fault is delivered is a double fault, and one more shuts down") {
  NativeMachine machine;
  machine.set<uint64_t>(kIdt + 14 * 16, 0);  // no #PF handler
  machine.load(kKernel, {0x8b, 0x04, 0x25, 0, 0, 0x50, 0});
  REQUIRE(machine.run_to_handler() == 8u);
  CHECK(machine.stacked(0) == 0);
  CHECK(machine.stacked(1) == kKernel);

  NativeMachine dead;
  dead.set<uint64_t>(kIdt + 14 * 16, 0);
  dead.set<uint64_t>(kIdt + 8 * 16, 0);
  dead.load(kKernel, {0x8b, 0x04, 0x25, 0, 0, 0x50, 0});
  const Exit exit = dead.run();
  REQUIRE(exit.reason == ExitReason::shutdown);
  CHECK(exit.detail.find("#PF") != std::string::npos);
  CHECK(exit.detail.find("#DF") != std::string::npos);
  CHECK(dead.run().reason == ExitReason::shutdown);
}

TEST_CASE("wild descriptor tables, task segments and stacks never hurt the host") {
  NativeMachine machine;
  for (uint64_t base : {0x50'0000ull, 0xffff'ffff'ffff'f000ull, 0x8000'0000'0000'0000ull, 0x7f'fff0ull}) {
    NativeMachine wild;
    wild.set<uint64_t>(kScratch + 2, base);
    wild.load(kKernel, {0x0f, 0x01, 0x18, 0x0f, 0x0b});  // lidt [rax]; ud2
    wild.cpu->set_general(Registers::rax, kScratch);
    CHECK(wild.run().reason == ExitReason::shutdown);
  }
  // CS keeps its mode when its table is wiped out: the code is still 64-bit code for who looks at it.
  NativeMachine wiped;
  wiped.set<uint16_t>(kScratch, 0xff);
  wiped.set<uint64_t>(kScratch + 2, 0x7'0000);                            // zeros
  wiped.load(kKernel, {0x0f, 0x01, 0x10, 0x8e, 0xd9, 0x48, 0xff, 0xc0});  // lgdt [rax]; mov ds, ecx; inc rax
  wiped.cpu->set_general(Registers::rax, kScratch);
  wiped.cpu->set_general(Registers::rcx, kData);
  CHECK(wiped.run().reason == ExitReason::shutdown);
  CHECK(wiped.cpu->rip() == kKernel + 3);
  CHECK(wiped.cpu->disassemble({kKernel + 3}, 2).find("inc rax") != std::string::npos);
  for (uint64_t stack : {0x50'0000ull, 0x8000'0000'0000'0000ull, 0ull}) {
    NativeMachine wild;
    wild.load(kKernel, {0x0f, 0x0b});
    wild.cpu->set_general(Registers::rsp, stack);
    CHECK(wild.run().reason == ExitReason::shutdown);
  }
}

}  // namespace ringside::test
