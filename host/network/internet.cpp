#include "host/network/internet.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace ringside {

// The sum of words read in the other byte order is the sum with its bytes exchanged (RFC 1071 2(B)), so that
// the host's own order does, four bytes at a time. 2^32 bytes would be needed to overflow 64 bits.
uint64_t checksum_sum(std::span<const uint8_t> bytes, uint64_t sum) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t exchanged = 0;
  size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    uint32_t words;
    std::memcpy(&words, bytes.data() + at, sizeof words);
    exchanged += words;
  }
  while (exchanged > 0xffff) exchanged = (exchanged & 0xffff) + (exchanged >> 16);
  sum += (exchanged & 0xff) << 8 | exchanged >> 8;
  if (at + 2 <= bytes.size()) {
    sum += load_be16(bytes, at);
    at += 2;
  }
  if (at < bytes.size()) sum += static_cast<uint64_t>(bytes[at]) << 8;
  return sum;
}

uint16_t checksum_of(uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint64_t pseudo_header_sum(const Ipv4Address& source, const Ipv4Address& destination, uint8_t protocol,
                           size_t length) {
  return checksum_sum(destination, checksum_sum(source)) + protocol + length;
}

MacAddress mac_at(std::span<const uint8_t> bytes, size_t at) {
  MacAddress address;
  std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(at), address.size(), address.begin());
  return address;
}

Ipv4Address ipv4_at(std::span<const uint8_t> bytes, size_t at) {
  Ipv4Address address;
  std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(at), address.size(), address.begin());
  return address;
}

std::string to_string(const MacAddress& address) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", address[0], address[1], address[2],
                     address[3], address[4], address[5]);
}

std::string to_string(const Ipv4Address& address) {
  return fmt::format("{}.{}.{}.{}", address[0], address[1], address[2], address[3]);
}

}  // namespace ringside
