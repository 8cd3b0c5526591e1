// Everything outside of long mode: reset vector, real mode, 16- and 32-bit protected mode, virtual-8086 mode,
// 32-bit and PAE paging, read-only memory and holes.
#include <array>

#include "tests/unit/cpu/native_machine.h"

namespace ringside::test {
namespace {

// A boot ROM of 64 KiB below 4 GiB, empty but for its reset vector.
struct Rom {
  std::array<uint8_t, 0x1'0000> bytes{};
  explicit Rom(std::initializer_list<int> code) {
    bytes.fill(0xf4);
    size_t at = 0xfff0;
    for (int byte : code) bytes[at++] = static_cast<uint8_t>(byte);
  }
  void put(size_t at, std::initializer_list<int> code) {
    for (int byte : code) bytes[at++] = static_cast<uint8_t>(byte);
  }
  NativeCpuConfig config() const {
    NativeCpuConfig config;
    config.roms.push_back({{0xffff'0000}, bytes});
    config.holes.push_back({{0xa'0000}, 0x2'0000});
    return config;
  }
};

}  // namespace

TEST_CASE("the reset vector is at 4 GiB - 16, and a far jump leaves it") {
  Rom rom({0xea, 0x00, 0x20, 0x00, 0x10});  // ljmp 1000:2000
  NativeMachine machine(EntryMode::reset_vector, rom.config());
  CHECK(machine.cpu->rip() == 0xfff0);
  CHECK(machine.cpu->registers().cs == 0xf000);
  CHECK(machine.reg(Registers::rdx) == 0x0010'0f43);
  CHECK(machine.cpu->system_registers().cr0 == 0x6000'0010);
  machine.load(0x1'2000, {0x40, 0xf4});  // inc ax; hlt
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->rip() == 0x2002);
  CHECK(machine.reg(Registers::rax) == 1);
  CHECK(machine.clock.instructions == 3);
}

TEST_CASE("real mode: INT n by the vector table, exceptions without error codes, IRET") {
  Rom rom({0xea, 0x00, 0x20, 0x00, 0x10});
  NativeMachine machine(EntryMode::reset_vector, rom.config());
  machine.set<uint16_t>(0x21 * 4, 0x0100);
  machine.set<uint16_t>(0x21 * 4 + 2, 0x2000);
  machine.set<uint16_t>(0, 0x0200);
  machine.set<uint16_t>(2, 0x2000);
  machine.load(0x2'0100, {0x43, 0xcf});  // inc bx; iret
  machine.load(0x2'0200, {0xf4});
  // mov sp, 7000h; sti; int 21h; inc bx; xor cx, cx; div cx
  machine.load(0x1'2000, {0xbc, 0x00, 0x70, 0xfb, 0xcd, 0x21, 0x43, 0x31, 0xc9, 0xf7, 0xf1});
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->registers().cs == 0x2000);
  CHECK(machine.cpu->rip() == 0x0201);
  CHECK(machine.reg(Registers::rbx) == 2);
  CHECK(machine.reg(Registers::rsp) == 0x6ffa);
  CHECK(machine.value_at<uint16_t>(0x6ffa) == 0x2009);
  CHECK(machine.value_at<uint16_t>(0x6ffc) == 0x1000);
  CHECK((machine.value_at<uint16_t>(0x6ffe) & 0x200) != 0);
  CHECK((machine.cpu->registers().rflags & 0x200) == 0);
}

TEST_CASE("a hardware interrupt in real mode, and a wrap of the stack") {
  Rom rom({0xea, 0x00, 0x20, 0x00, 0x10});
  NativeMachine machine(EntryMode::reset_vector, rom.config());
  machine.set<uint16_t>(0x20 * 4, 0x0100);
  machine.set<uint16_t>(0x20 * 4 + 2, 0x2000);
  machine.load(0x2'0100, {0xf4});
  machine.load(0x1'2000, {0xbc, 0x02, 0x00, 0xfb, 0x90, 0xba, 0xf0, 0x00, 0xee, 0xeb, 0x00, 0x90, 0xf4});
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->registers().cs == 0x2000);
  CHECK(machine.reg(Registers::rsp) == 0xfffc);
  CHECK(machine.value_at<uint16_t>(0x0'fffc) == 0x200b);
}

TEST_CASE("read-only memory is executed, read, and not written; a hole reaches the environment") {
  Rom rom({0xe9, 0x0d, 0xf0});  // jmp to f000h of the ROM
  // mov ax, a000h; mov ds, ax; mov [10h], al; mov bl, [11h]; then through CS into the ROM.
  rom.put(0xf000, {0xb8, 0x00, 0xa0, 0x8e, 0xd8, 0xa2, 0x10, 0x00, 0x8a, 0x1e, 0x11, 0x00, 0x2e,
                   0xc7, 0x06, 0x00, 0x80, 0x34, 0x12, 0x2e, 0x8b, 0x0e, 0x00, 0x80, 0xf4});
  NativeMachine machine(EntryMode::reset_vector, rom.config());
  REQUIRE(machine.run().reason == ExitReason::halt);
  REQUIRE(machine.environment.memory.size() == 2);
  CHECK(machine.environment.memory[0].address == 0xa'0010);
  CHECK(machine.environment.memory[0].write);
  CHECK(machine.environment.memory[0].size == 1);
  CHECK(machine.environment.memory[1].address == 0xa'0011);
  CHECK((machine.reg(Registers::rbx) & 0xff) == 0x88);
  CHECK(machine.reg(Registers::rcx) == 0xf4f4);
}

TEST_CASE("from real mode to 32-bit protected mode and back, with CS as it was until the far jump") {
  Rom rom({0xea, 0x00, 0x20, 0x00, 0x00});
  NativeMachine machine(EntryMode::reset_vector, rom.config());
  machine.set<uint16_t>(0x2100, 0xff);
  machine.set<uint32_t>(0x2102, kGdt);
  machine.load(0x2000, {0x0f, 0x01, 0x16, 0x00, 0x21,                       // lgdt [2100h]
                        0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22,    0xc0,  // PE
                        0x43,                                               // inc bx, still 16-bit code
                        0x66, 0xea, 0x00, 0x30, 0x00, 0x00, kCode32, 0x00});
  machine.load(0x3000, {0x66, 0xb8, kData, 0,    0x8e, 0xd8, 0xc7, 0x05, 0, 0,       0x10, 0,
                        0x78, 0x56, 0x34,  0x12, 0xea, 0x00, 0x40, 0,    0, kCode16, 0});
  machine.load(0x4000, {0x0f, 0x20, 0xc0, 0x24, 0xfe, 0x0f, 0x22, 0xc0, 0xea, 0x00, 0x50, 0x00, 0x00});
  machine.load(0x5000, {0x43, 0xf4});
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.value_at<uint32_t>(0x10'0000) == 0x1234'5678);
  CHECK(machine.reg(Registers::rbx) == 2);
  CHECK(machine.cpu->registers().cs == 0);
  CHECK((machine.cpu->system_registers().cr0 & 1) == 0);
}

TEST_CASE("32-bit protected mode: frames with and without an error code, to the same and to an inner ring") {
  NativeMachine machine(EntryMode::protected_32);
  machine.load(kKernel, {0x0f, 0x0b});
  REQUIRE(machine.run_to_handler() == 6u);
  CHECK(machine.reg(Registers::rsp) == kKernelStack - 12);
  CHECK(machine.stacked32(0) == kKernel);
  CHECK(machine.stacked32(1) == kCode32);

  // To CPL 3 by IRETD, and back by faults and INT 80h.
  struct Form {
    std::vector<int> code;
    unsigned vector;
    std::optional<uint32_t> error;
  };
  const std::vector<Form> forms = {{{0xcd, 0x80}, 0x80, std::nullopt},
                                   {{0xfa}, 13, 0u},
                                   {{0x66, 0xb8, 0x99, 0x77, 0x8e, 0xd8}, 13, 0x7798u},
                                   {{0xcd, 0x81}, 13, 0x81u * 8 + 2}};
  machine.set_gate32(0x81, kHandlers + 0x81 * 16, 0);
  for (const Form& form : forms) {
    std::vector<uint8_t> bytes(form.code.begin(), form.code.end());
    machine.load(kUser, bytes);
    const uint32_t frame[] = {kUser, kUserCode32, 0x202, kUserStack, kUserData};
    machine.memory->write({kKernelStack - 64}, frame, sizeof frame);
    machine.load(kScratch + 0x100, {0xcf});
    machine.cpu->set_general(Registers::rsp, kKernelStack - 64);
    machine.cpu->set_rip(kScratch + 0x100);
    REQUIRE(machine.run_to_handler() == form.vector);
    const unsigned first = form.error ? 1 : 0;
    CHECK(machine.reg(Registers::rsp) == kStack0 - 20 - 4 * first);
    if (form.error) CHECK(machine.stacked32(0) == *form.error);
    CHECK(machine.stacked32(first + 1) == kUserCode32);
    CHECK(machine.stacked32(first + 3) == kUserStack);
    CHECK(machine.stacked32(first + 4) == kUserData);
    CHECK(machine.cpu->registers().ss == kData);
    CHECK(machine.cpu->system_registers().privilege == 0);
  }
}

TEST_CASE("virtual-8086 mode: INT n and faults push the segments and leave them null") {
  NativeMachine machine(EntryMode::protected_32);
  const uint64_t code = 0x5'0000;
  // mov ax, 1234h; mov ds, ax; int 21h
  machine.load(code, {0xb8, 0x34, 0x12, 0x8e, 0xd8, 0xcd, 0x21});
  const auto enter = [&](uint32_t iopl) {
    const uint32_t frame[] = {0,      0x5000, 0x2'0202 | iopl << 12, 0x8000, 0x6000, 0x1111, 0x2222,
                              0x3333, 0x4444};
    machine.memory->write({kKernelStack - 64}, frame, sizeof frame);
    machine.load(kScratch + 0x100, {0xcf});
    machine.cpu->set_general(Registers::rsp, kKernelStack - 64);
    machine.cpu->set_rip(kScratch + 0x100);
  };
  enter(3);
  REQUIRE(machine.run_to_handler() == 0x21u);
  CHECK(machine.reg(Registers::rsp) == kStack0 - 36);
  CHECK(machine.stacked32(0) == 7);
  CHECK(machine.stacked32(1) == 0x5000);
  CHECK((machine.stacked32(2) & 0x2'0000) != 0);
  CHECK(machine.stacked32(3) == 0x8000);
  CHECK(machine.stacked32(4) == 0x6000);
  CHECK(machine.stacked32(5) == 0x1111);  // ES
  CHECK(machine.stacked32(6) == 0x1234);  // DS
  CHECK(machine.stacked32(7) == 0x3333);
  CHECK(machine.stacked32(8) == 0x4444);
  CHECK(machine.cpu->registers().ds == 0);
  CHECK((machine.cpu->registers().rflags & 0x2'0000) == 0);

  enter(0);  // INT n wants IOPL 3 there
  REQUIRE(machine.run_to_handler() == 13u);
  CHECK(machine.stacked32(0) == 0);
  CHECK(machine.stacked32(1) == 5);
}

TEST_CASE("32-bit paging with 4 KiB and 4 MiB pages, and PAE, set A and D and fault with the right code") {
  const bool wide = GENERATE(false, true);
  NativeMachine machine(EntryMode::protected_32);
  const uint64_t root = 0x6'0000, table = 0x6'2000;
  const unsigned entry_bytes = wide ? 8 : 4;
  const auto put = [&](uint64_t at, uint64_t index, uint64_t value) {
    machine.memory->write({at + index * entry_bytes}, &value, entry_bytes);
  };
  uint64_t directory = root;
  if (wide) {
    directory = 0x6'1000;
    machine.set<uint64_t>(root, directory | 1);
  }
  const uint64_t large = wide ? 0x20'0000 : 0x40'0000;
  put(directory, 0, 0x83);       // the first large page, one to one
  put(directory, 1, table | 7);  // small pages behind it
  put(table, 0, 0x7'0000 | 7);
  put(table, 1, 0x7'1000 | 5);                                                        // read-only
  put(table, 2, 0x7'2000 | 3 | 0x100);                                                // global
  machine.load(kKernel, {0x0f, 0x22, 0xd8,                                            // mov cr3, eax
                         0x89, 0xc8, 0x0f, 0x22, 0xe0,                                // mov cr4, ecx
                         0x0f, 0x20, 0xc0, 0x0d, 0,    0, 1, 0x80, 0x0f, 0x22, 0xc0,  // PG and WP
                         0x89, 0x03, 0x8b, 0x4b, 0x10,       // mov [ebx], eax; mov ecx, [ebx + 10h]
                         0x89, 0x83, 0x08, 0x10, 0,    0});  // mov [ebx + 1008h], eax
  machine.cpu->set_general(Registers::rax, root);
  machine.cpu->set_general(Registers::rcx, wide ? 0xa0 : 0x90);
  machine.cpu->set_general(Registers::rbx, large);
  REQUIRE(machine.run_to_handler() == 14u);
  CHECK(machine.stacked32(0) == 3);
  CHECK(machine.cpu->system_registers().cr2 == large + 0x1008);
  CHECK((machine.value_at<uint32_t>(table) & 0x60) == 0x60);
  CHECK((machine.value_at<uint32_t>(table + entry_bytes) & 0x60) == 0);
  CHECK((machine.value_at<uint32_t>(directory + entry_bytes) & 0x20) == 0x20);
  CHECK(machine.value_at<uint32_t>(0x7'0000) == machine.reg(Registers::rax));
}

TEST_CASE("translations are held until a flush: INVLPG, CR3 without global pages, CR4.PGE") {
  NativeMachine machine(EntryMode::protected_32);
  const uint64_t root = 0x6'0000, table = 0x6'2000, page = 0x40'0000;
  machine.set<uint32_t>(root, 0x83);
  machine.set<uint32_t>(root + 4, table | 7);
  machine.set<uint32_t>(0x7'0000, 1);
  machine.set<uint32_t>(0x7'1000, 2);
  const auto run_code = [&](std::initializer_list<int> code) {
    machine.load(kKernel, code);
    machine.cpu->set_rip(kKernel);
    REQUIRE(machine.run().reason == ExitReason::halt);
    return static_cast<uint32_t>(machine.reg(Registers::rdx));
  };
  machine.cpu->set_general(Registers::rbx, page);
  for (uint32_t global : {0u, 0x100u}) {
    machine.set<uint32_t>(table, 0x7'0000 | 3 | global);
    machine.cpu->set_general(Registers::rax, root);
    machine.cpu->set_general(Registers::rcx, 0x90);
    // CR3, CR4 with PGE and PSE, PG; then the load.
    CHECK(run_code({0x0f, 0x22, 0xd8, 0x0f, 0x22, 0xe1, 0x0f, 0x20, 0xc0, 0x0d,
                    0,    0,    0,    0x80, 0x0f, 0x22, 0xc0, 0x8b, 0x13, 0xf4}) == 1);
    machine.set<uint32_t>(table, 0x7'1000 | 3 | global);
    machine.cpu->flush_emulator_tlb();
    CHECK(run_code({0x8b, 0x13, 0xf4}) == 1);
    CHECK(run_code({0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0x8b, 0x13, 0xf4}) == (global ? 1u : 2u));
    machine.set<uint32_t>(table, 0x7'0000 | 3 | global);
    CHECK(run_code({0x0f, 0x01, 0x3b, 0x8b, 0x13, 0xf4}) == 1);
    machine.set<uint32_t>(table, 0x7'1000 | 3 | global);
    // CR4.PGE off and on
    CHECK(run_code({0x0f, 0x20, 0xe0, 0x34, 0x80, 0x0f, 0x22, 0xe0, 0x34, 0x80, 0x0f, 0x22, 0xe0, 0x8b, 0x13,
                    0xf4}) == 2);
    // paging off again, for the next round
    run_code({0x0f, 0x20, 0xc0, 0x25, 0xff, 0xff, 0xff, 0x7f, 0x0f, 0x22, 0xc0, 0xf4});
  }
}

TEST_CASE("SYSENTER and SYSEXIT, and SYSCALL, in 32-bit protected mode") {
  NativeMachine machine(EntryMode::protected_32);
  // The four descriptors that SYSENTER implies: code and data at CPL 0, code and data at CPL 3.
  const uint16_t base = 0x80;
  machine.set<uint64_t>(kGdt + base, 0x00cf9b000000ffff);
  machine.set<uint64_t>(kGdt + base + 8, 0x00cf93000000ffff);
  machine.set<uint64_t>(kGdt + base + 16, 0x00cffb000000ffff);
  machine.set<uint64_t>(kGdt + base + 24, 0x00cff3000000ffff);
  const auto set_msr = [&](uint32_t index, uint64_t value) {
    machine.load(kKernel, {0x0f, 0x30, 0xf4});
    machine.cpu->set_rip(kKernel);
    machine.cpu->set_general(Registers::rcx, index);
    machine.cpu->set_general(Registers::rax, value & 0xffff'ffff);
    machine.cpu->set_general(Registers::rdx, value >> 32);
    REQUIRE(machine.run().reason == ExitReason::halt);
    REQUIRE(machine.cpu->rip() == kKernel + 3);
  };
  set_msr(0x174, base);
  set_msr(0x175, kStack0);
  set_msr(0x176, kKernel + 0x100);
  set_msr(0xc000'0080, 1);
  set_msr(0xc000'0081, uint64_t{base} << 32 | (kKernel + 0x200));
  machine.load(kKernel + 0x100, {0x0f, 0x35});  // sysexit
  machine.load(kKernel + 0x200, {0xf4});
  machine.load(kUser, {0x0f, 0x34});
  machine.load(kUser + 0x10, {0x43, 0x0f, 0x05});
  machine.cpu->set_general(Registers::rdx, kUser + 0x10);
  machine.cpu->set_general(Registers::rcx, kUserStack);
  const uint32_t frame[] = {kUser, kUserCode32, 0x202, kUserStack, kUserData};
  machine.memory->write({kKernelStack - 64}, frame, sizeof frame);
  machine.load(kScratch + 0x100, {0xcf});
  machine.cpu->set_general(Registers::rsp, kKernelStack - 64);
  machine.cpu->set_rip(kScratch + 0x100);
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.cpu->rip() == kKernel + 0x201);
  CHECK(machine.reg(Registers::rbx) == 1);
  CHECK(machine.reg(Registers::rcx) == kUser + 0x13);
  CHECK(machine.cpu->registers().cs == base);
  CHECK(machine.cpu->registers().ss == base + 8);
  CHECK(machine.cpu->system_registers().privilege == 0);
  CHECK((machine.cpu->registers().rflags & 0x200) == 0);
}

}  // namespace ringside::test
