// Campaigns: what a run with a fault costs from fork to verdict, and what a fork alone costs. CPU time of
// this process and of all its children, so that a figure is one of a core however many of them there are.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "campaign/campaign.h"
#include "sim/memory.h"

namespace ringside::bench {
namespace {

double cpu_seconds_with_children() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    getrusage(who, &used);
    for (const timeval& time : {used.ru_utime, used.ru_stime})
      sum += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  }
  return sum;
}

// Time per run; the limit of 300 runs per second and core is 3.33 ms. Counting the sites is part of it.
void campaign_blk_read(benchmark::State& state) {
  constexpr uint64_t kRuns = 1000;
  for (auto _ : state) {
    CampaignOptions options;
    options.scenario = RINGSIDE_BLK_READ_SCENARIO;
    options.random = kRuns;
    const double before = cpu_seconds_with_children();
    const auto report = run_campaign(options);
    if (!report) return state.SkipWithError(report.error().message.c_str());
    state.SetIterationTime((cpu_seconds_with_children() - before) /
                           static_cast<double>(report->results.size()));
    if (report->results.size() != kRuns) return state.SkipWithError("there are not so many points");
  }
}
BENCHMARK(campaign_blk_read)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(5);

// A snapshot and its end, with 64 MiB of guest memory touched.
void fork_snapshot(benchmark::State& state) {
  constexpr uint64_t kBytes = 64 << 20;
  auto memory = Memory::create(GuestPhys{0}, kBytes);
  if (!memory) return state.SkipWithError(memory.error().message.c_str());
  for (uint64_t at = 0; at < kBytes; at += kPageSize) (*memory)->store(GuestPhys{at}, at + 1);
  constexpr int kForks = 100;
  for (auto _ : state) {
    const double before = cpu_seconds_with_children();
    for (int i = 0; i < kForks; ++i) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      if (child < 0 || waitpid(child, nullptr, 0) != child) return state.SkipWithError("fork fails");
    }
    state.SetIterationTime((cpu_seconds_with_children() - before) / kForks);
  }
}
BENCHMARK(fork_snapshot)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(5);

}  // namespace
}  // namespace ringside::bench
