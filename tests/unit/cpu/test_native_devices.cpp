// Ports and memory of devices: values, sizes, the time of each access, rights to ports; MSRs and CPUID; code
// that changes.
#include "cpu/native_msr.h"
#include "tests/unit/cpu/native_machine.h"

namespace ringside::test {

TEST_CASE("IN and OUT with their sizes, at the time of the instruction; a port takes a microsecond") {
  NativeMachine machine;
  // nop; mov dx, 3f8h; out dx, al; nop; out dx, ax; in eax, dx; hlt
  machine.load(kKernel, {0x90, 0x66, 0xba, 0xf8, 0x03, 0xee, 0x90, 0x66, 0xef, 0xed, 0xf4});
  machine.cpu->set_general(Registers::rax, 0xaabb'ccdd);
  REQUIRE(machine.run().reason == ExitReason::halt);
  const auto& ports = machine.environment.ports;
  REQUIRE(ports.size() == 3);
  CHECK(ports[0].address == 0x3f8);
  CHECK(ports[0].size == 1);
  CHECK(ports[0].value == 0xdd);
  CHECK(ports[1].size == 2);
  CHECK(ports[1].value == 0xccdd);
  CHECK(ports[2].size == 4);
  CHECK(machine.reg(Registers::rax) == 0x1234'5678);
  // Two simple instructions of 500 ps come first; OUT is a system instruction of 10 cycles.
  CHECK(ports[0].at == picoseconds(2 * 500));
  CHECK(ports[1].at == ports[0].at + microseconds(1) + picoseconds((10 + 1) * 500));
  CHECK(ports[2].at == ports[1].at + microseconds(1) + picoseconds(10 * 500));
}

TEST_CASE("loads and stores of a device, at the time of the instruction; 500 ns each") {
  NativeMachine machine;
  // mov eax, [rbx]; add eax, [rsi]; mov [rbx + 4], eax; nop; mov [rbx + 4], eax; mov rax, [rbx + 8]; hlt
  machine.load(kKernel, {0x8b, 0x03, 0x03, 0x06, 0x89, 0x43, 0x04, 0x90, 0x89, 0x43, 0x04, 0x48, 0x8b, 0x43,
                         0x08, 0xf4});
  machine.cpu->set_general(Registers::rbx, kDevice);
  machine.cpu->set_general(Registers::rsi, kScratch);
  REQUIRE(machine.run().reason == ExitReason::halt);
  const auto& accesses = machine.environment.memory;
  REQUIRE(accesses.size() == 5);  // the last one in two halves
  const Tick each = nanoseconds(500);
  CHECK(accesses[0].address == kDevice);
  CHECK(accesses[0].size == 4);
  CHECK(accesses[0].at == Tick{});
  CHECK(accesses[1].write);
  CHECK(accesses[1].address == kDevice + 4);
  CHECK(accesses[1].at == each + picoseconds((2 + 2) * 500));
  CHECK(accesses[2].at == each * 2 + picoseconds((2 + 2 + 2 + 1) * 500));
  CHECK(accesses[3].address == kDevice + 8);
  CHECK(accesses[3].at == each * 3 + picoseconds((2 + 2 + 2 + 1 + 2) * 500));
  CHECK(accesses[4].address == kDevice + 12);
}

TEST_CASE("read-modify-write, locked, and string instructions reach a device in order") {
  NativeMachine machine;
  // lock or dword [rbx], 1; mov rdi, rbx; mov rsi, scratch; mov ecx, 3; rep movsb; hlt
  machine.load(kKernel, {0xf0, 0x83, 0x0b, 0x01, 0x48, 0x89, 0xdf, 0xb9, 3, 0, 0, 0, 0xf3, 0xa4, 0xf4});
  machine.cpu->set_general(Registers::rbx, kDevice);
  machine.cpu->set_general(Registers::rsi, kScratch);
  REQUIRE(machine.run().reason == ExitReason::halt);
  const auto& accesses = machine.environment.memory;
  REQUIRE(accesses.size() == 5);
  CHECK_FALSE(accesses[0].write);
  CHECK(accesses[1].write);
  CHECK(accesses[0].at == Tick{});
  CHECK(accesses[1].value == 0x5566'7789);
  for (size_t i = 2; i < 5; ++i) {
    CHECK(accesses[i].write);
    CHECK(accesses[i].address == kDevice + i - 2);
    CHECK(accesses[i].at > accesses[i - 1].at);
  }
}

TEST_CASE("ports at CPL 3: IOPL, the bitmap, and #GP before anything happens") {
  for (bool allowed : {true, false}) {
    NativeMachine machine;
    if (!allowed) machine.set<uint8_t>(kTss + 0x68 + 0x3f8 / 8, 1);
    machine.load(kUser, {0xff, 0xc3, 0x66, 0xba, 0xf8, 0x03, 0xec, 0xff, 0xc3, 0xcc});
    machine.enter_user(kUser, kUserCode64);
    REQUIRE(machine.run_to_handler() == (allowed ? 3u : 13u));
    CHECK(machine.environment.ports.size() == (allowed ? 1 : 0));
    CHECK(machine.reg(Registers::rbx) == (allowed ? 2 : 1));
    if (!allowed) CHECK(machine.stacked(1) == kUser + 6);
    CHECK(machine.clock.instructions == (allowed ? 1u + 5 + 1 : 1u + 2 + 1));
  }
  NativeMachine machine;
  machine.set<uint8_t>(kTss + 0x68 + 0x3f8 / 8, 1);
  machine.load(kUser, {0x66, 0xba, 0xf8, 0x03, 0xec, 0xcc});
  machine.enter_user(kUser, kUserCode64, 0x3202);  // IOPL 3
  REQUIRE(machine.run_to_handler() == 3u);
  CHECK(machine.environment.ports.size() == 1);
}

TEST_CASE("a request to stop from a device is answered at the end of the block") {
  NativeMachine machine;
  machine.load(kKernel, {0xee, 0xff, 0xc3, 0xeb, 0x00, 0xff, 0xc3, 0xf4});
  machine.cpu->set_general(Registers::rdx, 0xf1);
  const Exit exit = machine.run();
  REQUIRE(exit.reason == ExitReason::stop_requested);
  CHECK(exit.canonical);
  CHECK(machine.cpu->rip() == kKernel + 5);
  CHECK(machine.reg(Registers::rbx) == 1);
}

TEST_CASE("what a device schedules bounds the run that is in progress, and only moves its end forward") {
  NativeMachine machine;
  // out dx, al; 1: jmp 1b, which would go on to the run's own deadline
  machine.load(kKernel, {0xee, 0xeb, 0xfe});
  machine.cpu->set_general(Registers::rdx, 0xf3);
  machine.environment.on_port = [&] {
    machine.cpu->bring_deadline_forward(microseconds(50));
    machine.cpu->bring_deadline_forward(microseconds(70));
  };
  const Exit exit = machine.run(milliseconds(1));
  REQUIRE(exit.reason == ExitReason::deadline);
  CHECK(exit.canonical);
  // A jump takes a nanosecond, and no run ends within one.
  CHECK(machine.clock.now >= microseconds(50));
  CHECK(machine.clock.now <= microseconds(50) + nanoseconds(2));
  // The next run has its own.
  REQUIRE(machine.run(microseconds(200)).reason == ExitReason::deadline);
  CHECK(machine.clock.now >= microseconds(250));
}

TEST_CASE("MSRs: kept by the core, by the table, by the environment, and unknown") {
  NativeMachine machine;
  const auto read = [&](uint32_t index) -> std::optional<uint64_t> {
    machine.load(kKernel, {0x0f, 0x32, 0xf4});
    machine.cpu->set_rip(kKernel);
    machine.cpu->set_general(Registers::rcx, index);
    REQUIRE(machine.run().reason == ExitReason::halt);
    if (machine.cpu->rip() != kKernel + 3) return std::nullopt;
    return machine.reg(Registers::rdx) << 32 | machine.reg(Registers::rax);
  };
  const auto write = [&](uint32_t index, uint64_t value) {
    machine.load(kKernel, {0x0f, 0x30, 0xf4});
    machine.cpu->set_rip(kKernel);
    machine.cpu->set_general(Registers::rsp, kKernelStack);
    machine.cpu->set_general(Registers::rcx, index);
    machine.cpu->set_general(Registers::rax, value & 0xffff'ffff);
    machine.cpu->set_general(Registers::rdx, value >> 32);
    REQUIRE(machine.run().reason == ExitReason::halt);
    return machine.cpu->rip() == kKernel + 3;
  };
  CHECK(read(0xc000'0080) == 0xd01);
  CHECK(read(0x277) == 0x0007'0406'0007'0406);
  CHECK(read(0x1b) == 0xfee0'0900);
  CHECK(read(0xfe) == 0x508);
  CHECK_FALSE(read(0x1234));
  CHECK_FALSE(read(0x4000'0000));
  CHECK(machine.environment.notices.size() == 2);
  CHECK(write(0xc000'0082, 0xffff'8123'4567'89ab));
  CHECK(read(0xc000'0082) == 0xffff'8123'4567'89ab);
  CHECK_FALSE(write(0xc000'0082, 0x8000'0000'0000'0000));
  CHECK_FALSE(write(0x277, 0x0007'0406'0007'0402));  // type 2 is none
  CHECK_FALSE(write(0xc000'0080, 0x1d01));           // SVME: there is no SVM
  CHECK_FALSE(write(0xc000'0080, 0xc01));            // LME cannot go while paging is on
  CHECK(write(0x200, 0xe000'0006));
  CHECK(read(0x200) == 0xe000'0006);
  CHECK_FALSE(write(0xfe, 1));
  CHECK(write(0xc000'0102, 0x77));
  CHECK(read(0xc000'0102) == 0x77);
}

TEST_CASE("the MSR table is sorted and its resets keep to their own reserved bits") {
  uint32_t last = 0;
  for (const MsrRow& row : msr_table()) {
    CHECK(row.index > last);
    last = row.index;
    CHECK((row.writable & row.reserved) == 0);
  }
}

TEST_CASE("CPUID tells an AMD processor with what works, and nothing else") {
  const auto basic = native_cpuid(0, 0, 2'000'000'000);
  CHECK(basic.ebx == 0x68747541);
  const auto features = native_cpuid(1, 0, 2'000'000'000);
  for (unsigned bit : {0u, 4u, 5u, 6u, 8u, 9u, 13u, 15u, 16u, 19u, 23u, 24u, 25u, 26u}) {
    CHECK((features.edx >> bit & 1) == 1);
  }
  // MONITOR, PCID, x2APIC, TSC deadline, AES, XSAVE, OSXSAVE, AVX, RDRAND, hypervisor.
  for (unsigned bit : {3u, 17u, 21u, 24u, 25u, 26u, 27u, 28u, 30u, 31u})
    CHECK((features.ecx >> bit & 1) == 0);
  CHECK((native_cpuid(0x8000'0001, 0, 1).ecx >> 2 & 1) == 0);  // SVM
  CHECK(native_cpuid(0x8000'0007, 0, 1).edx == 0x100);
  CHECK(native_cpuid(7, 0, 1).ebx == 0);  // neither SMEP nor SMAP
  NativeMachine machine;
  machine.load(kKernel, {0x31, 0xc0, 0x0f, 0xa2, 0xf4});
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.reg(Registers::rbx) == 0x68747541);
}

TEST_CASE("CR4 and CR0 refuse what is not there; CR8 is the environment's") {
  NativeMachine machine;
  const auto write = [&](std::initializer_list<int> code, uint64_t value) {
    machine.load(kKernel, code);
    machine.cpu->set_rip(kKernel);
    machine.cpu->set_general(Registers::rsp, kKernelStack);
    machine.cpu->set_general(Registers::rax, value);
    REQUIRE(machine.run().reason == ExitReason::halt);
    return machine.cpu->rip() == kKernel + code.size();
  };
  CHECK(write({0x0f, 0x22, 0xe0, 0xf4}, 0x6a0));
  for (unsigned bit : {11u, 16u, 17u, 18u, 20u, 21u})
    CHECK_FALSE(write({0x0f, 0x22, 0xe0, 0xf4}, 0x6a0 | 1ull << bit));
  CHECK_FALSE(write({0x0f, 0x22, 0xe0, 0xf4}, 0x680));  // PAE cannot go in long mode
  CHECK_FALSE(write({0x0f, 0x22, 0xc0, 0xf4}, 0x31));   // nor paging, in 64-bit code
  CHECK_FALSE(write({0x0f, 0x22, 0xc0, 0xf4}, 0x1'8000'0031));
  CHECK(write({0x44, 0x0f, 0x22, 0xc0, 0xf4}, 5));
  CHECK(machine.environment.priority == 5);
  CHECK_FALSE(write({0x44, 0x0f, 0x22, 0xc0, 0xf4}, 16));
  machine.environment.priority = 7;
  CHECK(write({0x44, 0x0f, 0x20, 0xc0, 0xf4}, 0));
  CHECK(machine.reg(Registers::rax) == 7);
}

TEST_CASE("code that changes itself, and a device's DMA into code, take effect") {
  NativeMachine machine;
  // mov ecx, 20; 1: mov byte [rip + n], cl (the immediate of the next MOV); mov al, imm; add ebx, eax; loop
  // 1b
  machine.load(kKernel, {0x31, 0xc0, 0xb9, 20,   0, 0,    0,    0x88, 0x0d, 1,
                         0,    0,    0,    0xb0, 0, 0x01, 0xc3, 0xe2, 0xf4, 0xf4});
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.reg(Registers::rbx) == 210);
  CHECK(machine.clock.instructions == 2 + 20 * 4 + 1);
  machine.load(kKernel + 0x100, {0xb0, 1, 0xf4});
  machine.cpu->set_rip(kKernel + 0x100);
  REQUIRE(machine.run().reason == ExitReason::halt);
  machine.set<uint8_t>(kKernel + 0x101, 9);
  machine.cpu->set_rip(kKernel + 0x100);
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK((machine.reg(Registers::rax) & 0xff) == 9);
}

TEST_CASE("DMA out of an access takes effect in the next block, in the running page and in others") {
  NativeMachine machine;
  const uint64_t other = kKernel + 0x2000;
  // out dx, al; jmp +0; mov bl, 1; call the other page; loop to the start; hlt
  machine.load(kKernel, {0xee, 0xeb, 0x00, 0xb3, 1, 0xe8, 0xf6, 0x1f, 0, 0, 0x01, 0xdf, 0xe2, 0xf2, 0xf4});
  machine.load(other, {0xb0, 1, 0x01, 0xc6, 0xc3});  // mov al, 1; add esi, eax; ret
  machine.cpu->set_general(Registers::rdx, 0xf3);
  machine.cpu->set_general(Registers::rcx, 30);
  uint8_t n = 1;
  machine.environment.on_port = [&] {
    ++n;
    machine.set<uint8_t>(kKernel + 4, n);
    machine.set<uint8_t>(other + 1, n);
  };
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.reg(Registers::rdi) == 31 * 32 / 2 - 1);
  CHECK(machine.reg(Registers::rsi) == 31 * 32 / 2 - 1);
  CHECK(machine.clock.instructions == 30 * 9 + 1);
}

TEST_CASE("where no memory is, ones are fetched: an undefined opcode") {
  NativeMachine machine;
  machine.load(kKernel, {0xff, 0xe0});  // jmp rax
  machine.cpu->set_general(Registers::rax, kDevice + 0x1000);
  REQUIRE(machine.run_to_handler() == 6u);
  CHECK(machine.stacked(0) == kDevice + 0x1000);
  CHECK(machine.environment.memory.empty());
}

}  // namespace ringside::test
