// The sums that the controller computes over frames: the Internet checksum (RFC 1071) and the frame check
// sequence (IEEE 802.3, 3.2.9).
#pragma once

#include <cstdint>
#include <span>

namespace ringside {

// The one's complement sum of the bytes as big-endian 16-bit words, an odd last byte padded with zero, added
// to `initial`, folded to 16 bits and not complemented.
uint16_t ones_complement_sum(std::span<const uint8_t> bytes, uint32_t initial = 0);

// The sum over the pseudo-header of TCP or UDP (RFC 793, RFC 2460): `addresses` holds both addresses.
uint16_t pseudo_header_sum(std::span<const uint8_t> addresses, uint8_t protocol, uint32_t length);

// CRC-32 as it travels behind the frame, least significant byte first.
uint32_t frame_check_sequence(std::span<const uint8_t> frame);

}  // namespace ringside
