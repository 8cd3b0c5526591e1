// Makes lengths and checksums of a session's blocks right again, as far as the blocks can be told apart, so
// that what stands behind them is reached as well.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/hash.h"
#include "sim/session/pcapng.h"

namespace ringside {

inline void mend_session(std::vector<uint8_t>& bytes) {
  size_t at = 0;
  while (bytes.size() - at >= 12) {
    const auto length = pcapng::load<uint32_t>(&bytes[at + 4]);
    if (length < 12 || length > bytes.size() - at) return;
    const std::span<uint8_t> block(&bytes[at], length);
    pcapng::store<uint32_t>(&block[length - 4], length);
    const auto place = pcapng::checksum_place(pcapng::load<uint32_t>(block.data()), block);
    if (place && *place + 12 <= length) {
      pcapng::store<uint64_t>(&block[*place], 0);
      pcapng::store<uint64_t>(&block[*place], hash64(block));
    }
    at += length;
  }
}

}  // namespace ringside
