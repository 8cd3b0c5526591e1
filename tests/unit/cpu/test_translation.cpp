// Page faults, exact addresses, the translations that the guest's processor holds, and what the host may do
// to the emulator's own TLB without anybody noticing.
#include <unistd.h>
#include <catch2/catch.hpp>

#include "sim/random.h"
#include "tests/unit/cpu/small_machine.h"

namespace ringside::test {
GUEST_PROGRAM(mixture)
GUEST_PROGRAM(copy_bytes)
GUEST_PROGRAM(copy_nothing)
GUEST_PROGRAM(modify_other_page)
GUEST_PROGRAM(small_routine)

namespace {

constexpr uint32_t kP = page_fault_code::present, kW = page_fault_code::write, kU = page_fault_code::user,
                   kRsvd = page_fault_code::reserved, kI = page_fault_code::fetch;
constexpr uint64_t kHole = 0x70'0000;  // not mapped
constexpr uint64_t kReadOnly = 0x71'0000;

}  // namespace

TEST_CASE("the address of a page fault is exact for all widths, kinds and crossings") {
  struct Form {
    const char* name;
    std::vector<int> bytes;
    unsigned size;
    bool write;
  };
  const std::vector<Form> forms = {
      {"mov al, [rbx]", {0x8a, 0x03}, 1, false},
      {"mov ax, [rbx]", {0x66, 0x8b, 0x03}, 2, false},
      {"mov eax, [rbx]", {0x8b, 0x03}, 4, false},
      {"mov rax, [rbx]", {0x48, 0x8b, 0x03}, 8, false},
      {"mov [rbx], rax", {0x48, 0x89, 0x03}, 8, true},
      {"mov [rbx], al", {0x88, 0x03}, 1, true},
      {"movdqu xmm0, [rbx]", {0xf3, 0x0f, 0x6f, 0x03}, 16, false},
      {"movdqu [rbx], xmm0", {0xf3, 0x0f, 0x7f, 0x03}, 16, true},
      {"add [rbx], rax", {0x48, 0x01, 0x03}, 8, true},
      {"add rax, [rbx]", {0x48, 0x03, 0x03}, 8, false},
      {"inc dword [rbx]", {0xff, 0x03}, 4, true},
      {"not qword [rbx]", {0x48, 0xf7, 0x13}, 8, true},
      {"shl dword [rbx], 1", {0xd1, 0x23}, 4, true},
      {"xchg [rbx], rax", {0x48, 0x87, 0x03}, 8, true},
      {"lock cmpxchg [rbx], rcx", {0xf0, 0x48, 0x0f, 0xb1, 0x0b}, 8, true},
      {"lock xadd [rbx], eax", {0xf0, 0x0f, 0xc1, 0x03}, 4, true},
      {"and dword [rbx], 1", {0x83, 0x23, 0x01}, 4, true},
      {"cmp dword [rbx], 1", {0x83, 0x3b, 0x01}, 4, false},
      {"test [rbx], rax", {0x48, 0x85, 0x03}, 8, false},
      {"push qword [rbx]", {0xff, 0x33}, 8, false},
      {"pop qword [rbx]", {0x8f, 0x03}, 8, true},
      {"call qword [rbx]", {0xff, 0x13}, 8, false},
      {"movzx eax, word [rbx]", {0x0f, 0xb7, 0x03}, 2, false},
      {"setc [rbx]", {0x0f, 0x92, 0x03}, 1, true},
      {"fld qword [rbx]", {0xdd, 0x03}, 8, false},
      {"fstp qword [rbx]", {0xdd, 0x1b}, 8, true},
      {"imul eax, [rbx]", {0x0f, 0xaf, 0x03}, 4, false},
      {"cmovne rax, [rbx]", {0x48, 0x0f, 0x45, 0x03}, 8, false},
      {"movss [rbx], xmm0", {0xf3, 0x0f, 0x11, 0x03}, 4, true},
      {"stmxcsr [rbx]", {0x0f, 0xae, 0x1b}, 4, true},
      {"mov dword [rbx], 1", {0xc7, 0x03, 1, 0, 0, 0}, 4, true},
      {"bts dword [rbx], 3", {0x0f, 0xba, 0x2b, 0x03}, 4, true},
  };
  SmallMachine machine;
  machine.map(kHole - kPageSize, 1, 0x150, page_entry::writable);
  machine.map(kReadOnly, 1, 0x160, 0);
  machine.map(kReadOnly - kPageSize, 1, 0x161, page_entry::writable);
  for (const Form& form : forms) {
    std::vector<uint8_t> code(form.bytes.begin(), form.bytes.end());
    machine.load(code);
    for (int64_t offset : {-15, -9, -8, -7, -4, -3, -1, 0, 1, 5, 0x7f3, 0xff0}) {
      const uint64_t address = kHole + static_cast<uint64_t>(offset);
      if (offset < 0 && -offset >= static_cast<int64_t>(form.size)) continue;
      INFO(form.name << " at offset " << offset);
      machine.cpu->set_rip(kCode);
      machine.cpu->set_general(Registers::rbx, address);
      const uint64_t before = machine.clock.instructions;
      const Exit exit = machine.run();
      REQUIRE(exit.reason == ExitReason::exception);
      REQUIRE(int{exit.vector} == 14);
      CHECK(machine.cpu->rip() == kCode);
      CHECK(exit.fault_address.value == std::max(address, kHole));
      CHECK(exit.error_code == (kU | (form.write ? kW : 0)));
      CHECK(machine.clock.instructions == before);
      if (!form.write) continue;
      machine.cpu->set_general(Registers::rbx, address - kHole + kReadOnly);
      const Exit refused = machine.run();
      REQUIRE(int{refused.vector} == 14);
      CHECK(refused.fault_address.value == std::max(address, kHole) - kHole + kReadOnly);
      CHECK(refused.error_code == (kU | kW | kP));
    }
  }
}

TEST_CASE("page faults of the stack, of string instructions and through segments") {
  struct Form {
    std::vector<int> bytes;
    uint64_t address;
    uint32_t code;
  };
  const std::vector<Form> forms = {
      {{0x50}, kHole + 0x7f8, kU | kW},                              // push rax
      {{0x58}, kHole + 0x800, kU},                                   // pop rax
      {{0xc3}, kHole + 0x800, kU},                                   // ret
      {{0xe8, 0, 0, 0, 0}, kHole + 0x7f8, kU | kW},                  // call
      {{0x9c}, kHole + 0x7f8, kU | kW},                              // pushfq
      {{0xa4}, kHole + 0x20, kU},                                    // movsb: the source first
      {{0xaa}, kHole + 0x10, kU | kW},                               // stosb
      {{0xf3, 0x48, 0xab}, kHole + 0x10, kU | kW},                   // rep stosq
      {{0xac}, kHole + 0x20, kU},                                    // lodsb
      {{0xae}, kHole + 0x10, kU},                                    // scasb
      {{0xa6}, kHole + 0x10, kU},                                    // cmpsb: the emulator reads [rdi] first
      {{0x64, 0x8b, 0x04, 0x25, 0x30, 0, 0, 0}, kHole + 0x130, kU},  // mov eax, fs:[0x30]
      {{0x65, 0x89, 0x04, 0x25, 0x30, 0, 0, 0}, kHole + 0x230, kU | kW},  // mov gs:[0x30], eax
      {{0x8b, 0x44, 0x8b, 0x10}, kHole + 0x10 + 4 * 5 + 0x40, kU},        // mov eax, [rbx + rcx * 4 + 16]
      {{0xc9}, kHole + 0x600, kU},                                        // leave
      {{0xd7}, kHole + 0x40 + 7, kU},                                     // xlat
      {{0x0f, 0xab, 0x13}, kHole + 0x40 + 4 * 31, kU | kW},               // bts [rbx], edx (bit 1000)
      {{0x0f, 0xae, 0x03}, kHole + 0x40, kU | kW},                        // fxsave [rbx]
  };
  SmallMachine machine;
  for (const Form& form : forms) {
    std::vector<uint8_t> code(form.bytes.begin(), form.bytes.end());
    machine.load(code);
    Registers registers = machine.cpu->registers();
    registers.rip = kCode;
    registers.general[Registers::rsp] = kHole + 0x800;
    registers.general[Registers::rbp] = kHole + 0x600;
    registers.general[Registers::rdi] = kHole + 0x10;
    registers.general[Registers::rsi] = kHole + 0x20;
    registers.general[Registers::rbx] = kHole + 0x40;
    registers.general[Registers::rcx] = 5;
    registers.general[Registers::rdx] = 1000;
    registers.general[Registers::rax] = 7;
    registers.fs_base = kHole + 0x100;
    registers.gs_base = kHole + 0x200;
    machine.cpu->set_registers(registers);
    const Exit exit = machine.run();
    INFO("first byte " << std::hex << form.bytes[0] << " " << form.bytes.back());
    REQUIRE(int{exit.vector} == 14);
    CHECK(exit.fault_address.value == form.address);
    CHECK(exit.error_code == form.code);
    CHECK(machine.cpu->rip() == kCode);
  }
}

TEST_CASE("error codes tell protection, reserved bits and fetches") {
  SmallMachine machine;
  const uint64_t address = 0x72'0000;
  const auto read = [&] {
    machine.load({0x8b, 0x03});  // mov eax, [rbx]
    machine.cpu->flush_translations();
    machine.cpu->set_rip(kCode);
    machine.cpu->set_general(Registers::rbx, address);
    return machine.run().error_code.value_or(0xffff);
  };
  const auto execute = [&] {
    machine.cpu->flush_translations();
    machine.cpu->set_rip(address);
    return machine.run().error_code.value_or(0xffff);
  };
  machine.set_entry(address, 0);
  CHECK(read() == kU);
  CHECK(execute() == (kU | kI));
  machine.set_entry(address, (kBase + 0x150000) | page_entry::present);  // a supervisor's page
  CHECK(read() == (kU | kP));
  machine.set_entry(address, 0x9'0000'0000 | page_entry::present | page_entry::user);  // no memory there
  CHECK(read() == (kU | kP | kRsvd));
  CHECK(execute() == (kU | kP | kRsvd | kI));
  machine.set_entry(address,
                    (kBase + 0x150000) | page_entry::present | page_entry::user | page_entry::no_execute);
  CHECK(execute() == (kU | kP | kI));
}

TEST_CASE("an address space outside of memory is a fault, not a way to the host") {
  SmallMachine machine;
  machine.load({0x0f, 0x05});
  machine.cpu->set_page_table_root({0x7'0000'0000});
  const Exit exit = machine.run();
  CHECK(int{exit.vector} == 14);
  CHECK(exit.error_code == (kU | kP | kRsvd | kI));
  // Nor are the emulator's own pages, or the range that stands for machine addresses.
  machine.cpu->set_page_table_root(machine.root);
  machine.load({0x48, 0x8b, 0x03});
  for (const uint64_t address : {uint64_t{0xffff'8000'0000'0000}, uint64_t{0x4000'0001'0000'0000}}) {
    machine.cpu->set_rip(kCode);
    machine.cpu->set_general(Registers::rbx, address);
    CHECK(machine.run().reason == ExitReason::exception);
  }
}

TEST_CASE("a translation is held until it is flushed, whatever the emulator forgets") {
  SmallMachine machine;
  machine.load({0x8b, 0x03, 0x0f, 0x05, 0xeb, 0xfa});  // 1: mov eax, [rbx]; syscall; jmp 1b
  machine.memory->store<uint32_t>({kBase + 0x150000}, 1);
  machine.memory->store<uint32_t>({kBase + 0x151000}, 2);
  machine.map(kHole, 1, 0x150, 0);
  machine.cpu->set_general(Registers::rbx, kHole);
  const auto value = [&] {
    REQUIRE(machine.run().reason == ExitReason::hypercall);
    return machine.reg(Registers::rax);
  };
  CHECK(value() == 1);
  machine.map(kHole, 1, 0x151, 0);
  CHECK(value() == 1);
  machine.cpu->flush_emulator_tlb();
  CHECK(value() == 1);
  CHECK(machine.cpu->translate({kHole}, Access::read)->value == kBase + 0x150000);
  machine.cpu->flush_translation({kHole});
  CHECK(value() == 2);
  machine.map(kHole, 1, 0x150, 0);
  machine.cpu->flush_translations();
  CHECK(value() == 1);
  machine.map(kHole, 1, 0x151, 0);
  machine.cpu->set_page_table_root(machine.root);
  CHECK(value() == 2);
}

TEST_CASE("accessed and dirty bits are set when a translation enters, and not again") {
  SmallMachine machine;
  machine.load(
      {0x8b, 0x03, 0x0f, 0x05, 0x89, 0x03, 0x0f, 0x05, 0xeb, 0xf6});  // load; syscall; store; syscall
  machine.map(kHole, 1, 0x150, page_entry::writable);
  machine.cpu->set_general(Registers::rbx, kHole);
  constexpr uint64_t kBoth = page_entry::accessed | page_entry::dirty;
  machine.run();
  CHECK((machine.get_entry(kHole) & kBoth) == page_entry::accessed);
  machine.run();
  CHECK((machine.get_entry(kHole) & kBoth) == kBoth);
  CHECK((machine.get_entry(kHole, 4) & page_entry::accessed) != 0);
  machine.map(kHole, 1, 0x150, page_entry::writable);  // clears both, no flush
  machine.cpu->flush_emulator_tlb();
  machine.run();
  machine.run();
  CHECK((machine.get_entry(kHole) & kBoth) == 0);
  machine.cpu->flush_translation({kHole});
  machine.run();
  CHECK((machine.get_entry(kHole) & kBoth) == page_entry::accessed);
}

TEST_CASE("large pages work, and one flush drops all of one") {
  SmallMachine machine;
  const uint64_t address = 0x4000'0000 + 0x20'0000;
  machine.set_entry(address, (kBase + 0x20'0000) | 7 | page_entry::large, 2);
  machine.load({0x8b, 0x03, 0x0f, 0x05, 0xeb, 0xfa});
  machine.memory->store<uint32_t>({kBase + 0x20'0000 + 0x5008}, 77);
  machine.cpu->set_general(Registers::rbx, address + 0x5008);
  REQUIRE(machine.run().reason == ExitReason::hypercall);
  CHECK(machine.reg(Registers::rax) == 77);
  machine.set_entry(address, 0, 2);
  machine.cpu->flush_translation({address + 0x7000});
  CHECK(int{machine.run().vector} == 14);
}

TEST_CASE("a copy that faults half way goes on, and counts each iteration once") {
  const auto count = [](std::span<const uint8_t> program, bool with_hole) {
    SmallMachine machine(program);
    const uint64_t target = kData + kPageSize - 100;
    machine.cpu->set_general(Registers::rdi, target);
    const uint64_t entry = machine.get_entry(kData + kPageSize);
    if (with_hole) {
      machine.set_entry(kData + kPageSize, 0);
      const Exit exit = machine.run();
      CHECK(int{exit.vector} == 14);
      CHECK(exit.fault_address.value == kData + kPageSize);
      CHECK(machine.reg(Registers::rcx) == 200);
      CHECK(machine.cpu->rip() == kCode + 5);
      CHECK(machine.clock.instructions == 1 + 100);
      machine.set_entry(kData + kPageSize, entry);
    }
    CHECK(machine.run().reason == ExitReason::hypercall);
    return std::pair(machine.clock.instructions, machine.clock.now);
  };
  // Each iteration counts, and the look at RCX that ends it.
  CHECK(count(program_copy_bytes(), false).first == 1 + 300 + 1 + 1);
  CHECK(count(program_copy_bytes(), true) == count(program_copy_bytes(), false));
  CHECK(count(program_copy_nothing(), false).first == 3);
}

TEST_CASE("reading and writing a guest's memory by the host") {
  SmallMachine machine;
  std::vector<uint8_t> bytes(6000, 0xab);
  REQUIRE(machine.cpu->write_virtual({kData + 100}, bytes.data(), bytes.size()));
  std::vector<uint8_t> back(6000);
  REQUIRE(machine.cpu->read_virtual({kData + 100}, back.data(), back.size()));
  CHECK(back == bytes);
  machine.map(kReadOnly, 1, 0x160, 0);
  const auto refused = machine.cpu->write_virtual({kReadOnly + 4}, bytes.data(), 4);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().address.value == kReadOnly + 4);
  CHECK(refused.error().error_code == (kU | kW | kP));
  // A range that ends in a hole is written up to it.
  machine.map(kHole - kPageSize, 1, 0x150, page_entry::writable);
  const auto cut = machine.cpu->write_virtual({kHole - 8}, bytes.data(), 16);
  REQUIRE_FALSE(cut);
  CHECK(cut.error().address.value == kHole);
  CHECK(machine.memory->load<uint64_t>({kBase + 0x150ff8}) == 0xabababababababab);
  CHECK_FALSE(machine.cpu->read_virtual({0x8000'0000'0000}, bytes.data(), 1));
  CHECK(machine.cpu->disassemble({kCode}, 1).find("add byte ptr [rax], al") != std::string::npos);
}

namespace {

// Runs in slices; between them, if `disturbed`, throws away the emulator's TLB or sleeps.
uint64_t run_in_slices(std::span<const uint8_t> program, bool disturbed, uint64_t slice_ns) {
  SmallMachine machine(program);
  machine.load(program_small_routine(), kCode + kPageSize);
  Random random(7);
  for (int slice = 0; slice < 100000; ++slice) {
    const Exit exit = machine.run(nanoseconds(slice_ns));
    if (exit.reason != ExitReason::deadline) {
      REQUIRE(exit.reason == ExitReason::hypercall);
      return machine.digest();
    }
    if (!disturbed) continue;
    if (random.one_in(3)) machine.cpu->flush_emulator_tlb();
    if (random.one_in(200)) usleep(static_cast<useconds_t>(random.below(2000)));
  }
  FAIL("the program did not end");
  return 0;
}

}  // namespace

TEST_CASE("refills, pauses of the host and slices cannot be seen") {
  for (auto program : {program_mixture(), program_modify_other_page()}) {
    const uint64_t whole = run_in_slices(program, false, 1'000'000'000);
    CHECK(run_in_slices(program, false, 1'000'000'000) == whole);
    CHECK(run_in_slices(program, true, 1000) == whole);
    CHECK(run_in_slices(program, true, 97) == whole);
  }
}

}  // namespace ringside::test
