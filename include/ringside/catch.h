// Tests of drivers in Catch2, and the only header that knows Catch2 (version 2, as Debian 12 has it). A
// program of such tests has one file with `#define CATCH_CONFIG_MAIN` above `#include "ringside/catch.h"`, or
// links a main of its own, as any program of Catch2.
//
//   RINGSIDE_TEST("reads a sector", "[blk]", "scenarios/blk-read") {       // m is the machine
//     m.run_until("ring/xvda/request", field("operation") == "READ");
//     CHECK(m.run().ok());
//     CHECK_THAT(m.wire("ring/xvda/request"),
//                HasCrossing(field("operation") == "READ" && field("sector_number") == 2048));
//     CHECK_THAT(m.wire("ring/xvda/*"), Within(5ms, InOrder({on_wire("*/request"), on_wire("*/response")})));
//   }
//
//   RINGSIDE_CASE("a divisor", "[uart]") { ... }           // isolated, with a bench or machines of its own
//   RINGSIDE_TEST_METHOD(Fixture, "name", "[tags]") { ... }  // a fixture with a member m, or without
//
// Each body runs in a process of its own (isolation.h), so that a driver that crashes or loops fails its test
// alone. SECTION, GENERATE and INFO work as ever. A test fails, too, by a rule of an interface that was
// broken and by a machine that ended badly, unless it has allowed that. What fails says at its end how to see
// it again: the session is in ringside-sessions/ then.
#pragma once

#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringside/catch_relay.h"
#include "ringside/crossing.h"
#include "ringside/expectation.h"
#include "ringside/isolation.h"
#include "ringside/machine.h"

namespace Catch {

template <>
struct StringMaker<ringside::test::Crossings> {
  static std::string convert(const ringside::test::Crossings& crossings) {
    const size_t count = crossings.size();
    return crossings.description() + " (" + std::to_string(count) +
           (count == 1 ? " crossing)" : " crossings)");
  }
};

template <>
struct StringMaker<ringside::test::Duration> {
  static std::string convert(const ringside::test::Duration& duration) {
    return ringside::test::to_string(duration);
  }
};

}  // namespace Catch

// gcov's, where the program is instrumented.
extern "C" __attribute__((weak)) void __gcov_dump(void);
extern "C" __attribute__((weak)) void __gcov_exit(void);
extern "C" __attribute__((weak)) void __gcov_reset(void);

namespace ringside::test {

// --- Matchers: CHECK_THAT(m.wire("ring/xvda/request"), HasCrossing(field("operation") == "READ")) ---

class CrossingMatcher : public Catch::MatcherBase<Crossings>, public Expectation {
 public:
  explicit CrossingMatcher(const Expectation& expectation) : Expectation(expectation) {}
  bool match(const Crossings& crossings) const override {
    const bool matched = holds(crossings);
    instead_ = matched ? "" : "\n" + explain(crossings);
    return matched;
  }

 protected:
  std::string describe() const override { return text() + instead_; }

 private:
  mutable std::string instead_;
};

// One at least is so.
inline CrossingMatcher HasCrossing(const Condition& condition) {
  return CrossingMatcher(expect_crossing(condition));
}
// None is; without a condition: there is none at all.
inline CrossingMatcher NoCrossing(const Condition& condition = {}) {
  return CrossingMatcher(expect_no_crossing(condition));
}
// Exactly so many are.
inline CrossingMatcher Count(size_t count, const Condition& condition = {}) {
  return CrossingMatcher(expect_count(count, condition));
}
// One like the first, behind it one like the second, and so on; others may stand between them.
inline CrossingMatcher InOrder(std::vector<Condition> conditions) {
  return CrossingMatcher(expect_in_order(std::move(conditions)));
}
// All of them within so long of the first.
inline CrossingMatcher Within(Duration limit) { return CrossingMatcher(expect_within(limit)); }
// What is expected, within so long of the beginning: of these crossings (m.wire(...).since(time)), or of its
// own first for an order.
inline CrossingMatcher Within(Duration limit, const Expectation& expectation) {
  return CrossingMatcher(expect_within(limit, expectation));
}

// What the macros below make of a body. Nothing from here on is for tests.
namespace catch_glue {

inline Catch::AssertionInfo test_info(const Catch::SourceLineInfo& line) {
  return {Catch::StringRef("RINGSIDE_TEST", 13), line, Catch::StringRef("", size_t{0}),
          Catch::ResultDisposition::ContinueOnFailure};
}

// What a body throws fails the test while its machines are still there.
inline void guarded(const Catch::SourceLineInfo& line, const std::function<void()>& body) {
  try {
    body();
  } catch (Catch::TestFailureException&) {
    // The assertion has said so.
  } catch (...) {
    if (isolation_is_off()) throw;
    Catch::AssertionReaction reaction;
    Catch::getResultCapture().handleUnexpectedInflightException(test_info(line),
                                                                Catch::translateActiveException(), reaction);
  }
}

inline void complain(const Catch::SourceLineInfo& line, const std::string& text) {
  Catch::AssertionReaction reaction;
  Catch::getResultCapture().handleMessage(test_info(line), Catch::ResultWas::ExplicitFailure,
                                          Catch::StringRef(text.data(), text.size()), reaction);
}

inline void run_endings(IsolatedChild& child, const Catch::SourceLineInfo& line,
                        const std::function<void()>& body) {
  // In a process that was isolated before, Catch2 talks to its parent already.
  static DistantCapture* capture = nullptr;
  if (capture == nullptr && dynamic_cast<DistantCapture*>(&Catch::getResultCapture()) == nullptr) {
    capture = new DistantCapture(child, current_ending());
    Catch::getCurrentMutableContext().setResultCapture(capture);
  }
  guarded(line, body);
  if (has_failed()) send_commands(child);
}

inline void run_case(const char* name, const Catch::SourceLineInfo& line, const std::function<void()>& body) {
  static std::map<std::string, unsigned> passes;
  const unsigned pass = ++passes[name];
  Relay relay;
  const auto take = [&relay](uint8_t kind, std::string_view bytes) { return relay.take(kind, bytes); };
  set_ending_reports({[line](IsolatedChild& child, const std::function<void()>& ending) {
                        run_endings(child, line, ending);
                      },
                      take});
  // The second is always linked, the first only where something asks for it.
  set_coverage(&__gcov_reset, &__gcov_dump != nullptr ? &__gcov_dump : &__gcov_exit);
  if (isolation_is_off()) {
    begin_test(name, pass);
    guarded(line, body);
    for (const std::string& complaint : take_complaints()) complain(line, complaint);
    return;
  }
  IsolatedTest test(name, line.file, static_cast<unsigned>(line.line));
  const IsolatedEnd end = test.run(
      [&](IsolatedChild& child) {
        begin_test(name, pass);
        // Until the process is gone, which is at once behind the body.
        auto* const capture = new DistantCapture(child, name);
        Catch::getCurrentMutableContext().setResultCapture(capture);
        auto* const output = new DistantOutput(child);
        std::cout.rdbuf(output);
        std::cerr.rdbuf(output);
        std::clog.rdbuf(output);
        guarded(line, body);
        for (const std::string& complaint : take_complaints()) complain(line, complaint);
        if (leaks_memory())
          complain(line, "memory is leaked; the leak sanitizer's report is on standard error");
        capture->tell_of_generators();
        if (!has_failed()) return;
        send_commands(child);
        child.send(kFailed, {});
      },
      take);
  if (end.died) {
    Relay::report({Catch::StringRef("RINGSIDE_TEST", 13),
                   {interned(end.file), end.line},
                   Catch::StringRef("", size_t{0}),
                   Catch::ResultDisposition::ContinueOnFailure},
                  "the test's process died: " + end.text, test.notes());
    Relay::print_commands(test.notes());
    relay.close_sections();
  }
  if (!end.died && !relay.failed()) return;
  for (const std::string& problem : test.keep_sessions()) Relay::report(test_info(line), problem, {});
}

// What the machine has to say of itself, where the test has a machine.
template <class Fixture>
void check_machine_of(Fixture& fixture, const Catch::SourceLineInfo& line) {
  if constexpr (requires { fixture.m.complaints(); }) {
    for (const std::string& complaint : fixture.m.complaints()) complain(line, complaint);
  }
}

struct MachineFixture {
  explicit MachineFixture(const char* scenario) : m(scenario) {}
  Machine m;
};

template <class Fixture, class... Arguments>
void run_with(const char* name, const Catch::SourceLineInfo& line, void (*body)(Fixture&),
              Arguments... arguments) {
  run_case(name, line, [&] {
    Fixture fixture(arguments...);
    guarded(line, [&] {
      body(fixture);
      check_machine_of(fixture, line);
    });
  });
}

}  // namespace catch_glue
}  // namespace ringside::test

#if defined(CATCH_CONFIG_PREFIX_ALL)
#define RINGSIDE_CATCH_TEST_CASE(name, tags) CATCH_TEST_CASE(name, tags)
#else
#define RINGSIDE_CATCH_TEST_CASE(name, tags) TEST_CASE(name, tags)
#endif
#define RINGSIDE_PICK(first, second, third, chosen, ...) chosen

#define RINGSIDE_TEST_OF(function, name, tags, scenario)                                               \
  static void function(ringside::test::Machine& m);                                                    \
  RINGSIDE_CATCH_TEST_CASE(name, tags) {                                                               \
    ringside::test::catch_glue::run_with<ringside::test::catch_glue::MachineFixture>(                  \
        name, CATCH_INTERNAL_LINEINFO,                                                                 \
        [](ringside::test::catch_glue::MachineFixture& fixture) { function(fixture.m); }, (scenario)); \
  }                                                                                                    \
  static void function([[maybe_unused]] ringside::test::Machine& m)
#define RINGSIDE_TEST_3(name, tags, scenario) \
  RINGSIDE_TEST_OF(INTERNAL_CATCH_UNIQUE_NAME(ringside_test_), name, tags, scenario)
#define RINGSIDE_TEST_2(name, scenario) RINGSIDE_TEST_3(name, "", scenario)

#define RINGSIDE_CASE_OF(function, name, tags)                                     \
  static void function();                                                          \
  RINGSIDE_CATCH_TEST_CASE(name, tags) {                                           \
    ringside::test::catch_glue::run_case(name, CATCH_INTERNAL_LINEINFO, function); \
  }                                                                                \
  static void function()
#define RINGSIDE_CASE_2(name, tags) RINGSIDE_CASE_OF(INTERNAL_CATCH_UNIQUE_NAME(ringside_case_), name, tags)
#define RINGSIDE_CASE_1(name) RINGSIDE_CASE_2(name, "")

#define RINGSIDE_METHOD_OF(type, fixture, name, tags)                            \
  namespace {                                                                    \
  struct type : fixture {                                                        \
    void body();                                                                 \
  };                                                                             \
  }                                                                              \
  RINGSIDE_CATCH_TEST_CASE(name, tags) {                                         \
    ringside::test::catch_glue::run_with<type>(name, CATCH_INTERNAL_LINEINFO,    \
                                               [](type& test) { test.body(); }); \
  }                                                                              \
  void type::body()

// RINGSIDE_TEST(name, scenario) or (name, tags, scenario): a test of the machine `m`, made from the scenario.
#define RINGSIDE_TEST(...) RINGSIDE_PICK(__VA_ARGS__, RINGSIDE_TEST_3, RINGSIDE_TEST_2, )(__VA_ARGS__)
// RINGSIDE_CASE(name) or (name, tags): isolated, and no machine.
#define RINGSIDE_CASE(...) RINGSIDE_PICK(__VA_ARGS__, , RINGSIDE_CASE_2, RINGSIDE_CASE_1)(__VA_ARGS__)
// The body is a method of the fixture; a machine in it is called m.
#define RINGSIDE_TEST_METHOD(fixture, name, tags) \
  RINGSIDE_METHOD_OF(INTERNAL_CATCH_UNIQUE_NAME(ringside_method_), fixture, name, tags)
