// The clock's arithmetic: dates in registers, and the divider chain behind the second and the periodic rates.
#include <algorithm>
#include <chrono>

#include "devices/platform/rtc.h"
#include "devices/platform/rtc_registers.h"

namespace ringside {

using namespace rtc;

namespace {

constexpr unsigned kSecondsPerDay = 86'400;
constexpr uint64_t kPicosecondsPerSecond = 1'000'000'000'000;

// Digits above 9 count with their value: a guest may write anything.
unsigned from_bcd(uint8_t raw) { return (raw >> 4) * 10u + (raw & 15u); }
uint8_t to_bcd(unsigned number) { return static_cast<uint8_t>((number / 10 % 10) << 4 | number % 10); }

uint64_t scale(uint64_t a, uint64_t b, uint64_t c) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b / c);
}
uint64_t scale_up(uint64_t a, uint64_t b, uint64_t c) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b + c - 1) / c);
}

}  // namespace

unsigned Rtc::decoded(uint8_t raw) const {
  return (reg(kRegisterB) & kDataModeBinary) != 0 ? raw : from_bcd(raw);
}

uint8_t Rtc::encoded(unsigned number) const {
  return (reg(kRegisterB) & kDataModeBinary) != 0 ? static_cast<uint8_t>(number) : to_bcd(number);
}

unsigned Rtc::decoded_hours(uint8_t raw) const {
  if ((reg(kRegisterB) & kHours24) != 0) return decoded(raw);
  const unsigned hours = decoded(static_cast<uint8_t>(raw & ~kAfternoon)) % 12;
  return (raw & kAfternoon) != 0 ? hours + 12 : hours;
}

uint8_t Rtc::encoded_hours(unsigned hours) const {
  if ((reg(kRegisterB) & kHours24) != 0) return encoded(hours);
  const unsigned shown = hours % 12 == 0 ? 12 : hours % 12;
  return static_cast<uint8_t>(encoded(shown) | (hours >= 12 ? kAfternoon : 0));
}

int64_t Rtc::date() const {
  using namespace std::chrono;
  const int full_year = static_cast<int>(from_bcd(memory_[kCentury]) * 100 + decoded(reg(kYear)));
  const unsigned full_month = std::clamp(decoded(reg(kMonth)), 1u, 12u);
  const sys_days first{year{full_year} / month{full_month} / 1};
  const int64_t days =
      first.time_since_epoch().count() + static_cast<int64_t>(decoded(reg(kDateOfMonth))) - 1;
  return days * kSecondsPerDay + decoded_hours(reg(kHours)) * 3600 + decoded(reg(kMinutes)) * 60 +
         decoded(reg(kSeconds));
}

void Rtc::set_date(int64_t seconds) {
  using namespace std::chrono;
  const sys_days day = floor<days>(sys_seconds{std::chrono::seconds{seconds}});
  const auto second = static_cast<unsigned>(seconds - day.time_since_epoch().count() * kSecondsPerDay);
  const year_month_day calendar{day};
  const auto full_year = static_cast<unsigned>(static_cast<int>(calendar.year()));
  put(kSeconds, encoded(second % 60));
  put(kMinutes, encoded(second / 60 % 60));
  put(kHours, encoded_hours(second / 3600));
  put(kDayOfWeek, encoded(weekday{day}.c_encoding() + 1));  // 1: Sunday
  put(kDateOfMonth, encoded(static_cast<unsigned>(calendar.day())));
  put(kMonth, encoded(static_cast<unsigned>(calendar.month())));
  put(kYear, encoded(full_year % 100));
  // DEVIATES: MC146818A - the chip has no century; a PC's firmware keeps one in this byte of RAM, in BCD, and
  // counts it on, which nobody does here while a system without that firmware runs.
  memory_[kCentury] = to_bcd(full_year / 100 % 100);
}

void Rtc::pass_seconds(uint64_t passed) {
  const int64_t before = date();
  const int64_t after = before + static_cast<int64_t>(passed);
  const auto day_of = [](int64_t moment) {
    return std::chrono::floor<std::chrono::days>(std::chrono::seconds(moment)).count();
  };
  // The chip counts the day of the week for itself: a guest may have set it to anything.
  const auto days = static_cast<uint64_t>(day_of(after) - day_of(before));
  const unsigned weekday = decoded(reg(kDayOfWeek));
  set_date(after);
  put(kDayOfWeek, encoded(static_cast<unsigned>((weekday + 6 + days) % 7 + 1)));
}

unsigned Rtc::second_of_day() const {
  return (decoded_hours(reg(kHours)) * 3600 + decoded(reg(kMinutes)) * 60 + decoded(reg(kSeconds))) %
         kSecondsPerDay;
}

std::optional<unsigned> Rtc::until_alarm(unsigned second) const {
  const auto fits = [this](uint8_t index, uint8_t shown) {
    return (reg(index) & kAlarmAny) == kAlarmAny || reg(index) == shown;
  };
  const auto ever_fits = [&](uint8_t index, unsigned count, auto show) {
    for (unsigned number = 0; number < count; ++number) {
      if (fits(index, show(number))) return true;
    }
    return false;
  };
  const auto show = [this](unsigned number) { return encoded(number); };
  if (!ever_fits(kSecondsAlarm, 60, show) || !ever_fits(kMinutesAlarm, 60, show) ||
      !ever_fits(kHoursAlarm, 24, [this](unsigned hours) { return encoded_hours(hours); })) {
    return std::nullopt;
  }
  // Each turn goes to the start of the next hour, minute or second that may fit: some two hundred at most.
  for (unsigned ahead = 1; ahead <= kSecondsPerDay;) {
    const unsigned at = (second + ahead) % kSecondsPerDay;
    if (!fits(kHoursAlarm, encoded_hours(at / 3600))) {
      ahead += 3600 - at % 3600;
    } else if (!fits(kMinutesAlarm, encoded(at / 60 % 60))) {
      ahead += 60 - at % 60;
    } else if (!fits(kSecondsAlarm, encoded(at % 60))) {
      ++ahead;
    } else {
      return ahead;
    }
  }
  return std::nullopt;
}

bool Rtc::chain_running() const { return (reg(kRegisterA) & kDividerMask) == kDivider32768Hz; }

bool Rtc::updates_enabled() const { return chain_running() && (reg(kRegisterB) & kSet) == 0; }

uint64_t Rtc::seconds_at(Tick tick) const {
  return tick < first_second_end_ ? 0 : (tick - first_second_end_).ps / kPicosecondsPerSecond + 1;
}

Tick Rtc::second_end(uint64_t second) const { return saturating_add(first_second_end_, seconds(second - 1)); }

// Datasheet, table 5, for a time base of 32.768 kHz: 30.5 us times a power of two, except that the two
// fastest rates stand for 3.90625 ms and 7.8125 ms.
uint64_t Rtc::period_rate() const {
  const unsigned select = reg(kRegisterA) & kRateMask;
  if (select == 0) return 0;
  if (select <= 2) return 512u >> select;
  return 65'536u >> select;
}

uint64_t Rtc::periods_at(Tick tick) const {
  const uint64_t rate = period_rate();
  if (tick >= first_second_end_)
    return rate + scale((tick - first_second_end_).ps, rate, kPicosecondsPerSecond);
  return rate - std::min(rate, scale_up((first_second_end_ - tick).ps, rate, kPicosecondsPerSecond));
}

Tick Rtc::period_end(uint64_t period) const {
  const uint64_t rate = period_rate();
  if (period < rate) return first_second_end_ - Tick{scale(rate - period, kPicosecondsPerSecond, rate)};
  return saturating_add(first_second_end_, Tick{scale_up(period - rate, kPicosecondsPerSecond, rate)});
}

}  // namespace ringside
