// What one access to a device costs, from the guest's instruction through the core, the bus, an untapped wire
// and the device's register, and back: CPU time of a loop of two million in a whole machine (device_loop.c).
#include <benchmark/benchmark.h>

#include <string>

#include "bench/cpu_time.h"
#include "machine/machine.h"

namespace ringside::bench {
namespace {

constexpr double kAccesses = 2'000'000;

void device_loop(benchmark::State& state, const char* kind) {
  const std::string text =
      std::string("name = \"device-loop\"\n[[domain]]\npersonality = \"bare\"\nmemory = \"16M\"\n") +
      "kernel = \"" RINGSIDE_DEVICE_LOOP "\"\ncmdline = \"" + kind + "\"\n[[nic]]\n";
  const auto scenario = parse_scenario(text, "device-loop", {});
  if (!scenario) return state.SkipWithError(scenario.error().message.c_str());
  for (auto _ : state) {
    auto machine = Machine::create(*scenario, {});
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    const double before = cpu_seconds();
    const auto report = (*machine)->run();
    const double took = cpu_seconds() - before;
    if (!report || report->reason != "poweroff")
      return state.SkipWithError("the guest did not come to its end");
    state.SetIterationTime(took / kAccesses);
  }
}

void empty_loop(benchmark::State& state) { device_loop(state, "empty"); }
void port_read(benchmark::State& state) { device_loop(state, "port"); }
void mmio_read(benchmark::State& state) { device_loop(state, "mmio"); }

BENCHMARK(empty_loop)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);
BENCHMARK(port_read)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);
BENCHMARK(mmio_read)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1)->Repetitions(7);

}  // namespace
}  // namespace ringside::bench
