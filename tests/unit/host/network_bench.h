// A switch, a clock that the test moves, and stations that keep what they hear. Frames are built here byte by
// byte, not with the code under test.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "host/network/network.h"

namespace ringside::network_bench {

using Bytes = std::vector<uint8_t>;

struct Heard {
  Tick at;
  Bytes frame;
  bool operator==(const Heard&) const = default;
};

struct Segment {
  explicit Segment(Tick latency = microseconds(1)) : lan("net0", latency, clock, events) {}

  void run_to(Tick to) {
    while (events.next_tick() <= to) {
      if (events.next_tick() > clock.now) clock.now = events.next_tick();
      events.run_due(clock.now);
    }
    if (to > clock.now) clock.now = to;
  }
  void run_for(Tick time) { run_to(clock.now + time); }

  Clock clock;
  EventQueue events;
  EthernetSwitch lan;
};

struct Station {
  Station(Segment& segment, const std::string& name) : port(segment.lan.attach(name)) {
    port.set_receiver([this, &segment](std::span<const uint8_t> frame) {
      heard.push_back({segment.clock.now, Bytes(frame.begin(), frame.end())});
    });
  }
  SwitchPort& port;
  std::vector<Heard> heard;
};

inline MacAddress mac(uint8_t last) { return {0x52, 0x54, 0, 0, 0, last}; }
inline constexpr MacAddress kEverybody = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

inline void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

// Padded to 60 bytes.
inline Bytes frame(const MacAddress& to, const MacAddress& from, uint16_t type, const Bytes& payload) {
  Bytes bytes(to.begin(), to.end());
  bytes.insert(bytes.end(), from.begin(), from.end());
  bytes.push_back(static_cast<uint8_t>(type >> 8));
  bytes.push_back(static_cast<uint8_t>(type));
  append(bytes, payload);
  if (bytes.size() < 60) bytes.resize(60);
  return bytes;
}

// RFC 1071 the slow way: add with end-around carry, word by word.
inline uint16_t reference_checksum(const Bytes& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<uint16_t>(~sum);
}
inline void put16(Bytes& bytes, size_t at, size_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

inline Bytes ipv4(uint8_t protocol, const Bytes& message, Bytes from = {10, 0, 2, 15},
                  Bytes to = {10, 0, 2, 1}) {
  Bytes header = {0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0};
  append(header, from);
  append(header, to);
  put16(header, 2, 20 + message.size());
  put16(header, 10, reference_checksum(header));
  append(header, message);
  return header;
}

// With a checksum over the pseudo header and the message; `checksum_at` is where it goes.
inline Bytes with_checksum(uint8_t protocol, Bytes message, size_t checksum_at,
                           const Bytes& from = {10, 0, 2, 15}, const Bytes& to = {10, 0, 2, 1}) {
  Bytes all = from;
  append(all, to);
  append(all, {0, protocol, static_cast<uint8_t>(message.size() >> 8), static_cast<uint8_t>(message.size())});
  append(all, message);
  put16(message, checksum_at, reference_checksum(all));
  return message;
}

inline Bytes udp(uint16_t from, uint16_t to, const Bytes& data) {
  Bytes message = {static_cast<uint8_t>(from >> 8),
                   static_cast<uint8_t>(from),
                   static_cast<uint8_t>(to >> 8),
                   static_cast<uint8_t>(to),
                   0,
                   0,
                   0,
                   0};
  append(message, data);
  put16(message, 4, message.size());
  return with_checksum(17, message, 6);
}

inline Bytes ping(uint16_t identifier, uint16_t sequence, const Bytes& data, uint8_t type = 8) {
  Bytes message = {type, 0, 0, 0, 0, 0, 0, 0};
  put16(message, 4, identifier);
  put16(message, 6, sequence);
  append(message, data);
  put16(message, 2, reference_checksum(message));
  return message;
}

inline Bytes part(const Bytes& bytes, size_t from, size_t count) {
  return {bytes.begin() + static_cast<ptrdiff_t>(from), bytes.begin() + static_cast<ptrdiff_t>(from + count)};
}

}  // namespace ringside::network_bench
