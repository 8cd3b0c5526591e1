// The numbers of Ethernet, ARP, IPv4, ICMP, UDP and TCP that peers of a switch read and write, and the
// checksum that the last four share. Everything on the line is big-endian.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "host/network/network.h"

namespace ringside {

using Ipv4Address = std::array<uint8_t, 4>;

namespace ethernet {
inline constexpr size_t header_bytes = 14;     // destination, source, EtherType
inline constexpr size_t frame_bytes_min = 60;  // IEEE 802.3: 64 with the frame check sequence
inline constexpr uint16_t type_ipv4 = 0x0800, type_arp = 0x0806;
inline constexpr MacAddress broadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
// A frame of this kind has a 1 in the first bit on the line: for a group, broadcast included.
constexpr bool is_group(const MacAddress& address) { return (address[0] & 1) != 0; }
}  // namespace ethernet

constexpr uint16_t load_be16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
constexpr uint32_t load_be32(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint32_t>(load_be16(bytes, at)) << 16 | load_be16(bytes, at + 2);
}
constexpr void store_be16(std::span<uint8_t> bytes, size_t at, uint16_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}
constexpr void store_be32(std::span<uint8_t> bytes, size_t at, uint32_t value) {
  store_be16(bytes, at, static_cast<uint16_t>(value >> 16));
  store_be16(bytes, at + 2, static_cast<uint16_t>(value));
}

// RFC 1071: the ones' complement of the ones' complement sum of all 16-bit words, an odd byte with a zero
// behind it. `sum` is what other pieces of an even length gave (checksum_sum); a sum over a sound message,
// its checksum included, gives 0.
uint64_t checksum_sum(std::span<const uint8_t> bytes, uint64_t sum = 0);
uint16_t checksum_of(uint64_t sum);
// Of what UDP and TCP put in front for their checksum (RFC 768, RFC 9293 3.1).
uint64_t pseudo_header_sum(const Ipv4Address& source, const Ipv4Address& destination, uint8_t protocol,
                           size_t length);

MacAddress mac_at(std::span<const uint8_t> bytes, size_t at);
Ipv4Address ipv4_at(std::span<const uint8_t> bytes, size_t at);
std::string to_string(const MacAddress& address);   // "52:54:00:12:34:56"
std::string to_string(const Ipv4Address& address);  // "10.0.2.1"

}  // namespace ringside
