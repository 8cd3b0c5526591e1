#include "control/bytes_text.h"

#include <fmt/format.h>

#include <charconv>

namespace ringside {

std::string hex_of(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

std::vector<uint8_t> bytes_from_hex(std::string_view text) {
  std::vector<uint8_t> bytes;
  for (size_t at = 0; at + 2 <= text.size(); at += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
    if (error != std::errc{} || end != text.data() + at + 2) break;
    bytes.push_back(byte);
  }
  return bytes;
}

}  // namespace ringside
