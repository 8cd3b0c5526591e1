// A long session for the benchmarks of the viewer, which goes when its user does; and the programs that look
// at it.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "bench/process.h"
#include "machine/machine.h"
#include "tests/support/long_session.h"

namespace ringside::bench {

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
  // What the window says of itself (ringside view --benchmark), under Xvfb with software OpenGL.
  std::optional<nlohmann::json> in_window() {
    if (!problem_.empty()) return std::nullopt;
    const std::string command = fmt::format(
        "LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s '-screen 0 1600x1000x24' '{}' view '{}' --benchmark "
        "--size 1280x720",
        RINGSIDE_COMMAND, path_);
    std::FILE* output = popen(command.c_str(), "r");
    if (output == nullptr) return std::nullopt;
    std::string text(1 << 16, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), output));
    auto figures = nlohmann::json::parse(text, nullptr, false);
    if (pclose(output) == 0 && figures.is_object()) return figures;
    problem_ = "ringside view --benchmark has failed";
    return std::nullopt;
  }
  const std::string& problem() const { return problem_; }

 private:
  Folder folder_;
  std::string path_, problem_;
};

}  // namespace ringside::bench
