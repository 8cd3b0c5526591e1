// The yardstick for hypercalls: Unicorn alone stops at SYSCALL and is started again, with no machine around.
#include <benchmark/benchmark.h>
#include <unicorn/unicorn.h>

#include <cstdint>

#include "bench/cpu_time.h"

namespace ringside::bench {
namespace {

constexpr uint64_t kCode = 0x100000;
constexpr int kRoundTrips = 200'000;

void stop_at_syscall(uc_engine* engine, void*) { uc_emu_stop(engine); }

void unicorn_stop_start(benchmark::State& state) {
  uc_engine* engine = nullptr;
  if (uc_open(UC_ARCH_X86, UC_MODE_64, &engine) != UC_ERR_OK) {
    state.SkipWithError("uc_open failed");
    return;
  }
  // mov $17, %eax; xor %edi, %edi; xor %esi, %esi; syscall; dec %ebx; jmp to the start: the loop of
  // hypercalls.S, which never ends here.
  const uint8_t code[] = {0xb8, 17, 0, 0, 0, 0x31, 0xff, 0x31, 0xf6, 0x0f, 0x05, 0xff, 0xcb, 0xeb, 0xf1};
  uc_hook hook = 0;
  uc_mem_map(engine, kCode, 0x1000, UC_PROT_ALL);
  uc_mem_write(engine, kCode, code, sizeof code);
  // An empty list of exits: otherwise a stop address costs a translation each time.
  uc_ctl_exits_enable(engine);
  uc_hook_add(engine, &hook, UC_HOOK_INSN, reinterpret_cast<void*>(stop_at_syscall), nullptr, 1, 0,
              UC_X86_INS_SYSCALL);
  uint64_t rip = kCode;
  const auto round_trips = [&](int count) {
    for (int i = 0; i < count; ++i) {
      if (uc_emu_start(engine, rip, 0, 0, 0) != UC_ERR_OK) return false;
      uc_reg_read(engine, UC_X86_REG_RIP, &rip);
    }
    return true;
  };
  bool well = round_trips(100);
  well = well && rip == kCode + 11;
  for (auto _ : state) {
    const double before = cpu_seconds();
    well = well && round_trips(kRoundTrips);
    state.SetIterationTime((cpu_seconds() - before) / kRoundTrips);
  }
  if (!well) state.SkipWithError("the loop did not stop at its SYSCALL");
  uc_close(engine);
}
BENCHMARK(unicorn_stop_start)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);

}  // namespace
}  // namespace ringside::bench
