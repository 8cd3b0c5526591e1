// Virtual time: picoseconds since the machine was switched on, as a duration of std::chrono, so that tests
// write 5ms and 87us (`using namespace std::chrono_literals`). The host's clock has no part in it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ringside/export.h"

namespace ringside::test {

// Signed 64 bits last 106 days.
using Duration = std::chrono::duration<int64_t, std::pico>;
// A point of virtual time: so long after the machine, or the bench, was switched on.
using Time = Duration;

inline constexpr Time kNever = Time::max();

// "1.5ms", "87us", "never".
RINGSIDE_API std::string to_string(Time time);

}  // namespace ringside::test
