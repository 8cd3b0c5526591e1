#include "devices/nic/checksum.h"

#include <array>

namespace ringside {

namespace {

// The reflected generator polynomial of IEEE 802.3.
constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? 0xedb88320u ^ (crc >> 1) : crc >> 1;
    table[byte] = crc;
  }
  return table;
}();

}  // namespace

uint16_t ones_complement_sum(std::span<const uint8_t> bytes, uint32_t initial) {
  uint64_t sum = initial;
  for (size_t i = 0; i < bytes.size(); ++i) sum += (i & 1) != 0 ? bytes[i] : bytes[i] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint16_t pseudo_header_sum(std::span<const uint8_t> addresses, uint8_t protocol, uint32_t length) {
  return ones_complement_sum(addresses, protocol + (length >> 16) + (length & 0xffff));
}

uint32_t frame_check_sequence(std::span<const uint8_t> frame) {
  uint32_t crc = ~0u;
  for (const uint8_t byte : frame) crc = kCrcTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace ringside
