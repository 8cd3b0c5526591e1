// What a feed of crossings carries: packets of whole records, each a head and what its kind says. Both ends
// are this program on this host, so that the structs are the format; README.md says what a receiver does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringside {

// No packet is larger.
inline constexpr size_t kFeedPacketBytes = 32 << 10;

enum class FeedKind : uint8_t {
  wire = 1,      // FeedWire, name
  crossing = 2,  // FeedCrossing, payload, or its beginning
  more = 3,      // FeedHead, more of the payload of the crossing before
  history = 4,   // FeedHistory
};

struct FeedHead {
  uint32_t size = 0;  // of the record
  FeedKind kind = FeedKind::wire;
  uint8_t direction = 0;  // of a crossing, as are flags
  uint8_t flags = 0;
  uint8_t goes_on = 0;  // more of the payload follows
};

// Declared before its first crossing; the index is the machine's, and means what was declared last.
struct FeedWire {
  FeedHead head;
  uint32_t index = 0;
  uint32_t capture_bytes = 0;
  uint16_t payload_type = 0;
  uint8_t wire_kind = 0;
  uint8_t capture_mode = 0;
  uint32_t reserved = 0;
};

struct FeedCrossing {
  FeedHead head;
  uint64_t at_ps = 0;
  uint64_t sequence = 0;
  uint32_t wire = 0;       // FeedWire::index
  uint32_t full_size = 0;  // bytes of the payload before the capture policy cut it
};

// What was sent of later crossings than this one belongs to another history.
struct FeedHistory {
  FeedHead head;
  uint64_t sequence = 0;
};

}  // namespace ringside
