#include "checkers/device/pit_protocol.h"

#include <fmt/format.h>

namespace ringside {

namespace {

constexpr unsigned kControl = 3;
constexpr unsigned kReadBack = 3, kLatch = 0, kLow = 1, kHigh = 2;

}  // namespace

void PitProtocol::on_crossing(const Seen& seen) {
  BusAccessRecord access;
  if (!read_record(seen.crossing, access)) return;
  const auto port = static_cast<unsigned>(access.address & 3);
  if (access.write == 0) {
    // Figure 4: with both address lines high a read is no operation, and the bus floats.
    if (port == kControl) violate("pit_control_read", seen, "the control word register cannot be read");
    return;
  }
  if (!seen.arrives()) return;
  const auto value = static_cast<uint8_t>(access.value);
  port == kControl ? write_control(value) : write_count(seen, port, value);
}

void PitProtocol::write_control(uint8_t value) {
  const unsigned select = value >> 6, way = value >> 4 & 3;
  if (select == kReadBack || way == kLatch) return;
  const unsigned mode = value >> 1 & 7;
  counters_[select] = {static_cast<uint8_t>(way), static_cast<uint8_t>(mode > 5 ? mode - 4 : mode), 0, false};
}

// "A COUNT of 1 is illegal in mode 2", and so it is in mode 3.
void PitProtocol::write_count(const Seen& seen, unsigned number, uint8_t value) {
  Counter& counter = counters_[number];
  if (counter.access == 0) return;
  unsigned count = value;
  if (counter.access == kHigh) count = static_cast<unsigned>(value) << 8;
  if (counter.access == kLow || counter.access == kHigh) {
    counter.expects_high = false;
  } else if (!counter.expects_high) {
    counter.low = value;
    counter.expects_high = true;
    return;
  } else {
    counter.expects_high = false;
    count = static_cast<unsigned>(value) << 8 | counter.low;
  }
  if (count == 1 && (counter.mode == 2 || counter.mode == 3))
    violate("pit_illegal_count", seen,
            fmt::format("counter {} gets a count of 1 in mode {}", number, counter.mode));
}

}  // namespace ringside
