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
    return {operation, lowercase(text), true};
  }
  static TextTest of_text(FilterOperator operation, std::string_view text) {
    return {operation, std::string(text), false};
  }

  // As `==` and `~` say; what `!=` and `!~` make of it is the caller's to know.
  bool matches(std::string_view text) const { return is_name_ ? fits(lowercase(text)) : fits(text); }

 private:
  TextTest(FilterOperator operation, std::string text, bool is_name)
      : text_(std::move(text)), is_name_(is_name) {
    is_pattern_ = operation == FilterOperator::like || operation == FilterOperator::unlike;
    is_part_ = is_pattern_ && text_.find_first_of("*?") == std::string::npos;
    if (is_pattern_ && !is_part_ && !is_name_) text_ = "*" + text_ + "*";
  }
  bool fits(std::string_view text) const {
    if (is_part_) return text.find(text_) != text.npos;
    return is_pattern_ ? wire_matches(text_, text) : text == text_;
  }

  std::string text_;
  bool is_name_, is_pattern_ = false, is_part_ = false;
};

}  // namespace ringside::viewer
