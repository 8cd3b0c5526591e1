// What the viewer costs on long sessions: a recording of blk-read, again and again, is opened by
// bench_viewer_open, filtered, shown in the window, and removed.
#include <benchmark/benchmark.h>

#include <optional>
#include <string>

#include "bench/viewer_session.h"

namespace ringside::bench {
namespace {

// Of rings; of any wire's fields; and with all that a test may ask.
constexpr const char* kFilters =
    R"('wire ~ "ring/*" && operation == "READ" && sector_number > 2048' 'op == read && sector > 2048' )"
    R"('(gref == 9 || ref > 100 && flags == reading) && time > 1ms || status < 0 || component ~ "blk*"')";

LongSession& a_million() {
  static LongSession session(1'000'000);
  return session;
}

// Measured once, by whichever benchmark is the first.
const std::optional<Figures>& of_a_million(std::string& problem) {
  static const std::optional<Figures> figures = a_million().open(kFilters);
  problem = a_million().problem();
  return figures;
}
const std::optional<nlohmann::json>& window_of_a_million(std::string& problem) {
  static const std::optional<nlohmann::json> figures = a_million().in_window();
  problem = a_million().problem();
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

// The worst zoom's.
void frame_1m(benchmark::State& state) {
  for (auto _ : state) {
    std::string problem;
    const auto& figures = window_of_a_million(problem);
    if (!figures) return state.SkipWithError(problem.c_str());
    state.SetIterationTime(figures->value("frame_ms_worst", 1e9) / 1000);
  }
}
BENCHMARK(frame_1m)->Name("viewer/frame_1m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

// All that the first picture needs, and the window itself.
void window_1m(benchmark::State& state) {
  for (auto _ : state) {
    std::string problem;
    const auto& figures = window_of_a_million(problem);
    if (!figures) return state.SkipWithError(problem.c_str());
    state.counters["MB"] = figures->value("resident_mb_end", 1e9);
    state.SetIterationTime(figures->value("open_s", 1e9));
  }
}
BENCHMARK(window_1m)->Name("viewer/window_1m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

LongSession& ten_million() {
  static LongSession session(10'000'000);
  return session;
}

void open_10m(benchmark::State& state) {
  for (auto _ : state) {
    const auto figures = ten_million().open("");
    if (!figures) return state.SkipWithError(ten_million().problem().c_str());
    state.SetIterationTime(figures->open_seconds);
  }
}
BENCHMARK(open_10m)->Name("viewer/open_10m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

void frame_10m(benchmark::State& state) {
  for (auto _ : state) {
    const auto figures = ten_million().in_window();
    if (!figures) return state.SkipWithError(ten_million().problem().c_str());
    state.SetIterationTime(figures->value("frame_ms_worst", 1e9) / 1000);
  }
}
BENCHMARK(frame_10m)->Name("viewer/frame_10m")->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace ringside::bench
