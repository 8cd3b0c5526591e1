// What recording costs: one crossing through the recorder's tap. The file is /dev/null, so that what is
// measured is the recorder and its calls, not the host's page cache.
#include <benchmark/benchmark.h>

#include <vector>

#include "sim/session/recorder.h"

namespace ringside::bench {
namespace {

constexpr PayloadType kPayload{.id = 65200, .name = "bench", .title = "A payload", .size = 0, .fields = {}};

// A ring request with a few segments is about a hundred bytes.
void recorded_crossing(benchmark::State& state) {
  auto recorder = Recorder::create("/dev/null", SessionHeader{});
  if (!recorder) return state.SkipWithError(recorder.error().message.c_str());
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  wiring.add_tap(**recorder);
  Wire& wire = wiring.add("dom1/ring/xvda/request", WireKind::message, kPayload);
  std::vector<uint8_t> payload(static_cast<size_t>(state.range(0)), 0x5a);
  uint64_t crossings = 0, epochs = 0;
  for (auto _ : state) {
    clock.now += nanoseconds(300);
    wire.pass(Direction::out, payload);
    if (++crossings % 1000 == 0) {
      (*recorder)->end_epoch(
          EpochDigest{++epochs, clock.now, crossings, 0, 0, {{"cpu/dom1", 1}}, std::nullopt});
    }
  }
}
BENCHMARK(recorded_crossing)->Arg(16)->Arg(96)->Arg(512);

}  // namespace
}  // namespace ringside::bench
