// Machines in this process: how long one takes to build, and what a hypercall costs in it.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/cpu_time.h"
#include "machine/machine.h"
#include "machine/scenario.h"

namespace ringside::bench {
namespace {

// Everything up to the guest's first instruction: reading the scenario, loading the kernel, page tables.
void machine_start(benchmark::State& state) {
  for (auto _ : state) {
    const double before = cpu_seconds();
    Result<Scenario> scenario = load_scenario(RINGSIDE_GRUB_SCENARIO, {});
    if (!scenario) return state.SkipWithError(scenario.error().message.c_str());
    auto machine = Machine::create(*scenario, {});
    state.SetIterationTime(cpu_seconds() - before);
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
  }
}
BENCHMARK(machine_start)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(5)->Repetitions(5);

// The whole way of a hypercall in a machine that nobody watches, no checker either, the guest's own loop
// included.
void hypercall(benchmark::State& state) {
  constexpr double kHypercalls = 1'000'000;
  const std::string text =
      "name = \"hypercalls\"\n[[domain]]\nname = \"dom1\"\npersonality = \"pv\"\n"
      "memory = \"16M\"\nkernel = \"" RINGSIDE_HYPERCALL_GUEST
      "\"\n"
      "[check]\noff = [\"*\"]\n[expect]\nshutdown = \"poweroff\"\nwithin = \"100s\"\n";
  for (auto _ : state) {
    Result<Scenario> scenario = parse_scenario(text, "bench/machine_bench.cpp", {});
    if (!scenario) return state.SkipWithError(scenario.error().message.c_str());
    auto machine = Machine::create(*scenario, {});
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    const double before = cpu_seconds();
    Result<RunReport> report = (*machine)->run();
    state.SetIterationTime((cpu_seconds() - before) / kHypercalls);
    if (!report) return state.SkipWithError(report.error().message.c_str());
    if (report->exit_code != ExitCode::ok) return state.SkipWithError(report->reason.c_str());
  }
}
BENCHMARK(hypercall)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);

}  // namespace
}  // namespace ringside::bench
