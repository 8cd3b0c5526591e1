// Random bytes as code, in every mode: whatever the guest does, the core answers with an exit, the clock
// moves or the guest halts, and two runs are equal. What it computes is not looked at.
#include "sim/random.h"
#include "tests/unit/cpu/native_machine.h"

namespace ringside::test {
namespace {

struct Outcome {
  uint64_t digest = 0, instructions = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome run_random_code(uint64_t seed, EntryMode mode, bool user, bool disturb) {
  Random random = Random(seed).fork("code");
  Random disturbance = Random(seed).fork("disturbance");
  NativeMachine machine(mode);
  for (uint64_t at = 0; at < 0x1000; ++at) {
    const auto byte = static_cast<uint8_t>(random.below(256));
    machine.set<uint8_t>(user ? kUser + at : kKernel + at, byte);
    if (mode == EntryMode::reset_vector) machine.set<uint8_t>(at, byte);
  }
  // Handlers come back, mostly to the same fault, so give each a chance to go on elsewhere.
  for (unsigned vector = 0; vector < 256; ++vector) {
    machine.set<uint8_t>(kHandlers + vector * 16, mode == EntryMode::long_64 ? 0xff : 0x90);
  }
  if (user) {
    machine.enter_user(kUser, mode == EntryMode::long_64 && random.one_in(2) ? kUserCode64 : kUserCode32);
  } else {
    for (int i = 0; i < 16; ++i) {
      const uint64_t value = random.one_in(2) ? random.below(0x40'0000) : random.next();
      if (i != Registers::rsp) machine.cpu->set_general(static_cast<Registers::General>(i), value);
    }
  }
  for (int n = 0; n < 60; ++n) {
    if (disturb && disturbance.one_in(2)) machine.cpu->flush_emulator_tlb();
    const Exit exit = machine.run(microseconds(1));
    if (exit.reason == ExitReason::halt) machine.environment.cpu->set_interrupt_line(true);
    if (exit.reason == ExitReason::halt && machine.cpu->halted()) break;
    if (exit.reason == ExitReason::shutdown || exit.reason == ExitReason::broken) break;
  }
  return {machine.digest(), machine.clock.instructions};
}

}  // namespace

TEST_CASE("random code in every mode ends in an exit, and the same way twice") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    for (EntryMode mode : {EntryMode::long_64, EntryMode::protected_32, EntryMode::reset_vector}) {
      for (bool user : {false, true}) {
        if (user && mode != EntryMode::long_64) continue;
        INFO("seed " << seed << " mode " << static_cast<int>(mode) << " user " << user);
        CHECK(run_random_code(seed, mode, user, false) == run_random_code(seed, mode, user, true));
      }
    }
  }
}

}  // namespace ringside::test
