// bench_viewer_open SESSION [FILTER...]: what the viewer does before its first frame, in a process of its
// own, whose memory is nobody else's. Prints a line of figures: rows, CPU seconds until all of them are in
// the table, megabytes that this took at its peak, and the CPU milliseconds of the slowest filter.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "bench/cpu_time.h"
#include "machine/machine.h"
#include "viewer/session/filter.h"
#include "viewer/session/row_text.h"
#include "viewer/session/viewed_session.h"

namespace {

using namespace ringside;
using namespace ringside::viewer;

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1000;  // it counts KiB
}

int stop(const std::string& message) {
  fmt::print(stderr, "bench_viewer_open: {}\n", message);
  return 2;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return stop("usage: bench_viewer_open SESSION [FILTER...]");
  register_all_payload_types();
  const double memory_before = peak_megabytes(), before = bench::cpu_seconds();
  auto session = ViewedSession::open(words[1]);
  if (!session) return stop(session.error().message);
  // In the slices of a window that stays alive.
  while (!(*session)->is_read()) (*session)->read_for(std::chrono::milliseconds(8));
  const CrossingTable& table = (*session)->table();
  RowText text(table);
  text.prepare_for(std::chrono::hours(1));
  const double opened = bench::cpu_seconds() - before, memory = peak_megabytes() - memory_before;
  if (!(*session)->problem().empty()) return stop((*session)->problem());
  double slowest = 0;
  for (int i = 2; i < count; ++i) {
    auto filter = Filter::parse(words[i]);
    if (!filter) return stop(filter.error().message);
    const double begin = bench::cpu_seconds();
    std::vector<Row> found;
    filter->find(table, text, 0, table.size(), found);
    slowest = std::max(slowest, bench::cpu_seconds() - begin);
    if (found.empty()) return stop(fmt::format("nothing matches {}", words[i]));
  }
  fmt::print("{} {:.6f} {:.3f} {:.3f}\n", table.size(), opened, memory, slowest * 1000);
  return 0;
}
