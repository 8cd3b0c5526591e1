// Stops that only a debugger makes leave no trace: random programs that take timer interrupts end the same
// whether they run free, in slices, in steps, over breakpoints, or with the emulator's TLB emptied at random.
// What this cannot tell: whether the free run itself is right.
#include <algorithm>

#include "sim/random.h"
#include "tests/unit/cpu/native_machine.h"

namespace ringside::test {
namespace {

constexpr uint64_t kPiece = 192;  // bytes for each piece of a program
constexpr unsigned kPieces = 40;
constexpr uint64_t kRecord = kScratch + 0x800;  // the timer's handler sums up where it came from

class Program {
 public:
  explicit Program(uint64_t seed) : random_(Random(seed).fork("program")) {}

  void write(NativeMachine& machine, uint64_t base) {
    for (unsigned i = 0; i < kPieces; ++i) {
      bytes_.clear();
      add({0x49, 0xff, 0xcf});        // dec r15
      add({0x75, 0x02, 0xfa, 0xf4});  // jnz +2; cli; hlt: the end
      const uint64_t count = random_.below(12);
      for (uint64_t n = 0; n < count; ++n) add_instruction(base + i * kPiece);
      const uint64_t from = base + i * kPiece;
      jump(from, base + random_.below(kPieces) * kPiece, true);
      jump(from, base + random_.below(kPieces) * kPiece, false);
      REQUIRE(bytes_.size() <= kPiece);
      machine.load(from, bytes_);
    }
  }

  std::vector<uint64_t> starts;  // of instructions

 private:
  void add(std::initializer_list<int> code) {
    for (int byte : code) bytes_.push_back(static_cast<uint8_t>(byte));
  }
  void jump(uint64_t from, uint64_t to, bool conditional) {
    // test r15d, bit; jnz: all ways are taken some time. (BT would leave flags undefined, and the emulator's
    // choice depends on where a block was cut: cpu/README.md.)
    if (conditional) {
      add({0x41, 0xf7, 0xc7, 1 << random_.below(8), 0, 0, 0});
      add({0x0f, 0x85});
    } else {
      add({0xe9});
    }
    const auto distance = static_cast<uint32_t>(to - (from + bytes_.size() + 4));
    for (int i = 0; i < 4; ++i) bytes_.push_back(static_cast<uint8_t>(distance >> (8 * i)));
  }
  // rbx is data, rbp a device, r12 nowhere; the others are free.
  void add_instruction(uint64_t at) {
    starts.push_back(at + bytes_.size());
    const int any = static_cast<int>(random_.below(256));
    switch (random_.below(27)) {
      case 0: return add({0x01, 0xc8});                      // add eax, ecx
      case 1: return add({0x48, 0x0f, 0xaf, 0xc1});          // imul rax, rcx
      case 2: return add({0xb1, any});                       // mov cl, n
      case 3: return add({0x48, 0x89, 0x83, any, 1, 0, 0});  // mov [rbx + n], rax
      case 4: return add({0x48, 0x03, 0x83, any, 1, 0, 0});  // add rax, [rbx + n]
      case 5: return add({0x31, 0x8b, any, 1, 0, 0});        // xor [rbx + n], ecx
      case 6: return add({0x89, 0x45, 0x10});                // mov [rbp + 16], eax: a device
      case 7: return add({0x03, 0x45, 0x20});                // add eax, [rbp + 32]
      case 8: return add({0x66, 0xba, 0x80, 0, 0xee});       // mov dx, 80h; out dx, al
      case 9: return add({0xe4, 0x60});                      // in al, 60h
      case 10: return add({0xfa});                           // cli
      case 11:
      case 12: return add({0xfb});                    // sti
      case 13: return add({0x9c, 0x9d});              // pushf; popf
      case 14: return add({0xcd, 0x40});              // int 40h
      case 15: return add({0x0f, 0x31, 0x01, 0xc1});  // rdtsc; add ecx, eax
      case 16: return add({0xf3, 0x90});              // pause
      case 17: return add({0x41, 0x8b, 0x04, 0x24});  // mov eax, [r12]: a page fault
      case 18:                                        // rep stosb in the data
        return add({0x48, 0x89, 0xdf, 0xb9, any, 0, 0, 0, 0xf3, 0xaa});
      case 19: return add({0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8});  // mov rax, cr3; mov cr3, rax
      case 20: return add({0x0f, 0x01, 0x3b});                    // invlpg [rbx]
      case 21: return add({0x8e, 0xd6});                          // mov ss, esi
      case 22: return add({0x50, 0x59});                          // push rax; pop rcx
      case 23:                                                    // rep stosq, from the last bytes of a page
        return add({0x48, 0x8d, 0xbb, 0xf0, 0x0f, 0, 0, 0xb9, any % 50, 0, 0, 0, 0xf3, 0x48, 0xab});
      case 24:  // push rsi; lea rsi, [rbx + 16]; rep movsb to [rbx]; pop rsi
        return add({0x56, 0x48, 0x8d, 0x73, 0x10, 0x48, 0x89, 0xdf, 0xb9, any, 0, 0, 0, 0xf3, 0xa4, 0x5e});
      case 25:  // mov ecx, n; 1: pause; dec ecx; jnz 1b
        return add({0xb9, 1 + any / 2, 0, 0, 0, 0xf3, 0x90, 0xff, 0xc9, 0x75, 0xfa});
      default: return add({0xff, 0xc0});  // inc eax
    }
  }

  Random random_;
  std::vector<uint8_t> bytes_;
};

class Run {
 public:
  Run(uint64_t seed, unsigned disturbances)
      : random_(Random(seed).fork("disturbances")), disturbances_(disturbances) {
    Program program(seed);
    program.write(machine, kKernel + 0x1000);
    starts_ = program.starts;
    // Sum up the interrupted RIP and count: push rax; mov rax, [rsp + 8]; rol [rec], 3; add [rec], rax; pop;
    // iretq.
    machine.load(kHandlers + 0x20 * 16, {0xe9, 0xfb, 0xef, 0, 0});
    const uint64_t target = kHandlers + 0x20 * 16 + 5 + 0xeffb;
    machine.load(target, {0x50,
                          0x48,
                          0x8b,
                          0x44,
                          0x24,
                          0x08,
                          0x48,
                          0xc1,
                          0x04,
                          0x25,
                          kRecord & 0xff,
                          kRecord >> 8 & 0xff,
                          kRecord >> 16,
                          0,
                          3,
                          0x48,
                          0x01,
                          0x04,
                          0x25,
                          kRecord & 0xff,
                          kRecord >> 8 & 0xff,
                          kRecord >> 16,
                          0,
                          0x58,
                          0x48,
                          0xcf});
    machine.load(kHandlers + 0x40 * 16, {0x48, 0xcf});
    // The page fault's handler steps over the four bytes of its instruction.
    machine.load(kHandlers + 14 * 16,
                 {0x48, 0x83, 0x44, 0x24, 0x08, 0x04, 0x48, 0x83, 0xc4, 0x08, 0x48, 0xcf});
    NativeCpu& cpu = *machine.cpu;
    cpu.set_rip(kKernel + 0x1000);
    cpu.set_general(Registers::rbx, kScratch + 0x1000);
    cpu.set_general(Registers::rbp, kDevice);
    cpu.set_general(Registers::rsi, kData);
    cpu.set_general(Registers::r12, 0x50'0000);
    cpu.set_general(Registers::r15, 400);
    machine.set_flags(0x202);
  }

  enum Disturbance : unsigned { slices = 1, steps = 2, breakpoints = 4, flushes = 8 };

  void finish() {
    Tick next_timer = nanoseconds(700);
    if (disturbances_ & breakpoints) set_breakpoints();
    for (unsigned n = 0; n < 2'000'000; ++n) {
      while (machine.clock.now >= next_timer) {
        machine.cpu->set_interrupt_line(true);
        next_timer += nanoseconds(700);
      }
      const Exit exit = next(next_timer);
      REQUIRE(exit.canonical);
      if (exit.reason == ExitReason::deadline) continue;
      INFO(exit.detail << " at " << std::hex << machine.cpu->rip());
      REQUIRE(exit.reason == ExitReason::halt);
      REQUIRE(machine.reg(Registers::r15) == 0);  // not in some handler
      return;
    }
    FAIL("no end");
  }

  NativeMachine machine;
  unsigned non_canonical = 0;

 private:
  Exit next(Tick deadline) {
    NativeCpu& cpu = *machine.cpu;
    if ((disturbances_ & slices) && random_.below(2) == 0) {
      deadline = std::min(deadline, machine.clock.now + nanoseconds(random_.below(300)));
    }
    for (;;) {
      if ((disturbances_ & flushes) && random_.below(3) == 0) cpu.flush_emulator_tlb();
      const bool step = (disturbances_ & steps) && random_.below(4) != 0;
      const Exit exit = step ? cpu.step(deadline) : cpu.run(deadline);
      if (exit.canonical) return exit;
      REQUIRE((exit.reason == ExitReason::stepped || exit.reason == ExitReason::breakpoint));
      ++non_canonical;
    }
  }
  void set_breakpoints() {
    std::vector<GuestVirt> addresses;
    for (int i = 0; i < 50; ++i) addresses.push_back({starts_[random_.below(starts_.size())]});
    machine.cpu->set_breakpoints(addresses);
  }

  Random random_;
  unsigned disturbances_;
  std::vector<uint64_t> starts_;
};

}  // namespace

static bool same_time(const Clock& a, const Clock& b) {
  return a.now == b.now && a.instructions == b.instructions;
}

TEST_CASE("slices, steps, breakpoints and flushes leave no trace in random programs") {
  size_t interrupts = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Run free_run(seed, 0);
    free_run.finish();
    interrupts += free_run.machine.environment.taken.size();
    for (unsigned disturbances : {1u, 2u, 4u, 8u, 15u}) {
      INFO("seed " << seed << " disturbances " << disturbances);
      Run disturbed(seed, disturbances);
      disturbed.finish();
      if (disturbances & (Run::steps | Run::breakpoints)) CHECK(disturbed.non_canonical > 10);
      const auto& expected = free_run.machine.environment.taken;
      const auto& found = disturbed.machine.environment.taken;
      const auto differs =
          std::mismatch(expected.begin(), expected.end(), found.begin(), found.end(), same_time);
      INFO("interrupt " << differs.first - expected.begin() << " of " << expected.size());
      CHECK(expected.size() == found.size());
      REQUIRE(differs.first == expected.end());
      CHECK(disturbed.machine.clock.now == free_run.machine.clock.now);
      CHECK(disturbed.machine.clock.instructions == free_run.machine.clock.instructions);
      CHECK(disturbed.machine.cpu->registers() == free_run.machine.cpu->registers());
      CHECK(state_lines(*disturbed.machine.cpu) == state_lines(*free_run.machine.cpu));
      CHECK(disturbed.machine.digest() == free_run.machine.digest());
      CHECK(disturbed.machine.environment.memory.size() == free_run.machine.environment.memory.size());
    }
  }
  CHECK(interrupts > 1000);
}

TEST_CASE("a breakpoint stops before its instruction, each time, and a step goes on from there") {
  NativeMachine machine;
  // mov ecx, 3; 1: inc eax; inc ebx; loop 1b; hlt
  machine.load(kKernel, {0xb9, 3, 0, 0, 0, 0xff, 0xc0, 0xff, 0xc3, 0xe2, 0xfa, 0xf4});
  machine.cpu->set_breakpoints({{kKernel + 7}});
  for (uint64_t pass = 1; pass <= 3; ++pass) {
    const Exit exit = machine.run();
    REQUIRE(exit.reason == ExitReason::breakpoint);
    CHECK_FALSE(exit.canonical);
    CHECK(machine.cpu->rip() == kKernel + 7);
    CHECK(machine.reg(Registers::rax) == pass);
    CHECK(machine.reg(Registers::rbx) == pass - 1);
    CHECK(machine.clock.instructions == 1 + 3 * (pass - 1) + 1);
    if (pass == 2) {
      REQUIRE(machine.cpu->step().reason == ExitReason::stepped);
      CHECK(machine.cpu->rip() == kKernel + 9);
      CHECK(machine.clock.instructions == 6);
    }
  }
  REQUIRE(machine.run().reason == ExitReason::halt);
  CHECK(machine.reg(Registers::rbx) == 3);
  CHECK(machine.clock.instructions == 11);
}

TEST_CASE("a step executes one iteration of a repeated instruction, and takes one interrupt") {
  NativeMachine machine;
  machine.load(kKernel, {0xf3, 0xaa, 0xfb, 0x90, 0x90, 0xf4});  // rep stosb; sti; nop; nop; hlt
  machine.cpu->set_general(Registers::rcx, 2);
  machine.cpu->set_general(Registers::rdi, kScratch);
  REQUIRE(machine.cpu->step().reason == ExitReason::stepped);
  CHECK(machine.reg(Registers::rcx) == 1);
  CHECK(machine.cpu->rip() == kKernel);
  for (int i = 0; i < 2; ++i) REQUIRE(machine.cpu->step().reason == ExitReason::stepped);
  CHECK(machine.cpu->rip() == kKernel + 2);
  machine.cpu->set_interrupt_line(true);
  REQUIRE(machine.cpu->step().reason == ExitReason::stepped);  // sti
  CHECK(machine.cpu->rip() == kKernel + 3);
  REQUIRE(machine.cpu->step().reason == ExitReason::stepped);  // in its shadow
  CHECK(machine.cpu->rip() == kKernel + 4);
  REQUIRE(machine.cpu->step().reason == ExitReason::stepped);
  CHECK(machine.cpu->rip() == kHandlers + 0x20 * 16);
}

// The emulator forgets the block that a step has run, and looks its page up by the privilege that is then.
TEST_CASE("a step over IRET leaves the kernel's page, which CPL 3 may not touch, without a fault") {
  NativeMachine machine;
  machine.load(kUser, {0x90, 0xcc});  // nop; int3
  machine.enter_user(kUser, kUserCode64);
  REQUIRE(machine.cpu->step().reason == ExitReason::stepped);
  CHECK(machine.cpu->rip() == kUser);
  CHECK(machine.clock.instructions == 1);
  REQUIRE(machine.cpu->step().reason == ExitReason::stepped);
  CHECK(machine.cpu->rip() == kUser + 1);
  REQUIRE(machine.run_to_handler() == 3u);

  // By a breakpoint behind which the block goes on to its IRET.
  NativeMachine broken;
  broken.load(kUser, {0x90, 0xcc});
  broken.enter_user(kUser, kUserCode64);
  broken.load(kScratch + 0x0fe, {0x90, 0x90});
  broken.cpu->set_rip(kScratch + 0x0fe);
  broken.cpu->set_breakpoints({{kScratch + 0x0ff}});
  REQUIRE(broken.run().reason == ExitReason::breakpoint);
  CHECK(broken.cpu->rip() == kScratch + 0x0ff);
  REQUIRE(broken.run_to_handler() == 3u);
}

}  // namespace ringside::test
