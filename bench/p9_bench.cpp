// What a Tread of 4 KiB costs, from the guest's client through ring, server and wires and back, with 32 in
// flight (p9_reads.c) against a tree in memory; the guest's own code included.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/cpu_time.h"
#include "bench/process.h"
#include "machine/machine.h"
#include "machine/scenario.h"

namespace ringside::bench {
namespace {

constexpr double kReads = 40'000;         // kReads of p9_reads.c
constexpr size_t kFileBytes = 64 * 1024;  // kFileBytes of p9_reads.c

void p9_reads(benchmark::State& state, bool recorded) {
  Folder folder;
  const std::string text =
      "name = \"p9-reads\"\n[[domain]]\nname = \"dom1\"\npersonality = \"pv\"\nmemory = \"16M\"\n"
      "kernel = \"" RINGSIDE_P9_GUEST "\"\n[[share]]\nname = \"share0\"\nmemory = { file = \"" +
      std::string(kFileBytes, 'x') +
      "\" }\n[expect]\nconsole = [\"40000 reads, 0 failed\"]\nshutdown = \"poweroff\"\nwithin = \"100s\"\n";
  for (auto _ : state) {
    Result<Scenario> scenario = parse_scenario(text, "bench/p9_bench.cpp", {});
    if (!scenario) return state.SkipWithError(scenario.error().message.c_str());
    MachineOptions options;
    if (recorded) options.record_to = folder.file("p9.pcapng");
    auto machine = Machine::create(*scenario, options);
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    const double before = user_seconds();
    Result<RunReport> report = (*machine)->run();
    state.SetIterationTime((user_seconds() - before) / kReads);
    if (!report) return state.SkipWithError(report.error().message.c_str());
    if (report->exit_code != ExitCode::ok) return state.SkipWithError(report->reason.c_str());
  }
}
#define P9_BENCHMARK(name, ...)                  \
  BENCHMARK_CAPTURE(p9_reads, name, __VA_ARGS__) \
      ->UseManualTime()                          \
      ->Unit(benchmark::kMicrosecond)            \
      ->Iterations(1)                            \
      ->Repetitions(5)
P9_BENCHMARK(recorded, true);
P9_BENCHMARK(unrecorded, false);

}  // namespace
}  // namespace ringside::bench
