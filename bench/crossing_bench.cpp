// What a crossing costs in instructions, counted by callgrind, so that the figure is the same on any host: on
// a wire that nobody taps, and on one that the checkers watch.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/process.h"
#include "machine/machine.h"
#include "machine/scenario.h"

namespace ringside::bench {
namespace {

constexpr const char* kValgrind = "/usr/bin/valgrind";

// callgrind runs the command to its end. The emulator writes code as it goes.
bool profile(const std::vector<std::string>& command, const std::string& log, const std::string& calls) {
  std::vector<std::string> words{kValgrind,
                                 "--tool=callgrind",
                                 "--compress-strings=no",
                                 "--smc-check=all-non-file",
                                 "--callgrind-out-file=" + calls,
                                 "--log-file=" + log};
  words.insert(words.end(), command.begin(), command.end());
  return run_quietly(words).has_value();
}

// How many instructions the command executes.
std::optional<double> instructions_of(const std::vector<std::string>& command) {
  Folder folder;
  const std::string log = folder.file("log");
  if (!profile(command, log, "/dev/null")) return std::nullopt;
  // "==123== Collected : 300707656"
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find("Collected : ");
    if (at != std::string::npos) return std::strtod(line.c_str() + at + 12, nullptr);
  }
  return std::nullopt;
}

// The functions through which a sender's message passes its wire, with all that they call: the taps. A
// template's name stands behind its result.
bool is_passing(std::string_view function) {
  for (const char* passing : {"ringside::Wire::pass(", "ringside::Wire::show_"}) {
    if (function.find(passing) != std::string_view::npos) return true;
  }
  return false;
}

// How many of the command's instructions it executes while a message passes a wire. In a profile, calls from
// the function `fn` are told by "cfn=CALLEE", "calls=COUNT LINE" and a line "LINE INSTRUCTIONS".
std::optional<double> instructions_of_crossings(const std::vector<std::string>& command) {
  Folder folder;
  const std::string calls = folder.file("calls");
  if (!profile(command, folder.file("log"), calls)) return std::nullopt;
  std::ifstream file(calls);
  bool from_outside = false, enters = false;
  double sum = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = line;
    if (text.starts_with("fn=")) {
      from_outside = !is_passing(text.substr(3));
    } else if (text.starts_with("cfn=")) {
      enters = is_passing(text.substr(4));
    } else if (text.starts_with("calls=") && std::getline(file, line) && from_outside && enters) {
      sum += std::strtod(line.c_str() + line.find(' '), nullptr);
    }
  }
  if (sum == 0) return std::nullopt;
  return sum;
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

// What passes the wires of blk-read (ring entries and indices, grants, events, hypercalls), with all checkers
// and no other tap: of the run's instructions, those between a sender's call of its wire and the return.
void crossing_checked(benchmark::State& state) {
  if (!has_valgrind(state)) return;
  const std::string scenario = RINGSIDE_SOURCE_SCENARIOS "/blk-read";
  for (auto _ : state) {
    Result<Scenario> loaded = load_scenario(scenario, {});
    if (!loaded) return state.SkipWithError(loaded.error().message.c_str());
    auto machine = Machine::create(*loaded, {});
    if (!machine) return state.SkipWithError(machine.error().message.c_str());
    if (auto run = (*machine)->run(); !run) return state.SkipWithError(run.error().message.c_str());
    const auto crossings = static_cast<double>((*machine)->wiring().last_sequence());
    const auto instructions = instructions_of_crossings({RINGSIDE_COMMAND, "run", scenario});
    if (!instructions) return state.SkipWithError("callgrind did not count");
    state.counters["crossings"] = crossings;
    report(state, *instructions / crossings);
  }
}
BENCHMARK(crossing_checked)->UseManualTime()->Unit(benchmark::kNanosecond)->Iterations(1);

}  // namespace
}  // namespace ringside::bench
