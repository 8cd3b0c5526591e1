// The inside of a bench: what a machine gives its devices (clock, queue, wires, notices), the taps that
// watch, and interrupt lines. For testkit/device/*.cpp only.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkers/checker.h"
#include "ringside/bench.h"
#include "sim/clock.h"
#include "sim/device_site.h"
#include "sim/event_queue.h"
#include "sim/fault/fault_injector.h"
#include "sim/interrupt.h"
#include "sim/memory.h"
#include "sim/notice.h"
#include "sim/result.h"
#include "sim/tick.h"
#include "sim/wire.h"
#include "testkit/crossing_store.h"

namespace ringside::test::house {

using test::to_tick;
inline Duration to_duration(Tick tick) { return to_time(tick); }

// The value, or an Error with what the house says.
template <class T>
T value_or_error(ringside::Result<T> result) {
  if (!result) throw Error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

[[noreturn]] void fail_expectation(const SourcePlace& place, const std::string& text);

// Says where the two begin to differ.
void expect_bytes(std::span<const uint8_t> wanted, std::span<const uint8_t> found, const std::string& what,
                  const SourcePlace& place);

struct Bench;
// "; the last notice: ...", to end a sentence with, or nothing.
std::string last_notice(const Bench& bench);

struct Bench {
  // `watching` are the checkers that have something to look at in this kind of bench.
  Bench(const BenchOptions& given, std::span<const std::string_view> watching);
  virtual ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  DeviceSite site(std::string name) {
    return {options.domain, std::move(name), clock, events, wiring, notices};
  }

  void advance_to(Tick end);
  // Runs event by event until the condition holds; false: it does not at `end`, where the clock then stands.
  template <class Condition>
  bool advance_until(const Condition& condition, Tick end) {
    if (condition()) return true;
    while (events.next_tick() <= end) {
      step();
      if (condition()) return true;
    }
    stand_at(end);
    return false;
  }
  template <class Condition>
  bool wait_for(const Condition& condition, Duration limit) {
    return advance_until(condition, saturating_add(clock.now, to_tick(limit)));
  }
  // The RAM of devices; null until there is one.
  virtual Memory* ram() { return nullptr; }
  // Rules of the bench's own that were broken.
  virtual void add_violations(std::vector<Violation>& to) const { (void)to; }
  // Error where nothing is kept: `why` is the call that wanted it.
  CrossingStore& store(const char* why) const;
  std::vector<Violation> all_violations() const;
  // An exception has come since the bench was made, and is on its way through whoever holds it.
  bool is_unwinding() const { return std::uncaught_exceptions() > exceptions_before_; }
  // To whoever runs the tests, for a bench that goes.
  static void tell(const std::vector<std::string>& complaints);
  // Where the test has a name (ringside/isolation.h) and has failed: writes the session that its failure
  // names.
  void keep_session_of_failure(const test::Bench& bench) const;
  // The checkers' last words, once.
  void finish_checks();

  const BenchOptions options;
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, options.domain};
  mutable std::optional<CrossingLog> log;  // none: nothing is kept
  uint64_t forgotten = 0;                  // crossings that the test does not want to see any more
  std::unique_ptr<FaultInjector> injector;
  std::unique_ptr<Checkers> checkers;
  uint64_t accesses_in_place = 0;  // since the clock has moved
  bool looked_at_rules = false;    // the test has

 private:
  // Tells the test that is running where a failure will find this bench's session.
  void announce();
  void step();
  void stand_at(Tick end) {
    if (end > clock.now) clock.now = end;
    accesses_in_place = 0;
  }
  bool checks_finished_ = false;
  const int exceptions_before_ = std::uncaught_exceptions();
  std::string session_path_;  // of a test that has a name
};

// An interrupt line: high while any of its sources is. What crosses "irq/<line>" is what faults may change.
struct Line {
  Line(Bench& the_bench, unsigned number);
  void connect(InterruptPin& pin);
  void arrive(bool up);

  Bench& bench;
  const uint8_t number;
  Wire& wire;
  unsigned sources_high = 0;
  bool level = false;
  uint64_t rises = 0, changes = 0;
  Tick changed_at;
  std::vector<uint8_t> payload;
};

}  // namespace ringside::test::house
