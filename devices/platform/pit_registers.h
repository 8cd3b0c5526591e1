// The bits of the 8254's control word and status byte (Intel 8254 datasheet 231164, figures 7, 10, 12, 13).
// Like the 8259A's, its addresses hold no plain registers: three lead to the counters' bytes in sequence.
#pragma once

#include <cstdint>

namespace ringside::pit {

// Control word.
inline constexpr uint8_t kBcd = 0x01;
constexpr unsigned select_of(uint8_t control) { return control >> 6; }        // SC1-SC0; 3: read-back
constexpr unsigned access_of(uint8_t control) { return (control >> 4) & 3; }  // RW1-RW0; 0: counter latch
// M2-M0, where M2 does not count for modes 2 and 3.
constexpr unsigned mode_of(uint8_t control) {
  const unsigned mode = (control >> 1) & 7;
  return mode > 5 ? mode - 4 : mode;
}
inline constexpr unsigned kSelectReadBack = 3;
inline constexpr unsigned kAccessLatch = 0;
inline constexpr unsigned kAccessLow = 1;
inline constexpr unsigned kAccessHigh = 2;
inline constexpr unsigned kAccessBoth = 3;

// Read-back command: bits that are 0 ask for something.
inline constexpr uint8_t kReadBackNoCount = 0x20;
inline constexpr uint8_t kReadBackNoStatus = 0x10;
constexpr bool read_back_selects(uint8_t command, unsigned counter) {
  return (command & (2u << counter)) != 0;
}

// Status byte; bits 5-0 are as they were programmed.
inline constexpr uint8_t kStatusOutput = 0x80;
inline constexpr uint8_t kStatusNullCount = 0x40;

}  // namespace ringside::pit
