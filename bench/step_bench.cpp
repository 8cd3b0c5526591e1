// How long a person waits at the stepping debugger: from asking for the next crossing to having its line, and
// what going back to a crossing takes. Time of the clock, because a wait is what it is about; it holds the
// other process's work, too.
#include <benchmark/benchmark.h>

#include "control/crossing_text.h"
#include "control/stepped_machine.h"

namespace ringside::bench {
namespace {

Result<std::unique_ptr<SteppedMachine>> start() {
  MachineRequest wanted;
  wanted.path = RINGSIDE_BLK_READ_SCENARIO;
  return SteppedMachine::start(wanted, {}, [](const std::string&, const std::string&) {});
}

void step_next(benchmark::State& state) {
  auto machine = start();
  if (!machine) return state.SkipWithError(machine.error().message.c_str());
  StopRule any;
  any.wire = "*";
  for (auto _ : state) {
    SteppedMachine::Until until;
    until.rules.push_back(any);
    auto answer = (*machine)->run(until, nullptr);
    if (!answer || !answer->contains("crossing")) return state.SkipWithError("there is no next crossing");
    benchmark::DoNotOptimize(folded(crossing_line((*answer)["crossing"])));
  }
}
BENCHMARK(step_next)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(300);

void step_back(benchmark::State& state) {
  auto machine = start();
  if (!machine) return state.SkipWithError(machine.error().message.c_str());
  StopRule any;
  any.wire = "*";
  SteppedMachine::Until end;
  if (!(*machine)->run(end, nullptr)) return state.SkipWithError("the machine does not run");
  for (auto _ : state) {
    if (!(*machine)->back(any)) return state.SkipWithError("there is no crossing before");
  }
}
BENCHMARK(step_back)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(20);

}  // namespace
}  // namespace ringside::bench
