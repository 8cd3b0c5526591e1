// What every register of a table (sim/registers.h) must do, checked through the device's bus face: its value
// after reset, what writes change and what reads clear, and what accesses of another width do. Each check
// runs on a device of its own, as at power on.
//
// A register whose handlers make a rule inapplicable is named with the reason; an exception that names no
// register, or whose register keeps to the rule after all, fails the test. What handlers do besides the
// stored bits cannot be seen here: the device's own tests say that.
//
//   RegisterChecks<Uart> checks{.rows = kUartRegisters, .make = [] { return std::make_unique<UartBench>();
//   }}; checks.exceptions = {{"IIR", RegisterRule::writes, "a write at its offset goes to FCR"}};
//   checks.too_wide = WidthRule::split;
//   check_registers(checks);
#pragma once

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/bus.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

// A device that has just been switched on, and whatever it stands on.
class RegisterBench {
 public:
  virtual ~RegisterBench() = default;
  virtual BusTarget& registers() = 0;
  virtual const Stateful& state() = 0;
  // Makes the register reachable: a UART sets DLAB for its divisor. Runs before the first access.
  virtual void select(const RegisterRow&) {}
  // The reset pin. Return false where the device has none.
  virtual bool reset() { return false; }
};

enum class RegisterRule : uint8_t {
  reset,   // the first read after power on, and after the reset pin, gives the reset value
  writes,  // a write changes what the access says, a second read gives the same (or 0: read_clear)
  wide,    // accesses of more bytes than the register has
  narrow,  // accesses of fewer
};

inline std::string_view to_string(RegisterRule rule) {
  constexpr std::string_view kNames[] = {"reset", "writes", "wide", "narrow"};
  return kNames[static_cast<size_t>(rule)];
}

// What the device documents for accesses of another width than the register's.
enum class WidthRule : uint8_t {
  unchecked,  // the bus never lets one through, or the device's own test says it
  split,      // wider: as several of the register's width, the lowest address first
  part,       // narrower: a read gives those bytes, a write changes only those
  ones,       // a read gives ones, a write nothing
  zeros,      // a read gives zeros, a write nothing
};

struct RegisterException {
  std::string_view name;
  RegisterRule rule;
  std::string_view reason;
};

template <class Device>
struct RegisterChecks {
  std::span<const Register<Device>> rows;
  std::function<std::unique_ptr<RegisterBench>()> make;
  std::vector<RegisterException> exceptions = {};
  WidthRule too_wide = WidthRule::unchecked;
  WidthRule too_narrow = WidthRule::unchecked;
  unsigned width_max = 8;  // the widest access that the device's bus carries
};

namespace register_checks {

constexpr uint64_t ones(unsigned bytes) { return bytes >= 8 ? ~0ull : (1ull << (8 * bytes)) - 1; }

// One device, at one register.
class Probe {
 public:
  Probe(std::unique_ptr<RegisterBench> bench, const RegisterRow& row) : bench_(std::move(bench)), row_(row) {
    bench_->select(row);
  }
  uint64_t read() { return bench_->registers().read(row_.offset, row_.width); }
  void write(uint64_t value) { bench_->registers().write(row_.offset, row_.width, value & ones(row_.width)); }
  uint64_t read(uint64_t offset, unsigned size) { return bench_->registers().read(offset, size); }
  void write(uint64_t offset, unsigned size, uint64_t value) {
    bench_->registers().write(offset, size, value & ones(size));
  }
  bool reset() {
    if (!bench_->reset()) return false;
    bench_->select(row_);
    return true;
  }
  uint64_t digest() { return state_digest(bench_->state()); }

 private:
  std::unique_ptr<RegisterBench> bench_;
  const RegisterRow& row_;
};

using MakeProbe = std::function<Probe()>;

// Each rule gives what is wrong, or an empty text.
inline std::string expect(std::string_view what, uint64_t found, uint64_t expected) {
  return found == expected ? std::string() : fmt::format("{}: {:#x}, not {:#x}", what, found, expected);
}

inline uint64_t readable_reset(const RegisterRow& row) {
  return row.access == RegisterAccess::write_only ? 0 : row.reset;
}

inline std::string check_reset(const RegisterRow& row, const MakeProbe& make) {
  Probe probe = make();
  std::string wrong = expect("at power on it reads", probe.read(), readable_reset(row));
  if (!wrong.empty()) return wrong;
  Probe used = make();
  used.write(~0ull);
  if (!used.reset()) return {};
  return expect("after the reset pin it reads", used.read(), readable_reset(row));
}

// What a register holds after a write, by its access.
inline uint64_t value_behind(const RegisterRow& row, uint64_t held, uint64_t written) {
  const uint64_t mask = row.writable & ones(row.width);
  switch (row.access) {
    case RegisterAccess::read_write: return (held & ~mask) | (written & mask);
    case RegisterAccess::read_only:
    case RegisterAccess::read_clear: return held;
    case RegisterAccess::write_one_clear: return held & ~(written & mask);
    case RegisterAccess::write_only: return 0;
  }
  return held;
}

inline std::string check_writes(const RegisterRow& row, const MakeProbe& make) {
  Probe probe = make();
  uint64_t held = readable_reset(row);
  std::vector<uint64_t> patterns = {~0ull, 0, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa};
  for (unsigned bit = 0; bit < 8u * row.width; ++bit) patterns.push_back(1ull << bit);
  for (const uint64_t pattern : patterns) {
    const uint64_t written = pattern & ones(row.width);
    probe.write(written);
    held = value_behind(row, held, written);
    for (int time = 1; time <= 2; ++time) {
      const std::string what = fmt::format("after a write of {:#x}, read {} gives", written, time);
      if (auto wrong = expect(what, probe.read(), held); !wrong.empty()) return wrong;
      if (row.access == RegisterAccess::read_clear) held = 0;
    }
  }
  return {};
}

// Reads and writes of `size` bytes at `offset` do nothing, and reads give `value`.
inline std::string check_refused(uint64_t offset, unsigned size, uint64_t value, const MakeProbe& make) {
  Probe probe = make();
  const uint64_t before = probe.digest();
  const std::string what = fmt::format("{} bytes at {:#x}", size, offset);
  if (auto wrong = expect(what + " read", probe.read(offset, size), value & ones(size)); !wrong.empty())
    return wrong;
  for (const uint64_t pattern : {~0ull, 0ull}) probe.write(offset, size, pattern);
  return probe.digest() == before ? std::string() : what + ": an access changes the state";
}

inline std::string check_split(const RegisterRow& row, unsigned size, const MakeProbe& make) {
  Probe whole = make(), pieces = make();
  const auto differs = [&](const char* what) {
    return whole.digest() == pieces.digest()
               ? std::string()
               : fmt::format("a {} of {} bytes leaves another state than {} of {}", what, size,
                             size / row.width, row.width);
  };
  uint64_t value = 0;
  const auto each_piece = [&](const auto& access) {
    for (unsigned at = 0; at < size; at += row.width) access(row.offset + at, 8 * at);
  };
  each_piece([&](uint64_t offset, unsigned shift) { value |= pieces.read(offset, row.width) << shift; });
  if (auto wrong = expect(fmt::format("{} bytes read", size), whole.read(row.offset, size), value);
      !wrong.empty()) {
    return wrong;
  }
  if (auto wrong = differs("read"); !wrong.empty()) return wrong;
  for (const uint64_t pattern : {0x0102030405060708ull, ~0ull, 0ull}) {
    whole.write(row.offset, size, pattern);
    each_piece([&](uint64_t offset, unsigned shift) { pieces.write(offset, row.width, pattern >> shift); });
    if (auto wrong = differs("write"); !wrong.empty()) return wrong;
  }
  return {};
}

inline std::string check_part(const RegisterRow& row, unsigned size, const MakeProbe& make) {
  for (unsigned at = 0; at + size <= row.width; at += size) {
    Probe probe = make();
    uint64_t held = readable_reset(row);
    const std::string what = fmt::format("{} bytes at {:#x}", size, row.offset + at);
    const auto part = [&] { return held >> (8 * at) & ones(size); };
    if (auto wrong = expect(what + " read", probe.read(row.offset + at, size), part()); !wrong.empty())
      return wrong;
    if (row.access != RegisterAccess::read_write && row.access != RegisterAccess::read_only) continue;
    const uint64_t touched = ones(size) << (8 * at);
    for (const uint64_t pattern : {~0ull, 0ull}) {
      probe.write(row.offset + at, size, pattern);
      held = value_behind(row, held, (held & ~touched) | (pattern & touched));
      const std::string after =
          fmt::format("after a write of {:#x} to {} the whole is", pattern & ones(size), what);
      if (auto wrong = expect(after, probe.read(), held); !wrong.empty()) return wrong;
    }
  }
  return {};
}

inline std::string check_width(const RegisterRow& row, unsigned size, WidthRule rule, const MakeProbe& make) {
  switch (rule) {
    case WidthRule::unchecked: return {};
    case WidthRule::split: return check_split(row, size, make);
    case WidthRule::part: return check_part(row, size, make);
    case WidthRule::ones: return check_refused(row.offset, size, ~0ull, make);
    case WidthRule::zeros: return check_refused(row.offset, size, 0, make);
  }
  return {};
}

// The table itself: names, widths, and that no two rows claim one place.
template <class Device>
void check_table(std::span<const Register<Device>> rows) {
  std::set<std::string_view> names;
  std::set<std::pair<uint8_t, uint32_t>> places;
  for (const Register<Device>& row : rows) {
    INFO("register " << row.name << " at " << row.offset);
    CHECK_FALSE(row.name.empty());
    CHECK(names.insert(row.name).second);
    for (unsigned byte = 0; byte < row.width; ++byte)
      CHECK(places.insert({row.bank, row.offset + byte}).second);
    CHECK((row.width == 1 || row.width == 2 || row.width == 4 || row.width == 8));
    CHECK((row.reset & ~ones(row.width)) == 0);
    CHECK_FALSE(row.section.empty());
  }
}

}  // namespace register_checks

template <class Device>
void check_registers(const RegisterChecks<Device>& checks) {
  using namespace register_checks;
  check_table<Device>(checks.rows);
  std::set<std::pair<std::string_view, RegisterRule>> excepted;
  for (const RegisterException& exception : checks.exceptions) {
    CHECK_FALSE(exception.reason.empty());
    CHECK(excepted.insert({exception.name, exception.rule}).second);
  }
  for (const Register<Device>& row : checks.rows) {
    const MakeProbe make = [&] { return Probe(checks.make(), row); };
    const auto judge = [&](RegisterRule rule, const std::string& wrong) {
      INFO(row.name << " (" << row.section << "), rule '" << to_string(rule) << "': " << wrong);
      if (excepted.erase({row.name, rule}) == 0) {
        CHECK(wrong.empty());
      } else {
        INFO("an exception names it, but it keeps to the rule: take the exception out");
        CHECK_FALSE(wrong.empty());
      }
    };
    judge(RegisterRule::reset, check_reset(row, make));
    judge(RegisterRule::writes, check_writes(row, make));
    std::string wide, narrow;
    for (unsigned size = 1; size <= checks.width_max; size *= 2) {
      if (size > row.width && wide.empty()) wide = check_width(row, size, checks.too_wide, make);
      if (size < row.width && narrow.empty()) narrow = check_width(row, size, checks.too_narrow, make);
    }
    judge(RegisterRule::wide, wide);
    judge(RegisterRule::narrow, narrow);
  }
  for (const auto& [name, rule] : excepted) {
    FAIL_CHECK("an exception names " << name << ", rule '" << to_string(rule)
                                     << "': there is no such register");
  }
}

}  // namespace ringside
