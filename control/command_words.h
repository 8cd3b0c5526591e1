// The words of a line that a person typed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringside {

// Blanks and tabs part them.
std::vector<std::string> words_of(std::string_view text);

}  // namespace ringside
