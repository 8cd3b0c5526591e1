#include "machine/console_watch.h"

#include <algorithm>

namespace ringside {

ConsoleWatch::ConsoleWatch(std::vector<std::string> texts) : texts_(std::move(texts)), seen_(texts_.size()) {
  for (size_t i = 0; i < texts_.size(); ++i) {
    seen_[i] = texts_[i].empty();
    longest_ = std::max(longest_, texts_[i].size());
  }
}

void ConsoleWatch::on_output(std::string_view bytes) {
  if (longest_ == 0) return;
  end_ += bytes;
  for (size_t i = 0; i < texts_.size(); ++i) {
    if (!seen_[i]) seen_[i] = end_.find(texts_[i]) != std::string::npos;
  }
  if (end_.size() >= longest_) end_.erase(0, end_.size() - (longest_ - 1));
}

}  // namespace ringside
