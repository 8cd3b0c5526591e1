#include "viewer/window/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

namespace ringside::viewer {

namespace {

// Of the whole process: the software renderer's threads count.
double resident_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    double kilobytes = 0;
    if (std::sscanf(line.c_str(), "VmRSS: %lf", &kilobytes) == 1) return kilobytes / 1024;
  }
  return 0;
}

}  // namespace

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Result<> run_benchmark(App& app, double open_seconds) {
  ViewState& view = app.view();
  SIM_TRY(app.set_layout("overview"));
  app.frame(0.016);
  nlohmann::ordered_json result;
  result["rows"] = view.table().size();
  result["open_s"] = open_seconds;
  result["resident_mb"] = resident_megabytes();

  // From the whole to a tick, at three places, three frames of each: the worst zoom is what counts.
  const auto whole = static_cast<double>(std::max<uint64_t>(view.table().end().ps, 1000));
  double worst = 0, sum = 0;
  int count = 0;
  std::vector<double> by_zoom;
  for (double length = whole; length > 100; length /= 8) {
    double zoom_worst = 0;
    for (const double place : {0.1, 0.5, 0.9}) {
      const double middle = whole * place;
      view.show_range(middle - length / 2, middle + length / 2);
      constexpr int kFrames = 3;
      app.frame(0.016);  // what is made once for a zoom
      const double before = cpu_seconds();
      for (int i = 0; i < kFrames; ++i) {
        view.show_range(view.range_begin + length * 0.01, view.range_end + length * 0.01);
        app.frame(0.016);
      }
      const double frame = (cpu_seconds() - before) / kFrames * 1e3;
      zoom_worst = std::max(zoom_worst, frame);
      sum += frame;
      ++count;
    }
    by_zoom.push_back(zoom_worst);
    worst = std::max(worst, zoom_worst);
  }
  result["frame_ms_worst"] = worst;
  result["frame_ms_mean"] = sum / std::max(count, 1);
  result["frame_ms_by_zoom"] = by_zoom;

  view.show_range(0, whole);
  view.filter_text = "wire ~ \"ring/*\" && operation == READ && sector_number > 2048";
  const double before = cpu_seconds();
  view.apply_filter();
  while (!view.filter_done()) view.update(0);
  result["filter_ms"] = (cpu_seconds() - before) * 1e3;
  result["found"] = view.found().size();
  result["resident_mb_end"] = resident_megabytes();
  fmt::print("{}\n", result.dump());
  return {};
}

}  // namespace ringside::viewer
