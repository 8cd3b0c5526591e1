// What the checker `ring` asks of rings of bytes: 9pfs, consoles, XenStore. They have no field that asks for
// events: who has written tells the other end.
#include <fmt/format.h>

#include <utility>

#include "checkers/xen/ring_checker.h"

namespace ringside {

namespace {
constexpr Tick kPatience = milliseconds(1);
}

void RingChecker::look_closer(ByteRing& ring, Sight sight) {
  const ByteRing::Indices now = ring.indices();
  const ByteRing::Indices before = std::exchange(ring.seen, now);
  const Wire& wire = ring.wire != nullptr ? *ring.wire : sight.wire;
  const auto runs_back = [&](const char* index, uint32_t was, uint32_t is) {
    if (!index_before(is, was) || ring.halted) return;
    ring.halted = true;
    violate("index_backwards", wire, sight.crossing,
            fmt::format("{}: {} was {} and is {}", ring.name, index, was, is));
  };
  const auto overruns = [&](const char* index, uint32_t prod, uint32_t cons, uint32_t size) {
    if (prod - cons <= size || ring.halted) return;
    ring.halted = true;
    violate("index_overrun", wire, sight.crossing,
            fmt::format("{}: {} is {}, but only {} bytes fit behind {}", ring.name, index, prod, size, cons));
  };
  runs_back("the guest's producer", before.out_prod, now.out_prod);
  runs_back("the guest's consumer", before.in_cons, now.in_cons);
  runs_back("the backend's producer", before.in_prod, now.in_prod);
  runs_back("the backend's consumer", before.out_cons, now.out_cons);
  overruns("the guest's producer", now.out_prod, now.out_cons, ring.layout.out_size);
  overruns("the backend's producer", now.in_prod, now.in_cons, ring.layout.in_size);
}

void RingChecker::look_for_missing_event(ByteRing& ring, Sight sight) {
  const ByteRing::Indices& now = ring.seen;
  if (ring.halted || now.out_prod == ring.told) return;
  if (ring.port && !has_backend(ring.domain, *ring.port)) return;
  if (std::string_view(ring.name) == "xenstore") {
    const Tick time = machine().clock.now;
    if (ring.doubted != now.out_prod) {
      ring.doubted = now.out_prod;
      ring.doubted_at = time;
    }
    if (time - ring.doubted_at < kPatience) return;
  }
  const uint32_t told = std::exchange(ring.told, now.out_prod);
  violate(
      "event_missing", ring.wire != nullptr ? *ring.wire : sight.wire, sight.crossing,
      fmt::format("{}: the guest waits; {} bytes that it has written since {} are not read, and it has sent "
                  "no event",
                  ring.name, now.out_prod - now.out_cons, told));
}

}  // namespace ringside
