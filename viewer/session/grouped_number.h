#pragma once

#include <fmt/format.h>

#include <string>

namespace ringside::viewer {

// 1204567 -> "1,204,567"
inline std::string grouped(uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, 1, ',');
  return text;
}

}  // namespace ringside::viewer
