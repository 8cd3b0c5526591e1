#include "devices/disk/ata_timing.h"

#include <algorithm>
#include <iterator>

namespace ringside {

namespace {

constexpr uint64_t kPioCycleNs[] = {600, 383, 240, 180, 120};
constexpr uint64_t kMultiwordCycleNs[] = {480, 150, 120};
constexpr uint64_t kUltraTwoWordsNs[] = {240, 160, 120, 90, 60, 40, 30};

template <size_t N>
uint64_t cycle(const uint64_t (&table)[N], uint8_t mode) {
  return table[std::min<size_t>(mode, N - 1)];
}

}  // namespace

Tick AtaTransferModes::pio_words(uint64_t words) const {
  return nanoseconds(cycle(kPioCycleNs, pio) * words);
}

Tick AtaTransferModes::dma_words(uint64_t words) const {
  if (ultra) return nanoseconds(cycle(kUltraTwoWordsNs, dma) * ((words + 1) / 2));
  return nanoseconds(cycle(kMultiwordCycleNs, dma) * words);
}

}  // namespace ringside
