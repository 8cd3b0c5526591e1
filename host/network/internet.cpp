#include "host/network/internet.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {

uint64_t checksum_sum(std::span<const uint8_t> bytes, uint64_t sum) {
  size_t at = 0;
  for (; at + 1 < bytes.size(); at += 2) sum += load_be16(bytes, at);
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
