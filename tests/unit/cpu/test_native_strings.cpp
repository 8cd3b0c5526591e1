// REP STOS and REP MOVS, many iterations at once: as one by one. The emulator itself is the measure: a
// stepped run executes each iteration there. Also PAUSE, which waits longer in a loop.
#include "tests/unit/cpu/native_machine.h"

namespace ringside::test {
namespace {

struct Case {
  const char* what;
  std::initializer_list<int> code;  // one repeated instruction
  uint64_t from, to, count;
  bool backwards = false;
};

// A page of the second two megabytes, so that loads and stores cross pages of RAM.
constexpr uint64_t kFrom = kUser + 0x1'0000, kTo = kUser + 0x2'0000;

const Case kCases[] = {
    {"stosb", {0xf3, 0xaa}, 0, kTo + 5, 10'000},
    {"stosw", {0xf3, 0x66, 0xab}, 0, kTo + 4094, 3000},
    {"stosd", {0xf3, 0xab}, 0, kTo + 4093, 3000},
    {"stosq over a page's edge", {0xf3, 0x48, 0xab}, 0, kTo + 4089, 2000},
    {"movsb", {0xf3, 0xa4}, kFrom + 17, kTo + 4000, 9000},
    {"movsq", {0xf3, 0x48, 0xa5}, kFrom + 8, kTo + 4, 2000},
    {"movsb onto itself, one further on", {0xf3, 0xa4}, kFrom, kFrom + 1, 6000},
    {"movsq onto itself, one further back", {0xf3, 0x48, 0xa5}, kFrom + 8, kFrom, 1500},
    {"movsb backwards", {0xf3, 0xa4}, kFrom + 9000, kTo + 9000, 9000, true},
    {"stosq into a device", {0xf3, 0x48, 0xab}, 0, kDevice, 40},
    {"stosb over its own code", {0xf3, 0xaa}, 0, kKernel - 200, 300},
};

void prepare(NativeMachine& machine, const Case& given) {
  for (uint64_t i = 0; i < 0x4000; i += 8) machine.set<uint64_t>(kFrom + i, i * 0x9e37'79b9'7f4a'7c15);
  machine.load(kKernel, given.code);
  machine.load(kKernel + given.code.size(), {0xf4});
  machine.cpu->set_general(Registers::rsi, given.from);
  machine.cpu->set_general(Registers::rdi, given.to);
  machine.cpu->set_general(Registers::rcx, given.count);
  machine.cpu->set_general(Registers::rax, 0x1122'3344'5566'77f4);
  machine.set_flags(given.backwards ? 0x402 : 0x2);
}

}  // namespace

TEST_CASE("REP STOS and REP MOVS end as they do one iteration at a time") {
  for (const Case& given : kCases) {
    INFO(given.what);
    NativeMachine at_once, stepped, sliced;
    for (NativeMachine* machine : {&at_once, &stepped, &sliced}) prepare(*machine, given);
    REQUIRE(at_once.run(seconds(1)).reason == ExitReason::halt);
    Exit exit;
    do exit = stepped.cpu->step();
    while (exit.reason == ExitReason::stepped);
    REQUIRE(exit.reason == ExitReason::halt);
    // Deadlines in the middle: each stop is where the iterations one by one would have stopped.
    do exit = sliced.run(nanoseconds(777));
    while (exit.reason == ExitReason::deadline);
    REQUIRE(exit.reason == ExitReason::halt);
    for (NativeMachine* other : {&stepped, &sliced}) {
      CHECK(other->cpu->registers() == at_once.cpu->registers());
      CHECK(other->clock.instructions == at_once.clock.instructions);
      CHECK(other->clock.now == at_once.clock.now);
      CHECK(other->memory->digest() == at_once.memory->digest());
      CHECK(other->environment.memory.size() == at_once.environment.memory.size());
    }
  }
}

TEST_CASE("a deadline stops a repeated instruction at the first iteration behind it") {
  const auto stop = [](bool one_by_one) {
    NativeMachine machine;
    prepare(machine, kCases[0]);
    const Tick deadline = machine.clock.now + microseconds(3);
    if (one_by_one) {
      while (machine.clock.now < deadline) REQUIRE(machine.cpu->step(deadline).reason == ExitReason::stepped);
    } else {
      REQUIRE(machine.cpu->run(deadline).reason == ExitReason::deadline);
    }
    CHECK(machine.clock.now >= deadline);
    CHECK(machine.clock.now < deadline + nanoseconds(10));
    return machine.reg(Registers::rcx);
  };
  const uint64_t left = stop(false);
  CHECK(left > 0);
  CHECK(left == stop(true));
}

TEST_CASE("a loop of PAUSE waits longer by a part of what it has waited, and 5 us at most") {
  const auto waits = [](uint32_t count, bool looks) {
    NativeMachine machine;
    // mov ecx, count; 1: pause; (in al, 60h;) dec ecx; jnz 1b; hlt
    const auto byte = [&](unsigned n) { return static_cast<int>(count >> 8 * n & 0xff); };
    machine.load(kKernel, {0xb9, byte(0), byte(1), byte(2), byte(3), 0xf3, 0x90});
    if (looks) {
      machine.load(kKernel + 7, {0xe4, 0x60, 0xff, 0xc9, 0x75, 0xf8, 0xf4});
    } else {
      machine.load(kKernel + 7, {0xff, 0xc9, 0x75, 0xfa, 0xf4});
    }
    const Tick before = machine.clock.now;
    REQUIRE(machine.run(seconds(1)).reason == ExitReason::halt);
    return machine.clock.now - before;
  };
  // 400 cycles of 500 ps, and a little for the rest of the loop.
  CHECK(waits(4, false) < nanoseconds(900));
  CHECK(waits(4, false) > nanoseconds(800));
  CHECK(waits(1000, false) > microseconds(1000));
  const Tick longest = waits(2000, false) - waits(1999, false);
  CHECK(longest > nanoseconds(5200));
  CHECK(longest < nanoseconds(5210));
  // What looks at a device waits as long each time.
  CHECK(waits(2000, true) - waits(1999, true) < nanoseconds(1300));
}

}  // namespace ringside::test
