// What a crossing costs in instructions, counted by callgrind, so that the figure is the same on any host: on
// a wire that nobody taps, and on one that the checkers watch.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "bench/process.h"
#include "machine/machine.h"
#include "machine/scenario.h"

namespace ringside::bench {
namespace {

constexpr const char* kValgrind = "/usr/bin/valgrind";

// How many instructions the command executes until its end. The emulator writes code as it goes.
std::optional<double> instructions_of(const std::vector<std::string>& command) {
  Folder folder;
  const std::string log = folder.file("log");
  std::vector<std::string> words{kValgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null",
                                 "--smc-check=all-non-file", "--log-file=" + log};
  words.insert(words.end(), command.begin(), command.end());
  if (!run_quietly(words)) return std::nullopt;
  // "==123== Collected : 300707656"
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find("Collected : ");
    if (at != std::string::npos) return std::strtod(line.c_str() + at + 12, nullptr);
  }
  return std::nullopt;
}

void report(benchmark::State& state, double instructions) {
  state.counters["instructions"] = instructions;
  state.SetIterationTime(1e-9);  // it is no time
}

bool has_valgrind(benchmark::State& state) {
  if (access(kValgrind, X_OK) == 0) return true;
  state.SkipWithError("not there: valgrind; run scripts/setup");
  return false;
}

void crossing_untapped(benchmark::State& state) {
  if (!has_valgrind(state)) return;
  for (auto _ : state) {
    const auto few = instructions_of({RINGSIDE_CROSSING_LOOP, "10000"});
    const auto many = instructions_of({RINGSIDE_CROSSING_LOOP, "110000"});
    if (!few || !many) return state.SkipWithError("callgrind did not count");
    report(state, (*many - *few) / 100'000);
  }
}
BENCHMARK(crossing_untapped)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1);

// How many crossings there are, whoever looks.
class Counter final : public Tap {
 public:
  void on_crossing(const Wire&, Crossing&, Verdict&) override { ++count; }
  uint64_t count = 0;
};

// The whole of a run with the checkers less the same run without them, for each crossing.
void crossing_checked(benchmark::State& state) {
  if (!has_valgrind(state)) return;
  const std::string scenario = RINGSIDE_SOURCE_SCENARIOS "/blk-read";
  for (auto _ : state) {
    Result<Scenario> loaded = load_scenario(scenario, {});
    if (!loaded) return state.SkipWithError(loaded.error().message.c_str());
    Counter counter;
    MachineOptions options;
    options.taps_behind.push_back(&counter);
    auto machine = Machine::create(*loaded, options);
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    if (auto run = (*machine)->run(); !run) return state.SkipWithError(run.error().message.c_str());
    const auto with = instructions_of({RINGSIDE_COMMAND, "run", scenario});
    const auto without = instructions_of({RINGSIDE_COMMAND, "run", scenario, "--no-check"});
    if (!with || !without) return state.SkipWithError("callgrind did not count");
    report(state, (*with - *without) / static_cast<double>(counter.count));
  }
}
BENCHMARK(crossing_checked)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1);

}  // namespace
}  // namespace ringside::bench
