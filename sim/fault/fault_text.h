// Reading the text of a fault: characters, words, numbers and times, with errors that point at the place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"
#include "sim/tick.h"

namespace ringside {

// A piece of the text, and where it stands there.
struct FaultWord {
  std::string_view text;
  size_t at = 0;
  bool quoted = false;
};

class FaultText {
 public:
  explicit FaultText(std::string_view text) : text_(text) {}

  size_t at() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }
  std::string_view whole() const { return text_; }
  bool take(std::string_view expected);
  void skip(size_t count) { at_ += count; }
  void skip_spaces();
  // As long as the characters are of these.
  FaultWord take_while(bool (*wanted)(char));
  // "(A, B)", where it stands: arguments without the spaces around them. Quotes protect commas and brackets.
  Result<std::vector<FaultWord>> take_arguments();
  // Up to one of `ends` outside quotes, without spaces around.
  FaultWord take_value(std::string_view ends);

  // "fault '...', character 8: counts begin with 1".
  tl::unexpected<Error> error(size_t at, std::string_view message) const;

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// Decimal or 0x..., the whole word.
std::optional<uint64_t> read_number(std::string_view word);
// With a sign, too: two's complement.
std::optional<int64_t> read_signed_number(std::string_view word);
// A quoted word without its quotes and with its escapes (\" and \\) resolved; others as they are.
std::string unquoted(const FaultWord& word);

bool is_word_character(char c);  // of names: letters, digits, '_', '-'

}  // namespace ringside
