#include <fmt/format.h>

#include <algorithm>

#include "testkit/device/bench_house.h"

namespace ringside::test::house {

namespace {

std::string some_bytes(std::span<const uint8_t> bytes, size_t from) {
  std::string text;
  for (size_t at = from; at < bytes.size() && at < from + 8; ++at)
    text += fmt::format("{}{:02x}", at == from ? "" : " ", bytes[at]);
  return text.empty() ? "(its end)" : text;
}

}  // namespace

void expect_bytes(std::span<const uint8_t> wanted, std::span<const uint8_t> found, const std::string& what,
                  const SourcePlace& place) {
  const auto differ = std::mismatch(wanted.begin(), wanted.end(), found.begin(), found.end());
  if (differ.first == wanted.end() && differ.second == found.end()) return;
  const auto at = static_cast<size_t>(differ.first - wanted.begin());
  fail_expectation(
      place,
      fmt::format("{} has {} bytes, {} were expected; they differ from byte {} on: {} instead of {}", what,
                  found.size(), wanted.size(), at, some_bytes(found, at), some_bytes(wanted, at)));
}

}  // namespace ringside::test::house
