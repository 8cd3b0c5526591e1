// What a guest says when something goes wrong: the lines of its consoles that speak of a failure. The first
// one behind a fault tells failures apart that end alike.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace ringside {

// Numbers and addresses become "#", so that the same failure of another request is the same text.
std::string without_numbers(std::string_view text);

class FailureLines {
 public:
  void on_console(const std::string& console, std::span<const uint8_t> bytes);
  // From here on lines count, except those that a run without faults has as well.
  void begin(const std::set<std::string>* usual);

  // Without numbers; empty: none.
  const std::string& first() const { return first_; }
  // All so far, without numbers.
  const std::set<std::string>& all() const { return all_; }

 private:
  static constexpr size_t kLineMax = 400;  // bytes; a guest need not end its lines
  static constexpr size_t kLinesMax = 1000;
  void end_line(std::string& line);

  std::map<std::string, std::string> open_;  // by console
  const std::set<std::string>* usual_ = nullptr;
  std::string first_;
  std::set<std::string> all_;
};

}  // namespace ringside
