#include "ringside/time.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "ringside/error.h"

namespace ringside::test {

Error::~Error() = default;

// With the largest unit that leaves something before the point, and no more digits than there are.
std::string to_string(Time time) {
  if (time == kNever) return "never";
  constexpr std::array<std::pair<int64_t, const char*>, 4> kUnits{
      {{1'000'000'000'000, "s"}, {1'000'000'000, "ms"}, {1'000'000, "us"}, {1000, "ns"}}};
  const int64_t ps = time.count();
  for (const auto& [size, name] : kUnits) {
    if (ps < size && ps > -size) continue;
    std::string digits = fmt::format("{}", ps / size);
    std::string rest =
        fmt::format("{:0{}}", (ps < 0 ? -(ps % size) : ps % size), fmt::formatted_size("{}", size) - 1);
    rest.resize(rest.find_last_not_of('0') + 1);
    return rest.empty() ? digits + name : digits + "." + rest + name;
  }
  return ps == 0 ? "0s" : fmt::format("{}ps", ps);
}

}  // namespace ringside::test
