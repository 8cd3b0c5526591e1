// What the viewer costs on long sessions: a recording of blk-read, again and again, is opened by
// bench_viewer_open, filtered, and removed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "bench/process.h"
#include "machine/machine.h"
#include "tests/support/long_session.h"

namespace ringside::bench {
namespace {

struct Figures {
  double crossings = 0, open_seconds = 0, megabytes = 0, filter_milliseconds = 0;
};

class LongSession {
 public:
  explicit LongSession(uint64_t crossings) : path_(folder_.file("long.pcapng")) {
    register_all_payload_types();
    const std::string recording = folder_.file("recording.pcapng");
    if (!run_quietly({RINGSIDE_COMMAND, "run", RINGSIDE_BLK_READ_SCENARIO, "-o", recording})) {
      problem_ = "blk-read cannot be recorded";
      return;
    }
    const auto written = test_support::write_long_session(path_, recording, crossings);
    if (!written) problem_ = written.error().message;
  }

  // What bench_viewer_open prints.
  std::optional<Figures> open(const std::string& filters) {
    if (!problem_.empty()) return std::nullopt;
    const std::string command = fmt::format("'{}' '{}' {}", RINGSIDE_VIEWER_OPEN, path_, filters);
    std::FILE* output = popen(command.c_str(), "r");
    if (output == nullptr) return std::nullopt;
    Figures figures;
    const int read = std::fscanf(output, "%lf %lf %lf %lf", &figures.crossings, &figures.open_seconds,
                                 &figures.megabytes, &figures.filter_milliseconds);
    if (pclose(output) == 0 && read == 4) return figures;
    problem_ = "bench_viewer_open has failed";
    return std::nullopt;
  }
  const std::string& problem() const { return problem_; }

 private:
  Folder folder_;
  std::string path_, problem_;
};

// Of rings; of any wire's fields; and with all that a test may ask.
constexpr const char* kFilters =
    R"('wire ~ "ring/*" && operation == "READ" && sector_number > 2048' 'op == read && sector > 2048' )"
    R"('(gref == 9 || ref > 100 && flags == reading) && time > 1ms || status < 0 || component ~ "blk*"')";

// Measured once, by whichever benchmark is the first.
const std::optional<Figures>& of_a_million(std::string& problem) {
  static LongSession session(1'000'000);
  static const std::optional<Figures> figures = session.open(kFilters);
  problem = session.problem();
  return figures;
}

void open_1m(benchmark::State& state) {
  for (auto _ : state) {
    std::string problem;
    const auto& figures = of_a_million(problem);
    if (!figures) return state.SkipWithError(problem.c_str());
    state.SetIterationTime(figures->open_seconds);
  }
}
BENCHMARK(open_1m)->Name("viewer/open_1m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

void filter_1m(benchmark::State& state) {
  for (auto _ : state) {
    std::string problem;
    const auto& figures = of_a_million(problem);
    if (!figures) return state.SkipWithError(problem.c_str());
    state.SetIterationTime(figures->filter_milliseconds / 1000);
  }
}
BENCHMARK(filter_1m)->Name("viewer/filter_1m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

// The counter is the figure.
void bytes_1m(benchmark::State& state) {
  for (auto _ : state) {
    std::string problem;
    const auto& figures = of_a_million(problem);
    if (!figures) return state.SkipWithError(problem.c_str());
    state.counters["MB"] = figures->megabytes;
    state.SetIterationTime(figures->open_seconds);
  }
}
BENCHMARK(bytes_1m)->Name("viewer/bytes_1m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

void open_10m(benchmark::State& state) {
  for (auto _ : state) {
    LongSession session(10'000'000);
    const auto figures = session.open("");
    if (!figures) return state.SkipWithError(session.problem().c_str());
    state.SetIterationTime(figures->open_seconds);
  }
}
BENCHMARK(open_10m)->Name("viewer/open_10m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace ringside::bench
