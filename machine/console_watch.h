// Looks for texts in what a guest prints, however much that is and however it comes in pieces. It keeps no
// more than the end that could be the beginning of a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringside {

class ConsoleWatch {
 public:
  ConsoleWatch() = default;
  explicit ConsoleWatch(std::vector<std::string> texts);
  void on_output(std::string_view bytes);
  // Whether the text with this index has appeared.
  bool seen(size_t index) const { return seen_.at(index); }

 private:
  std::vector<std::string> texts_;
  std::vector<bool> seen_;
  size_t longest_ = 0;
  std::string end_;
};

}  // namespace ringside
