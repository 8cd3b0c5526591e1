// Bytes in JSON: two hexadecimal digits each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

std::string hex_of(std::span<const uint8_t> bytes);
// Up to the first pair that is no such digits.
std::vector<uint8_t> bytes_from_hex(std::string_view text);

}  // namespace ringside
