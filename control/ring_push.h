// RING_PUSH_REQUESTS_AND_CHECK_NOTIFY and its twin for responses (public/io/ring.h): who moves a producer
// index tells the other end when it passes the index at which that one asked for an event.
#pragma once

#include <cstdint>

namespace ringside {

// Whether `event` lies in (before, now], in 32 bits that wrap.
constexpr bool push_notifies(uint32_t before, uint32_t now, uint32_t event) {
  return now - event < now - before;
}

}  // namespace ringside
