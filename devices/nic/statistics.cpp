// The MAC's statistics, SDM 13.7. Sizes count the frame check sequence.
#include <algorithm>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr size_t kFcsBytes = 4;

// The histograms: 64, 65-127, 128-255, 256-511, 512-1023, from 1024 on.
uint32_t size_class(size_t bytes) {
  constexpr size_t kLast[] = {64, 127, 255, 511, 1023};
  const auto place = std::lower_bound(std::begin(kLast), std::end(kLast), bytes);
  return static_cast<uint32_t>(place - std::begin(kLast)) * 4;
}

bool is_broadcast(std::span<const uint8_t> frame) {
  return frame.size() >= 6 &&
         std::all_of(frame.begin(), frame.begin() + 6, [](uint8_t b) { return b == 0xff; });
}
bool is_multicast(std::span<const uint8_t> frame) { return !frame.empty() && (frame[0] & 1) != 0; }

}  // namespace

void E1000::count(uint32_t offset, uint64_t n) {
  set(offset, static_cast<uint32_t>(std::min<uint64_t>(get(offset) + n, 0xffffffff)));
}

void E1000::count_bytes(uint32_t low, uint64_t n) {
  const uint64_t before = get(low) | static_cast<uint64_t>(get(low + 4)) << 32;
  const uint64_t after = n > ~0ull - before ? ~0ull : before + n;
  set(low, static_cast<uint32_t>(after));
  set(low + 4, static_cast<uint32_t>(after >> 32));
}

void E1000::count_received(std::span<const uint8_t> frame) {
  const size_t bytes = frame.size() + kFcsBytes;
  count(kPrc64 + size_class(bytes));
  count(kGprc);
  count_bytes(kGorcl, bytes);
  if (is_broadcast(frame)) {
    count(kBprc);
  } else if (is_multicast(frame)) {
    count(kMprc);
  }
}

void E1000::count_transmitted(std::span<const uint8_t> frame) {
  const size_t bytes = frame.size() + kFcsBytes;
  count(kPtc64 + size_class(bytes));
  count(kGptc);
  count(kTpt);
  count_bytes(kGotcl, bytes);
  count_bytes(kTotl, bytes);
  if (is_broadcast(frame)) {
    count(kBptc);
  } else if (is_multicast(frame)) {
    count(kMptc);
  }
}

template <uint32_t low>
uint64_t E1000::read_high() {
  const uint32_t value = get(low + 4);
  set(low, 0);
  set(low + 4, 0);
  return value;
}

template uint64_t E1000::read_high<kGorcl>();
template uint64_t E1000::read_high<kGotcl>();
template uint64_t E1000::read_high<kTorl>();
template uint64_t E1000::read_high<kTotl>();

}  // namespace ringside
