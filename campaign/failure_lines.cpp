#include "campaign/failure_lines.h"

#include <algorithm>
#include <cctype>

namespace ringside {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// "42", "0x7f", "12ms"; and an address without a prefix, "ffffffff81001234".
bool is_number(std::string_view word) {
  if (is_digit(word.front())) return true;
  const auto is_hex = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  return word.size() >= 8 && std::all_of(word.begin(), word.end(), is_hex);
}

bool speaks_of_failure(std::string_view line) {
  std::string small(line);
  for (char& c : small) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::string_view kWords[] = {"fail",    "error",     "panic", "bug:", "oops",
                                         "corrupt", "timed out", "wrong", "abort"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return small.find(word) != std::string::npos; });
}

}  // namespace

std::string without_numbers(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_alphanumeric(text[end])) ++end;
    const bool signed_number = text[at] == '-' && at + 1 < text.size() && is_digit(text[at + 1]) &&
                               (at == 0 || !is_alphanumeric(text[at - 1]));
    if (signed_number) {
      ++at;
    } else if (end == at) {
      const bool blank = text[at] == ' ' || text[at] == '\t';
      if (!blank) result += text[at];
      if (blank && !result.empty() && result.back() != ' ') result += ' ';
      ++at;
    } else {
      const std::string_view word = text.substr(at, end - at);
      result += is_number(word) ? std::string_view("#") : word;
      at = end;
    }
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

void FailureLines::on_console(const std::string& console, std::span<const uint8_t> bytes) {
  std::string& line = open_[console];
  for (const uint8_t byte : bytes) {
    if (byte == '\n' || byte == '\r') {
      end_line(line);
    } else if (line.size() < kLineMax) {
      line += byte >= ' ' && byte < 0x7f ? static_cast<char>(byte) : '?';
    }
  }
}

void FailureLines::end_line(std::string& line) {
  if (!line.empty() && speaks_of_failure(line)) {
    const std::string text = without_numbers(line);
    if (all_.size() < kLinesMax) all_.insert(text);
    if (usual_ != nullptr && first_.empty() && usual_->count(text) == 0) first_ = text;
  }
  line.clear();
}

void FailureLines::begin(const std::set<std::string>* usual) {
  usual_ = usual;
  first_.clear();
}

}  // namespace ringside
