// The words of a line that a person typed, and the numbers among them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

// Blanks and tabs part them.
std::vector<std::string> words_of(std::string_view text);
// "7", "0x1f", or "-5", which is what a field of 64 bits holds then. Nothing where there is more, or less.
std::optional<uint64_t> number_in(std::string_view text);

}  // namespace ringside
