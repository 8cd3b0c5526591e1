#include "sim/tick.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace ringside {

std::string to_string(Tick tick) {
  constexpr uint64_t kPerSecond = 1'000'000'000'000;
  return fmt::format("{}.{:012}s", tick.ps / kPerSecond, tick.ps % kPerSecond);
}

namespace {

constexpr std::array<std::pair<std::string_view, uint64_t>, 5> kUnits{
    {{"ps", 1}, {"ns", 1'000}, {"us", 1'000'000}, {"ms", 1'000'000'000}, {"s", 1'000'000'000'000}}};

tl::unexpected<Error> not_a_time(std::string_view text) {
  return fail(fmt::format(
      "'{}' is not a time: write a number and a unit, such as 20s, 1.5ms, 30us, 87ns or 12ps", text));
}

}  // namespace

Result<Tick> parse_tick(std::string_view text) {
  const size_t digits_end = std::min(text.find_first_not_of("0123456789"), text.size());
  uint64_t whole = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + digits_end, whole);
  if (digits_end == 0 || error != std::errc{}) return not_a_time(text);
  std::string_view rest = text.substr(digits_end);
  std::string_view fraction;
  if (!rest.empty() && rest[0] == '.') {
    const size_t fraction_end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    fraction = rest.substr(1, fraction_end - 1);
    rest = rest.substr(fraction_end);
    if (fraction.empty()) return not_a_time(text);
  }
  if (rest.empty() && fraction.empty()) return Tick{whole};
  for (const auto& [unit, scale] : kUnits) {
    if (rest != unit) continue;
    if (whole > Tick::never().ps / scale) return not_a_time(text);
    uint64_t ps = whole * scale;
    uint64_t digit_value = scale;
    for (const char digit : fraction) {
      // Digits below a picosecond are dropped.
      digit_value /= 10;
      ps += static_cast<uint64_t>(digit - '0') * digit_value;
    }
    return Tick{ps};
  }
  return not_a_time(text);
}

}  // namespace ringside
