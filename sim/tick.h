// Virtual time. A Tick counts picoseconds since the machine was switched on; 64 bits last 213 days.
// Only instructions executed and device delays move it: the host's clock never does.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "sim/result.h"

namespace ringside {

struct Tick {
  uint64_t ps = 0;

  constexpr auto operator<=>(const Tick&) const = default;
  constexpr Tick operator+(Tick other) const { return {ps + other.ps}; }
  constexpr Tick operator-(Tick other) const { return {ps - other.ps}; }
  constexpr Tick operator*(uint64_t factor) const { return {ps * factor}; }
  constexpr Tick& operator+=(Tick other) {
    ps += other.ps;
    return *this;
  }
  constexpr Tick& operator-=(Tick other) {
    ps -= other.ps;
    return *this;
  }
  constexpr uint64_t nanoseconds() const { return ps / 1000; }

  static constexpr Tick never() { return {std::numeric_limits<uint64_t>::max()}; }
};

constexpr Tick picoseconds(uint64_t n) { return {n}; }
constexpr Tick nanoseconds(uint64_t n) { return {n * 1000}; }
constexpr Tick microseconds(uint64_t n) { return {n * 1000 * 1000}; }
constexpr Tick milliseconds(uint64_t n) { return {n * 1000 * 1000 * 1000}; }
constexpr Tick seconds(uint64_t n) { return {n * 1000 * 1000 * 1000 * 1000}; }

// The sum, or never() where it would pass the end of time.
constexpr Tick saturating_add(Tick a, Tick b) {
  return b.ps > Tick::never().ps - a.ps ? Tick::never() : Tick{a.ps + b.ps};
}

// "1.234567890123s": all twelve digits, so that equal ticks print equally.
std::string to_string(Tick tick);

// Reads "20s", "1.5ms", "30us", "87ns", "12ps"; a bare number counts ticks (picoseconds).
Result<Tick> parse_tick(std::string_view text);

}  // namespace ringside
