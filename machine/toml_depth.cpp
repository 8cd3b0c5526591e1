#include "machine/toml_depth.h"

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
    } else if (long_text ? text.substr(at, 3) == std::string_view(escapes ? "\"\"\"" : "'''") : text[at] == quote) {
      return at + (long_text ? 3 : 1);
    } else if (!long_text && text[at] == '\n') {
      return at;
    } else {
      ++at;
    }
  }
  return text.size();
}

}  // namespace

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

}  // namespace ringside
