// The whole command, as a user runs it, from the start of the process to its end: CPU time by wait4().
#include <benchmark/benchmark.h>

#include <optional>
#include <string>
#include <vector>

#include "bench/process.h"

namespace ringside::bench {
namespace {

enum class Measured { user_time, cpu_time };

void grub(benchmark::State& state, bool recorded, Measured measured) {
  Folder folder;
  std::vector<std::string> command{RINGSIDE_COMMAND, "run", RINGSIDE_GRUB_SCENARIO};
  if (recorded) command.insert(command.end(), {"-o", folder.file("grub.pcapng")});
  for (auto _ : state) {
    const std::optional<CpuUse> use = run_quietly(command);
    if (!use) return state.SkipWithError("the GRUB scenario did not end with 0");
    state.SetIterationTime(use->user + (measured == Measured::cpu_time ? use->system : 0));
  }
}

#define GRUB_BENCHMARK(name, ...)            \
  BENCHMARK_CAPTURE(grub, name, __VA_ARGS__) \
      ->UseManualTime()                      \
      ->Unit(benchmark::kMillisecond)        \
      ->Iterations(1)                        \
      ->Repetitions(9)
GRUB_BENCHMARK(recorded_user, true, Measured::user_time);
GRUB_BENCHMARK(recorded_cpu, true, Measured::cpu_time);
GRUB_BENCHMARK(unrecorded_cpu, false, Measured::cpu_time);

}  // namespace
}  // namespace ringside::bench

BENCHMARK_MAIN();
