// Loops that only count are passed over: what is left behind is as if each iteration had been executed. The
// emulator is the measure: in a run with deadlines close to each other it executes every iteration.
#include <catch2/catch.hpp>

#include <random>

#include "cpu/counting_loop.h"
#include "tests/unit/cpu/small_machine.h"

namespace ringside::test {
namespace {

constexpr Tick kLong = microseconds(150);  // some 9 times what passes between two looks

std::vector<uint8_t> with_syscall(std::vector<uint8_t> code) {
  code.insert(code.end(), {0x0f, 0x05});
  return code;
}

void set(SmallMachine& machine, const CountingLoop::General& registers) {
  for (uint8_t i = 0; i < registers.size(); ++i)
    machine.cpu->set_general(static_cast<Registers::General>(i), registers[i]);
}

// Up to the hypercall behind the loop, or for kLong. False when they do not end alike.
void compare_runs(const std::vector<uint8_t>& loop, const CountingLoop::General& registers) {
  const std::vector<uint8_t> program = with_syscall(loop);
  SmallMachine at_once(program), sliced(program);
  set(at_once, registers);
  set(sliced, registers);
  const Exit exit = at_once.cpu->run(kLong);
  Exit other;
  do {
    other = sliced.cpu->run(std::min(sliced.clock.now + nanoseconds(3777), kLong));
  } while (other.reason == ExitReason::deadline && sliced.clock.now < kLong);
  CHECK(exit.reason == other.reason);
  CHECK(at_once.cpu->registers() == sliced.cpu->registers());
  CHECK(at_once.clock.now == sliced.clock.now);
  CHECK(at_once.clock.instructions == sliced.clock.instructions);
  CHECK(at_once.digest() == sliced.digest());
}

std::vector<uint8_t> page_of(std::vector<uint8_t> code) {
  code = with_syscall(std::move(code));
  code.resize(kPageSize);
  return code;
}

CountingLoop::General some_registers() {
  CountingLoop::General registers{};
  for (uint64_t i = 0; i < registers.size(); ++i) registers[i] = 0x1000 + i;
  return registers;
}

const CostTable kCosts(2'000'000'000);

// Linux 6.1, xen_rebuild_p2m_list(): cmp rdi, r9; jae 1f; (loads) 1: xor r8d, r8d; jmp 2f; 2: cmp esi, r8d;
// jne; add edx, 1; add rdi, 1; cmp edx, eax; jne.
const std::vector<uint8_t> kScan = {0x4c, 0x39, 0xcf, 0x73, 0x06,        // cmp rdi, r9; jae 1f
                                    0x48, 0x8b, 0x0c, 0xfb, 0xeb, 0x05,  // mov rcx, [rbx + rdi * 8]; jmp 2f
                                    0x45, 0x31, 0xc0, 0xeb, 0x00,        // 1: xor r8d, r8d; jmp 2f
                                    0x44, 0x39, 0xc6, 0x75, 0x0b,        // 2: cmp esi, r8d; jne out
                                    0x83, 0xc2, 0x01, 0x48, 0x83, 0xc7, 0x01,  // add edx, 1; add rdi, 1
                                    0x39, 0xc2, 0x75, 0xe0};                   // cmp edx, eax; jne back

CountingLoop::General scan_registers() {
  CountingLoop::General registers = some_registers();
  registers[Registers::rsi] = registers[Registers::r8] = 0;
  registers[Registers::rdx] = 1;
  registers[Registers::rax] = 100'000;
  return registers;
}

}  // namespace

TEST_CASE("Linux's scan for frames is a counting loop, up to its last iteration") {
  CountingLoop::General registers = scan_registers();
  registers[Registers::rdi] = registers[Registers::r9];
  const auto loop = find_counting_loop(page_of(kScan), 0, registers, kCosts);
  REQUIRE(loop);
  // edx == eax behind 99,999 of them: the last one goes another way, and is the emulator's.
  CHECK(loop->iterations == 99'998);
  CHECK(loop->instructions == 10);
  CHECK(loop->cost == picoseconds(14 * 500));
  CHECK(loop->changes[Registers::rdx].step == 1);
  CHECK(loop->changes[Registers::rdx].narrow);
  CHECK(loop->changes[Registers::rdi].step == 1);
  CHECK_FALSE(loop->changes[Registers::rdi].narrow);
  compare_runs(kScan, registers);

  // While it loads from memory it is none.
  registers[Registers::rdi] = registers[Registers::r9] - 1;
  CHECK_FALSE(find_counting_loop(page_of(kScan), 0, registers, kCosts));
}

TEST_CASE("what a counting loop's end depends on") {
  struct Case {
    const char* what;
    std::vector<uint8_t> code;
    uint64_t rax, rcx;
    uint64_t iterations;  // 0: it must not be taken for one
  };
  const std::vector<Case> cases = {
      {"dec rcx; jnz", {0x48, 0xff, 0xc9, 0x75, 0xfb}, 0, 50'000, 49'999},
      // Only this iteration, although the next 4,294,967,294 are like it: the wrap is not looked through.
      {"dec ecx; jnz, from 0", {0xff, 0xc9, 0x75, 0xfc}, 0, 0, 1},
      {"dec ecx; jnz, with the upper half set", {0xff, 0xc9, 0x75, 0xfc}, 0, 5ull << 32 | 7, 0},
      {"inc rax; cmp rax, rcx; jb",
       {0x48, 0xff, 0xc0, 0x48, 0x39, 0xc8, 0x72, 0xf8},
       100,
       40'000,
       40'000 - 100 - 1},
      {"inc rax; cmp rax, rcx; jl, from -30000",
       {0x48, 0xff, 0xc0, 0x48, 0x39, 0xc8, 0x7c, 0xf8},
       static_cast<uint64_t>(-30'000),
       10'000,
       40'000 - 1},
      {"inc eax; cmp eax, ecx; jg, wraps to negative",
       {0xff, 0xc0, 0x39, 0xc8, 0x7f, 0xfa},
       0x7fff'0000,
       5,
       0xffff},
      {"sub rcx, 3; ja", {0x48, 0x83, 0xe9, 0x03, 0x77, 0xfa}, 0, 30'000, 9'999},
      {"add eax, 5; jnz", {0x83, 0xc0, 0x05, 0x75, 0xfb}, 0xffff'0000, 0, 0xffff / 5},
      {"test ecx, ecx; jz", {0x85, 0xc9, 0x74, 0xfc}, 0, 0, ~0ull},
      {"jmp to itself", {0xeb, 0xfe}, 0, 0, ~0ull},
      {"mov eax, ecx; dec eax; jnz: no change", {0x89, 0xc8, 0xff, 0xc8, 0x75, 0xfa}, 3, 4, 0},
      {"add rcx, rax; jnz: a step that is a register", {0x48, 0x01, 0xc1, 0x75, 0xfb}, 4, 1, 0},
      {"inc ecx; js: a condition on the sign", {0xff, 0xc1, 0x79, 0xfc}, 0, 0, 0},
      {"inc rcx; jnc: the carry is not its own", {0x48, 0xff, 0xc1, 0x73, 0xfb}, 0, 1, 0},
      {"lea rcx, [rcx]; jmp: the flags stay", {0x48, 0x8d, 0x09, 0xeb, 0xfb}, 0, 0, 0},
  };
  for (const Case& given : cases) {
    INFO(given.what);
    CountingLoop::General registers = some_registers();
    registers[Registers::rax] = given.rax;
    registers[Registers::rcx] = given.rcx;
    const auto loop = find_counting_loop(page_of(given.code), 0, registers, kCosts);
    CHECK(loop.has_value() == (given.iterations != 0));
    if (loop) CHECK(loop->iterations == given.iterations);
    compare_runs(given.code, registers);
  }
}

TEST_CASE("flags that are read before they are written keep a loop from being passed over") {
  // jmp 1f; 1: dec rcx; jnz: from the jump on, the flags could be seen at the next block.
  const std::vector<uint8_t> code = {0xeb, 0x00, 0x48, 0xff, 0xc9, 0x75, 0xf9};
  CHECK_FALSE(find_counting_loop(page_of(code), 0, some_registers(), kCosts));
  CHECK(find_counting_loop(page_of(code), 2, some_registers(), kCosts));
}

TEST_CASE("code that reaches its page's end is no counting loop") {
  std::vector<uint8_t> page(kPageSize, 0x90);
  for (size_t end : {1, 2, 3, 4}) {
    const std::vector<uint8_t> code = {0x48, 0xff, 0xc9, 0x75, 0xfb};
    std::copy_n(code.begin(), end, page.end() - static_cast<ptrdiff_t>(end));
    CHECK_FALSE(find_counting_loop(page, kPageSize - end, some_registers(), kCosts));
    CHECK_FALSE(may_be_counting_loop(page, kPageSize - end));
  }
}

TEST_CASE("a guest that single-steps itself gets each of its exceptions") {
  SmallMachine machine(std::vector<uint8_t>{0xeb, 0xfe});
  Registers registers = machine.cpu->registers();
  registers.rflags |= 0x100;
  machine.cpu->set_registers(registers);
  for (int i = 0; i < 50; ++i) REQUIRE(machine.run().vector == 1);
  CHECK(machine.clock.instructions == 50);
}

namespace {

class RandomLoop {
 public:
  explicit RandomLoop(unsigned seed) : random_(seed) {}

  std::vector<uint8_t> code() {
    std::vector<uint8_t> code;
    for (unsigned left = 1 + below(6); left > 0; --left) instruction(code);
    if (below(3) == 0) {
      // A branch over an instruction.
      std::vector<uint8_t> over;
      instruction(over);
      compare(code);
      code.insert(code.end(), {condition(), static_cast<uint8_t>(over.size())});
      code.insert(code.end(), over.begin(), over.end());
    }
    if (below(4) != 0) compare(code);
    code.insert(code.end(), {condition(), static_cast<uint8_t>(0 - (code.size() + 2))});
    return code;
  }

  CountingLoop::General registers() {
    static constexpr uint64_t kNear[] = {0,           1,          30'000, 0x7fff'ffff,
                                         0xffff'ffff, 1ull << 63, ~0ull,  1ull << 32};
    CountingLoop::General registers{};
    for (uint64_t& value : registers) value = kNear[below(std::size(kNear))] + below(2000) - 1000;
    return registers;
  }

 private:
  unsigned below(size_t limit) { return static_cast<unsigned>(random_() % limit); }
  uint8_t condition() { return static_cast<uint8_t>(0x70 + below(16)); }
  uint8_t operands() {
    // rax, rcx, rdx and rbx, or r8 to r11.
    return static_cast<uint8_t>(0xc0 | below(4) << 3 | below(4));
  }
  uint8_t prefix() { return static_cast<uint8_t>(0x40 | below(16)); }

  void compare(std::vector<uint8_t>& code) {
    const uint8_t opcodes[] = {0x39, 0x3b, 0x85};
    code.insert(code.end(), {static_cast<uint8_t>(prefix() & ~2), opcodes[below(3)], operands()});
  }
  void instruction(std::vector<uint8_t>& code) {
    const auto rex = static_cast<uint8_t>(prefix() & ~2);
    const auto small = static_cast<uint8_t>(below(2) ? 1 + below(4) : 0x100 - 1 - below(4));
    switch (below(8)) {
      case 0:
      case 1:
        return void(code.insert(code.end(), {rex, 0x83, static_cast<uint8_t>(operands() & 0xc3), small}));
      case 2:
        return void(code.insert(code.end(), {rex, 0x83, static_cast<uint8_t>(operands() | 0x28), small}));
      case 3: return void(code.insert(code.end(), {rex, 0xff, static_cast<uint8_t>(operands() & 0xcb)}));
      case 4: return void(code.insert(code.end(), {rex, 0x89, operands()}));
      case 5: {
        const unsigned reg = below(4);
        return void(code.insert(code.end(), {static_cast<uint8_t>(below(2) ? 0x45 : 0x48), 0x31,
                                             static_cast<uint8_t>(0xc0 | reg << 3 | reg)}));
      }
      case 6:
        return void(code.insert(code.end(), {rex, 0x81, static_cast<uint8_t>(operands() & 0xc3), 0x40, 0x42,
                                             0x0f, static_cast<uint8_t>(below(2) ? 0 : 0xff)}));
      default: return compare(code);
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("loops of any kind end as they do one iteration at a time") {
  unsigned found = 0;
  for (unsigned seed = 0; seed < 8000; ++seed) {
    RandomLoop random(seed);
    const std::vector<uint8_t> code = random.code();
    const CountingLoop::General registers = random.registers();
    const auto loop = find_counting_loop(page_of(code), 0, registers, kCosts);
    // Where it is none at first it may still be one later; a few of these are run, too.
    if (!loop && seed % 8 != 0) continue;
    if (loop && loop->iterations > 1) ++found;
    INFO("seed " << seed);
    compare_runs(code, registers);
  }
  CHECK(found > 200);
}

}  // namespace ringside::test
