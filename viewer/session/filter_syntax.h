// The form of a filter expression (its grammar stands in filter.h), before anything is known of names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"

namespace ringside::viewer {

struct FilterValue {
  enum class Kind : uint8_t { number, time, word, text } kind = Kind::word;
  std::string text;  // as it is written, without quotes
  bool negative = false;
  uint64_t magnitude = 0;  // number, time: picoseconds
  size_t place = 0;        // the character that it begins with, from 0
  bool is_number() const { return kind == Kind::number || kind == Kind::time; }
};

enum class FilterOperator : uint8_t {
  present,
  equal,
  differs,
  less,
  less_equal,
  greater,
  greater_equal,
  like,
  unlike
};
// "==", "!~"
std::string_view to_string(FilterOperator operation);

struct FilterTest {
  std::string name;
  size_t place = 0;
  FilterOperator operation = FilterOperator::present;
  FilterValue value;
};

struct FilterNode {
  enum class Kind : uint8_t { any, all, negation, test } kind = Kind::test;
  std::vector<uint32_t> children;  // they stand before it
  uint32_t test = 0;
};

struct FilterSyntax {
  std::vector<FilterNode> nodes;  // the last one is the whole; none: an empty text
  std::vector<FilterTest> tests;
};

Result<FilterSyntax> parse_filter(std::string_view text);

// "at character 9: ..."; `place` counts from 0.
tl::unexpected<Error> filter_error(size_t place, std::string_view what);

// The characters of names, and of words as values.
bool is_name_character(char c);
bool is_word_character(char c);

}  // namespace ringside::viewer
