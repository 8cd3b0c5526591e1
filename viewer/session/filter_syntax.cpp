#include "viewer/session/filter_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "sim/tick.h"

namespace ringside::viewer {

namespace {

constexpr size_t kTextMax = 4096;
constexpr size_t kPatternMax = 256;  // matching takes time by its length
constexpr unsigned kDepthMax = 64;

struct Spelling {
  std::string_view text;
  FilterOperator operation;
};
// Longer ones first.
constexpr std::array kOperators = {
    Spelling{"==", FilterOperator::equal},      Spelling{"!=", FilterOperator::differs},
    Spelling{"<=", FilterOperator::less_equal}, Spelling{">=", FilterOperator::greater_equal},
    Spelling{"!~", FilterOperator::unlike},     Spelling{"<", FilterOperator::less},
    Spelling{">", FilterOperator::greater},     Spelling{"~", FilterOperator::like},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<FilterSyntax> parse() {
    if (text_.size() > kTextMax)
      return filter_error(kTextMax, fmt::format("more than {} characters", kTextMax));
    skip_blanks();
    if (at_ == text_.size()) return std::move(syntax_);
    if (const auto whole = any(0); !whole) return tl::unexpected(whole.error());
    if (at_ < text_.size()) return unexpected_character();
    return std::move(syntax_);
  }

 private:
  using Made = Result<uint32_t>;  // a node's number

  Made any(unsigned depth) { return list(depth, "||", FilterNode::Kind::any); }
  Made all(unsigned depth) { return list(depth, "&&", FilterNode::Kind::all); }
  Made list(unsigned depth, std::string_view separator, FilterNode::Kind kind) {
    FilterNode node{kind, {}, 0};
    do {
      const Made part = kind == FilterNode::Kind::any ? all(depth) : negated(depth);
      if (!part) return part;
      node.children.push_back(*part);
    } while (take(separator));
    return node.children.size() == 1 ? node.children[0] : add(std::move(node));
  }
  Made negated(unsigned depth) {
    if (depth > kDepthMax) return filter_error(at_, "too many parentheses and negations");
    if (take("!")) {
      const Made inner = negated(depth + 1);
      return inner ? add({FilterNode::Kind::negation, {*inner}, 0}) : inner;
    }
    const size_t begin = at_;
    if (!take("(")) return test();
    const Made inner = any(depth + 1);
    if (!inner) return inner;
    if (!take(")")) {
      if (at_ < text_.size()) return unexpected_character();
      return filter_error(begin, "this parenthesis has no end");
    }
    return inner;
  }

  Made test() {
    FilterTest test;
    test.place = at_;
    if (at_ == text_.size()) return filter_error(at_, "a name is missing, such as 'wire' or 'operation'");
    if (!is_letter(text_[at_]) && text_[at_] != '_') return unexpected_character();
    test.name = take_while(is_name_character);
    skip_blanks();
    for (const Spelling& spelling : kOperators) {
      if (!take(spelling.text)) continue;
      test.operation = spelling.operation;
      auto value = take_value();
      if (!value) return tl::unexpected(value.error());
      test.value = std::move(*value);
      break;
    }
    const bool has_pattern =
        test.operation == FilterOperator::like || test.operation == FilterOperator::unlike;
    if (has_pattern && test.value.text.size() > kPatternMax) {
      return filter_error(test.value.place, fmt::format("a pattern has at most {} characters", kPatternMax));
    }
    syntax_.tests.push_back(std::move(test));
    return add({FilterNode::Kind::test, {}, static_cast<uint32_t>(syntax_.tests.size() - 1)});
  }

  Result<FilterValue> take_value() {
    FilterValue value;
    value.place = at_;
    if (at_ == text_.size()) return filter_error(at_, "a value is missing: a number, a word or \"a text\"");
    if (text_[at_] == '"') {
      value.kind = FilterValue::Kind::text;
      auto text = take_quoted();
      if (!text) return tl::unexpected(text.error());
      value.text = std::move(*text);
      return value;
    }
    value.negative = text_[at_] == '-' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]);
    if (value.negative) ++at_;
    value.text = take_while(is_word_character);
    if (value.text.empty()) return unexpected_character();
    skip_blanks();
    if (is_digit(value.text[0])) {
      if (auto number = read_number(value); !number) return tl::unexpected(number.error());
    }
    if (value.negative) value.text.insert(0, 1, '-');
    return value;
  }

  // A word may begin with a digit ("82540em"), so that only what looks like a number is refused.
  static Result<> read_number(FilterValue& value) {
    const bool is_hex = value.text.starts_with("0x");
    const char* begin = value.text.data() + (is_hex ? 2 : 0);
    const char* end = value.text.data() + value.text.size();
    const auto [stop, error] = std::from_chars(begin, end, value.magnitude, is_hex ? 16 : 10);
    if (stop == end && error == std::errc()) {
      value.kind = FilterValue::Kind::number;
      return {};
    }
    if (const auto time = parse_tick(value.text)) {
      value.kind = FilterValue::Kind::time;
      value.magnitude = time->ps;
      return {};
    }
    const bool is_digits = stop == end || value.text.find_first_not_of("0123456789.") == std::string::npos;
    if (is_digits || is_hex) {
      return filter_error(value.place, fmt::format("'{}' is no number of 64 bits: write 12, 0x1f, -5 or a "
                                                   "time such as 1.5ms",
                                                   value.text));
    }
    return {};
  }

  Result<std::string> take_quoted() {
    const size_t begin = at_++;
    std::string value;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      value += text_[at_];
    }
    if (at_ == text_.size()) return filter_error(begin, "this text has no end: a '\"' is missing");
    ++at_;
    skip_blanks();
    return value;
  }

  tl::unexpected<Error> unexpected_character() const {
    const std::string_view rest = text_.substr(at_);
    std::string_view advice;
    for (const auto& [wrong, right] :
         {std::pair("=", "; write '=='"), std::pair("&", "; write '&&'"), std::pair("|", "; write '||'"),
          std::pair("'", "; texts stand in double quotes")}) {
      if (rest.starts_with(wrong)) advice = right;
    }
    if (rest.empty()) return filter_error(at_, "something is missing");
    const auto byte = static_cast<uint8_t>(rest[0]);
    if (byte < 0x20 || byte > 0x7e) return filter_error(at_, "this character cannot be there");
    if (is_name_character(rest[0])) {
      size_t end = 0;
      while (end < rest.size() && is_name_character(rest[end])) ++end;
      return filter_error(
          at_, fmt::format("'{}' cannot be there; join tests by '&&' or '||'", rest.substr(0, end)));
    }
    return filter_error(at_, fmt::format("'{}' cannot be there{}", rest[0], advice));
  }

  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    skip_blanks();
    return true;
  }
  template <class Predicate>
  std::string take_while(Predicate predicate) {
    const size_t begin = at_;
    while (at_ < text_.size() && predicate(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  uint32_t add(FilterNode node) {
    syntax_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(syntax_.nodes.size() - 1);
  }

  std::string_view text_;
  size_t at_ = 0;
  FilterSyntax syntax_;
};

}  // namespace

bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

bool is_word_character(char c) {
  return is_name_character(c) || c == '/' || c == '*' || c == '?' || c == '.' || c == ':' || c == '-';
}

std::string_view to_string(FilterOperator operation) {
  for (const Spelling& spelling : kOperators) {
    if (spelling.operation == operation) return spelling.text;
  }
  return {};
}

tl::unexpected<Error> filter_error(size_t place, std::string_view what) {
  return fail(fmt::format("at character {}: {}", place + 1, what));
}

Result<FilterSyntax> parse_filter(std::string_view text) { return Parser(text).parse(); }

}  // namespace ringside::viewer
