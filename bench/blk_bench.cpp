// What a block request costs, from the guest's driver through ring, grants, image and wires and back: random
// reads of 4 KiB with 32 in flight (blk_reads.c), the guest's own code included.
#include <benchmark/benchmark.h>

#include <fstream>
#include <string>
#include <vector>

#include "bench/cpu_time.h"
#include "bench/process.h"
#include "machine/machine.h"
#include "machine/scenario.h"
#include "sim/random.h"

namespace ringside::bench {
namespace {

constexpr double kRequests = 40'000;  // kRequests of blk_reads.c
constexpr size_t kImageBytes = 64 << 20;

void make_image(const std::string& path) {
  Random random(1);
  std::vector<uint64_t> words(kImageBytes / sizeof(uint64_t));
  for (uint64_t& word : words) word = random.next();
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(words.data()), kImageBytes);
}

void blk_reads(benchmark::State& state, bool recorded) {
  Folder folder;
  make_image(folder.file("disk.img"));
  const std::string text =
      "name = \"blk-reads\"\n[[domain]]\nname = \"dom1\"\npersonality = \"pv\"\n"
      "memory = \"16M\"\nkernel = \"" RINGSIDE_BLK_GUEST "\"\n[[disk]]\nname = \"xvda\"\nimage = \"" +
      folder.file("disk.img") +
      "\"\n[expect]\nconsole = [\"40000 requests, 0 failed, 32 in flight\"]\nshutdown = \"poweroff\"\n"
      "within = \"100s\"\n";
  for (auto _ : state) {
    Result<Scenario> scenario = parse_scenario(text, "bench/blk_bench.cpp", {});
    if (!scenario) return state.SkipWithError(scenario.error().message.c_str());
    MachineOptions options;
    if (recorded) options.record_to = folder.file("blk.pcapng");
    auto machine = Machine::create(*scenario, options);
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    const double before = user_seconds();
    Result<RunReport> report = (*machine)->run();
    state.SetIterationTime((user_seconds() - before) / kRequests);
    if (!report) return state.SkipWithError(report.error().message.c_str());
    if (report->exit_code != ExitCode::ok) return state.SkipWithError(report->reason.c_str());
  }
}
#define BLK_BENCHMARK(name, ...)                  \
  BENCHMARK_CAPTURE(blk_reads, name, __VA_ARGS__) \
      ->UseManualTime()                           \
      ->Unit(benchmark::kMicrosecond)             \
      ->Iterations(1)                             \
      ->Repetitions(5)
BLK_BENCHMARK(recorded, true);
BLK_BENCHMARK(unrecorded, false);

}  // namespace
}  // namespace ringside::bench
