// bench_crossing_loop COUNT: makes so many crossings on a wire that nobody taps, as a device makes them. The
// benchmark runs it under callgrind, twice, and takes the difference.
#include <cstdlib>

#include "host/payloads.h"
#include "sim/event_queue.h"
#include "sim/wire.h"

namespace {

// What a device does at each crossing, and the compiler cannot see through.
[[gnu::noinline]] void cross(ringside::Wire& wire, uint64_t sector) {
  const ringside::ImageRecord record{.sector = sector, .count = 8};
  (void)wire.show(ringside::Direction::in, record);
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 2;
  ringside::Clock clock;
  ringside::EventQueue events;
  ringside::Wiring wiring(clock, events);
  ringside::Wire& wire = wiring.add("image/xvda", ringside::WireKind::message, ringside::kImagePayload);
  for (long left = std::atol(words[1]); left > 0; --left) cross(wire, static_cast<uint64_t>(left));
  return 0;
}
