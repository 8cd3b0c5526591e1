// What a filter asks of a text: that it is another, or that a pattern fits. `*` is any run of characters, `?`
// one. A pattern fits the whole of a name, and any part of a text; one without `*` and `?` any part of both.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "sim/wire.h"
#include "viewer/session/filter_syntax.h"

namespace ringside::viewer {

inline std::string lowercase(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

class TextTest {
 public:
  // Without regard to case.
  static TextTest of_name(FilterOperator operation, std::string_view text) {
    const bool has_stars = text.find_first_of("*?") != text.npos;
    return {operation, lowercase(text), !has_stars, true};
  }
  static TextTest of_text(FilterOperator operation, std::string_view text) {
    return {operation, std::string(text), true, false};
  }

  // As `==` and `~` say; what `!=` and `!~` make of it is the caller's to know.
  bool matches(std::string_view text) const {
    if (!ignores_case_) return fits(text);
    return fits(lowercase(text));
  }

 private:
  TextTest(FilterOperator operation, std::string text, bool fits_parts, bool ignores_case)
      : text_(std::move(text)), ignores_case_(ignores_case) {
    is_pattern_ = operation == FilterOperator::like || operation == FilterOperator::unlike;
    is_part_ = is_pattern_ && text_.find_first_of("*?") == std::string::npos;
    if (is_pattern_ && fits_parts && !is_part_) text_ = "*" + text_ + "*";
  }
  bool fits(std::string_view text) const {
    if (is_part_) return text.find(text_) != text.npos;
    return is_pattern_ ? wire_matches(text_, text) : text == text_;
  }

  std::string text_;
  bool is_pattern_ = false, is_part_ = false, ignores_case_ = false;
};

}  // namespace ringside::viewer
