// What a frame of 1,400 bytes costs that a guest sends, from its driver through ring, grants, wires and
// switch to a host that checks it (net_frames.c), the guest's own code included.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/cpu_time.h"
#include "bench/process.h"
#include "machine/machine.h"
#include "machine/scenario.h"

namespace ringside::bench {
namespace {

constexpr double kFrames = 100'000;  // kFrames of net_frames.c

void net_frames(benchmark::State& state, bool recorded) {
  Folder folder;
  const std::string text =
      "name = \"net-frames\"\n[[domain]]\nname = \"dom1\"\npersonality = \"pv\"\n"
      "memory = \"16M\"\nkernel = \"" RINGSIDE_NET_GUEST
      "\"\n[[nic]]\nname = \"vif0\"\n[[peer]]\nkind = \"responder\"\n"
      "[expect]\nconsole = [\"100000 sent, 0 errors\"]\nshutdown = \"poweroff\"\nwithin = \"100s\"\n";
  for (auto _ : state) {
    Result<Scenario> scenario = parse_scenario(text, "bench/net_bench.cpp", {});
    if (!scenario) return state.SkipWithError(scenario.error().message.c_str());
    MachineOptions options;
    if (recorded) options.record_to = folder.file("net.pcapng");
    auto machine = Machine::create(*scenario, options);
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    const double before = user_seconds();
    Result<RunReport> report = (*machine)->run();
    state.SetIterationTime((user_seconds() - before) / kFrames);
    if (!report) return state.SkipWithError(report.error().message.c_str());
    if (report->exit_code != ExitCode::ok) return state.SkipWithError(report->reason.c_str());
  }
}
#define NET_BENCHMARK(name, ...)                   \
  BENCHMARK_CAPTURE(net_frames, name, __VA_ARGS__) \
      ->UseManualTime()                            \
      ->Unit(benchmark::kMicrosecond)              \
      ->Iterations(1)                              \
      ->Repetitions(5)
NET_BENCHMARK(recorded, true);
NET_BENCHMARK(unrecorded, false);

}  // namespace
}  // namespace ringside::bench
