#include "sim/fault/fault_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ringside {

namespace {

// What is shown of a text that goes on and on.
constexpr size_t kShownMax = 200;

std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, kShownMax)) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) != 0x7f;
    result += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text.size() > kShownMax ? result + "..." : result;
}

std::string_view trimmed_end(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool FaultText::take(std::string_view expected) {
  if (!rest().starts_with(expected)) return false;
  at_ += expected.size();
  return true;
}

void FaultText::skip_spaces() {
  while (peek() == ' ') ++at_;
}

FaultWord FaultText::take_while(bool (*wanted)(char)) {
  const size_t begin = at_;
  while (!at_end() && wanted(text_[at_])) ++at_;
  return {text_.substr(begin, at_ - begin), begin};
}

FaultWord FaultText::take_value(std::string_view ends) {
  skip_spaces();
  const size_t begin = at_;
  const bool quoted = peek() == '"';
  bool inside = false;
  for (; !at_end(); ++at_) {
    const char c = text_[at_];
    if (inside && c == '\\' && at_ + 1 < text_.size()) {
      ++at_;
    } else if (c == '"') {
      inside = !inside;
    } else if (!inside && ends.find(c) != ends.npos) {
      break;
    }
  }
  const std::string_view value = trimmed_end(text_.substr(begin, at_ - begin));
  return {value, begin, quoted && value.size() >= 2 && value.back() == '"'};
}

Result<std::vector<FaultWord>> FaultText::take_arguments() {
  std::vector<FaultWord> arguments;
  const size_t open = at_;
  if (!take("(")) return arguments;
  skip_spaces();
  if (take(")")) return arguments;
  for (;;) {
    arguments.push_back(take_value(",)"));
    if (arguments.back().text.empty()) return error(arguments.back().at, "an argument is missing here");
    if (take(")")) return arguments;
    if (!take(",")) return error(open, "this parenthesis is never closed");
  }
}

tl::unexpected<Error> FaultText::error(size_t at, std::string_view message) const {
  return fail(fmt::format("fault '{}', character {}: {}", shown(text_), at + 1, message));
}

std::optional<uint64_t> read_number(std::string_view word) {
  const bool hex = word.starts_with("0x") || word.starts_with("0X");
  if (hex) word.remove_prefix(2);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, hex ? 16 : 10);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return number;
}

std::optional<int64_t> read_signed_number(std::string_view word) {
  const bool negative = word.starts_with("-");
  if (negative) word.remove_prefix(1);
  const auto number = read_number(word);
  if (!number || *number > static_cast<uint64_t>(INT64_MAX) + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - *number : *number);
}

std::string unquoted(const FaultWord& word) {
  if (!word.quoted) return std::string(word.text);
  std::string text;
  const std::string_view inside = word.text.substr(1, word.text.size() - 2);
  for (size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '\\' && i + 1 < inside.size()) ++i;
    text += inside[i];
  }
  return text;
}

}  // namespace ringside
