#include "machine/toml_precheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace ringside {

namespace {

// The position behind a text that begins at `at`, or behind its line or the end where it has none. Texts in
// three quotes may go over several lines.
size_t skip_text(std::string_view text, size_t at) {
  const char quote = text[at];
  const bool escapes = quote == '"';
  const bool long_text = text.substr(at, 3) == std::string_view(escapes ? "\"\"\"" : "'''");
  at += long_text ? 3 : 1;
  while (at < text.size()) {
    if (escapes && text[at] == '\\') {
      at += 2;
    } else if (long_text ? text.substr(at, 3) == std::string_view(escapes ? "\"\"\"" : "'''")
                         : text[at] == quote) {
      return at + (long_text ? 3 : 1);
    } else if (!long_text && text[at] == '\n') {
      return at;
    } else {
      ++at;
    }
  }
  return text.size();
}

// The number of bytes of the UTF-8 sequence that `text` begins with; 0 where it is none (RFC 3629, section
// 4).
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t at) -> unsigned {
    return at < text.size() ? static_cast<uint8_t>(text[at]) : 0;
  };
  const auto continued = [&](size_t count) {
    for (size_t at = 1; at < count; ++at) {
      if ((byte(at) & 0xc0) != 0x80) return size_t{0};
    }
    return count;
  };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continued(2);
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second > 0x9f;
    return overlong || surrogate ? 0 : continued(3);
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && second < 0x90;
    const bool beyond = first == 0xf4 && second > 0x8f;
    return overlong || beyond ? 0 : continued(4);
  }
  return 0;
}

// The line on which something is no UTF-8; 0 where all is.
unsigned line_without_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_sequence(text.substr(at));
    if (length == 0)
      return 1 +
             static_cast<unsigned>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
    at += length;
  }
  return 0;
}

// The line on which it nests too deep; 0 where it does not.
unsigned line_nested_too_deep(std::string_view text) {
  unsigned line = 1, depth = 0, dots = 0;
  for (size_t at = 0; at < text.size();) {
    const char letter = text[at];
    if (letter == '"' || letter == '\'') {
      const size_t end = skip_text(text, at);
      for (; at < end; ++at) line += text[at] == '\n' ? 1 : 0;
      continue;
    }
    if (letter == '#') {
      at = text.find('\n', at);
      if (at == std::string_view::npos) break;
      continue;
    }
    if (letter == '\n') {
      ++line;
      dots = 0;
    }
    if (letter == '[' || letter == '{') ++depth;
    if ((letter == ']' || letter == '}') && depth > 0) --depth;
    if (letter == '.') ++dots;
    if (depth > kTomlDepthMax || dots > kTomlDepthMax) return line;
    ++at;
  }
  return 0;
}

}  // namespace

std::optional<TomlObjection> object_to_toml(std::string_view text) {
  if (const unsigned line = line_without_utf8(text); line != 0) {
    return TomlObjection{line, "not UTF-8: save the file in that encoding"};
  }
  if (const unsigned line = line_nested_too_deep(text); line != 0) {
    return TomlObjection{
        line,
        fmt::format("brackets or dots nest deeper than {} levels; a scenario needs three", kTomlDepthMax)};
  }
  return std::nullopt;
}

}  // namespace ringside
