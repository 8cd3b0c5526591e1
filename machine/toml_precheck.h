// What a text must be before the TOML library reads it. It reads nested arrays and tables by recursion, so
// that a text that nests a hundred thousand deep would end the process; and it reads behind its buffer where
// a text in quotes is no UTF-8 (toml11 3.7.1, parse_literal_string).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ringside {

// Scenarios need three levels.
inline constexpr unsigned kTomlDepthMax = 32;

struct TomlObjection {
  unsigned line = 0;  // from 1
  std::string text;
};

// Nothing when the library may read it. Brackets, braces and dots in texts and comments do not count as
// nesting.
std::optional<TomlObjection> object_to_toml(std::string_view text);

}  // namespace ringside
