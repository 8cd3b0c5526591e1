#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace ringside::cli {

ProgressLine::ProgressLine(bool wanted)
    : on_(wanted && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO)),
      started_(std::chrono::steady_clock::now()),
      last_(started_) {}

void ProgressLine::update(const Progress& progress) {
  if (!on_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  const double host_seconds = std::chrono::duration<double>(now - started_).count();
  fmt::print(stderr, "\r\x1b[K{:.3f} s virtual, {:.0f} guest MIPS",
             static_cast<double>(progress.now.ps) / 1e12,
             static_cast<double>(progress.instructions) / host_seconds / 1e6);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace ringside::cli
