// What a test of a driver on the emulated core costs, as its author has it: a machine made from a scenario, a
// small guest that reads with a hundred requests, and the verdict; recorded, as each test is. The child
// process around it comes with RINGSIDE_TEST and costs a fork.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "bench/cpu_time.h"
#include "bench/process.h"
#include "ringside/machine.h"

namespace ringside::bench {
namespace {

void core_test(benchmark::State& state) {
  Folder folder;
  std::ofstream(folder.file("disk.img"), std::ios::binary).close();
  std::filesystem::resize_file(folder.file("disk.img"), 2 << 20);
  const std::string text =
      "name = \"core-test\"\n[[domain]]\nname = \"dom1\"\npersonality = \"pv\"\nmemory = \"16M\"\n"
      "kernel = \"" RINGSIDE_BLK_GUEST
      "\"\ncmdline = \"requests=100\"\n[[disk]]\nname = \"xvda\"\nimage = \"" +
      folder.file("disk.img") +
      "\"\n[expect]\nconsole = [\"100 requests, 0 failed\"]\nshutdown = \"poweroff\"\nwithin = \"10s\"\n";
  for (auto _ : state) {
    const double before = cpu_seconds();
    {
      test::Machine m(text);
      const test::Outcome outcome = m.run();
      if (!outcome) return state.SkipWithError((outcome.reason + m.console("dom1")).c_str());
      if (m.wire("ring/xvda/request").size() < 100) return state.SkipWithError("there were no 100 requests");
    }
    state.SetIterationTime(cpu_seconds() - before);
  }
}
BENCHMARK(core_test)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(5)->Repetitions(5);

}  // namespace
}  // namespace ringside::bench
