// What a block request costs where the driver is hosted: reads of 4 KiB with 32 in flight, each with a grant
// of its own, from the driver through ring, grants and image and back (tests/hosted/blk_driver.c). CPU time
// of the process, user and system. And what one call of hosted.h costs.
#include <benchmark/benchmark.h>

#include <fstream>
#include <string>
#include <vector>

#include "bench/cpu_time.h"
#include "bench/process.h"
#include "machine/machine.h"
#include "machine/scenario.h"
#include "ringside/hosted.h"

extern "C" void blk_driver_main(void);

namespace ringside::bench {
namespace {

constexpr double kRequests = 200'000;
constexpr size_t kImageBytes = 16 << 20;

// Seconds of CPU time for the run; negative: it failed, and the state says why.
double run(benchmark::State& state, const std::string& text, std::function<void()> program) {
  Result<Scenario> scenario = parse_scenario(text, "bench/hosted_bench.cpp", {});
  if (!scenario) return state.SkipWithError(scenario.error().message.c_str()), -1;
  MachineOptions options;
  options.hosted = {{"dom1", std::move(program)}};
  auto machine = Machine::create(*scenario, options);
  if (!machine) return state.SkipWithError(machine.error().message.c_str()), -1;
  const double before = cpu_seconds();
  Result<RunReport> report = (*machine)->run();
  const double taken = cpu_seconds() - before;
  if (!report) return state.SkipWithError(report.error().message.c_str()), -1;
  if (report->exit_code != ExitCode::ok) return state.SkipWithError(report->reason.c_str()), -1;
  return taken;
}

void hosted_blk(benchmark::State& state) {
  Folder folder;
  const std::vector<char> zeros(kImageBytes);
  std::ofstream(folder.file("disk.img"), std::ios::binary).write(zeros.data(), kImageBytes);
  const std::string text =
      "name = \"hosted-blk\"\n[[domain]]\nname = \"dom1\"\npersonality = \"hosted\"\nmemory = \"16M\"\n"
      "cmdline = \"requests=200000\"\n[[disk]]\nname = \"xvda\"\nimage = \"" +
      folder.file("disk.img") +
      "\"\n[expect]\nconsole = [\"200000 requests, 0 failed\"]\nshutdown = \"poweroff\"\nwithin = "
      "\"1000s\"\n";
  for (auto _ : state) {
    const double taken = run(state, text, blk_driver_main);
    if (taken < 0) return;
    state.SetIterationTime(taken / kRequests);
  }
}
BENCHMARK(hosted_blk)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(1)->Repetitions(5);

void hosted_call(benchmark::State& state) {
  constexpr double kCalls = 1'000'000;
  const std::string text =
      "name = \"hosted-call\"\n[[domain]]\nname = \"dom1\"\npersonality = \"hosted\"\nmemory = \"16M\"\n"
      "[expect]\nshutdown = \"poweroff\"\nwithin = \"1000s\"\n";
  for (auto _ : state) {
    const double taken = run(state, text, [] {
      for (unsigned i = 0; i < 1'000'000; ++i) rs_now_ns();
    });
    if (taken < 0) return;
    state.SetIterationTime(taken / kCalls);
  }
}
BENCHMARK(hosted_call)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(5);

}  // namespace
}  // namespace ringside::bench
