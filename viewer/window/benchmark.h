#pragma once

#include "viewer/window/app.h"

namespace ringside::viewer {

// Draws the timeline at many zooms, scrolls, filters; prints one JSON object with CPU times: what bench/
// reads. `open_seconds`: the CPU time until all was read and the first whole picture stood.
Result<> run_benchmark(App& app, double open_seconds);
double cpu_seconds();

}  // namespace ringside::viewer
