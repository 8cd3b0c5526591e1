// The TOML library reads nested arrays and tables by recursion: a text that nests a hundred thousand deep would
// end the process. Scenarios need three levels.
#pragma once

#include <string_view>

namespace ringside {

inline constexpr unsigned kTomlDepthMax = 32;

// The line (from 1) on which brackets, braces or dots nest deeper than kTomlDepthMax; 0 where none does. Texts
// and comments do not count.
unsigned line_nested_too_deep(std::string_view text);

}  // namespace ringside
