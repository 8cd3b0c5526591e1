// A serial line's frame and rate: how long a character takes, and what of it the receiver sees. LCR bits 0-5
// (PC16550D section 8.1) and the divisor (8.2).
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/tick.h"

namespace ringside {

struct LineFormat {
  uint8_t lcr = 0;
  uint16_t divisor = 1;
  uint64_t clock_hz = 1'843'200;  // into the baud generator

  static constexpr uint64_t kClocksPerBit = 16;

  unsigned data_bits() const { return 5 + (lcr & 3); }
  bool has_parity() const { return (lcr & 0x08) != 0; }
  // 2, 3 (with 5 data bits) or 4.
  unsigned half_stop_bits() const { return (lcr & 0x04) == 0 ? 2 : data_bits() == 5 ? 3 : 4; }
  unsigned half_bits() const { return 2 * (1 + data_bits() + (has_parity() ? 1 : 0)) + half_stop_bits(); }

  uint8_t data_mask() const { return static_cast<uint8_t>((1u << data_bits()) - 1); }
  // Of a break, all whose bits are 0: the parity bit is wrong when it should have been 1, which odd parity
  // (even parity select 0) wants of no ones, and stick parity with the same selection.
  bool break_has_parity_error() const { return has_parity() && (lcr & 0x10) == 0; }

  Tick half_bit_times(unsigned count) const {
    constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;
    // DEVIATES: PC16550D 8.2 - gives no meaning to the divisor 0; a 16-bit counter takes it for 65536.
    const uint64_t clocks_per_bit = kClocksPerBit * (divisor == 0 ? 65536u : divisor);
    const auto total = static_cast<unsigned __int128>(count) * clocks_per_bit * kPicosecondsPerSecond;
    return {static_cast<uint64_t>(total / (2 * std::max<uint64_t>(clock_hz, 1)))};
  }
  Tick bit_time() const { return half_bit_times(2); }
  Tick stop_time() const { return half_bit_times(half_stop_bits()); }
  Tick character_time() const { return half_bit_times(half_bits()); }
};

}  // namespace ringside
