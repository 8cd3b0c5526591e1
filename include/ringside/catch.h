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

#if !__has_include(<catch2/catch.hpp>)
#error \
    "ringside/catch.h is written for Catch2 2 (Debian 12: the package catch2); of version 3, DistantCapture needs the other IResultCapture"
#endif
#include <catch2/catch.hpp>

#include <cstring>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// --- How a test's process tells its parent what Catch2's macros found. Nothing below is for tests. ---
namespace catch_glue {

enum Kind : uint8_t {
  kExpression = 1,
  kMessage,
  kNotThrown,
  kThrown,
  kNoExpression,
  kSectionStarted,
  kSectionEnded,
  kSectionEndedEarly,
  kGenerator,
  kGeneratorMore,
  kOutput,
  kFailed,
};

// Texts and numbers, one behind the other.
class Packer {
 public:
  Packer& text(std::string_view text) {
    number(text.size());
    bytes_.append(text);
    return *this;
  }
  Packer& number(uint64_t number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}
  uint64_t number() {
    uint64_t number = 0;
    if (bytes_.size() < sizeof number) return 0;
    std::memcpy(&number, bytes_.data(), sizeof number);
    bytes_.remove_prefix(sizeof number);
    return number;
  }
  std::string text() {
    const size_t size = static_cast<size_t>(number());
    const std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(text.size());
    return text;
  }

 private:
  std::string_view bytes_;
};

// Catch2 keeps names and files by pointer.
inline const char* interned(const std::string& text) {
  static std::set<std::string> texts;
  return texts.insert(text).first->c_str();
}

inline Packer& pack(Packer& packer, const Catch::AssertionInfo& info) {
  return packer.text(static_cast<std::string>(info.macroName))
      .text(info.lineInfo.file)
      .number(info.lineInfo.line)
      .text(static_cast<std::string>(info.capturedExpression))
      .number(static_cast<uint64_t>(info.resultDisposition));
}

inline Catch::AssertionInfo unpack_info(Unpacker& from) {
  const char* const macro = interned(from.text());
  const char* const file = interned(from.text());
  const auto line = static_cast<size_t>(from.number());
  const char* const expression = interned(from.text());
  const auto disposition = static_cast<Catch::ResultDisposition::Flags>(from.number());
  return {Catch::StringRef(macro, std::strlen(macro)), Catch::SourceLineInfo(file, line),
          Catch::StringRef(expression, std::strlen(expression)), disposition};
}

// What an expression has turned out to be.
class KnownExpression final : public Catch::ITransientExpression {
 public:
  KnownExpression(bool result, std::string text)
      : ITransientExpression(false, result), text_(std::move(text)) {}
  void streamReconstructedExpression(std::ostream& to) const override { to << text_; }

 private:
  std::string text_;
};

// In the parent: stands for a generator of the child, of which it knows how many values have been used and
// whether there are more.
class DistantGenerator final : public Catch::Generators::GeneratorUntypedBase {
 public:
  bool next() override {
    ++index;
    return more;
  }
  uint64_t index = 0;
  bool more = false;
};

// In the child: the generator itself, moved on to where the parent is.
class NearGenerator final : public Catch::IGeneratorTracker {
 public:
  explicit NearGenerator(uint64_t index) : index_(index) {}
  bool hasGenerator() const override { return generator_ != nullptr; }
  const Catch::Generators::GeneratorBasePtr& getGenerator() const override { return generator_; }
  void setGenerator(Catch::Generators::GeneratorBasePtr&& generator) override {
    generator_ = std::move(generator);
    for (uint64_t i = 0; i < index_; ++i) generator_->next();
  }

 private:
  const uint64_t index_;
  Catch::Generators::GeneratorBasePtr generator_;
};

// What Catch2's macros talk to in the child.
class DistantCapture final : public Catch::IResultCapture {
 public:
  DistantCapture(IsolatedChild& child, std::string test) : child_(child), test_(std::move(test)) {}

  bool sectionStarted(const Catch::SectionInfo& info, Catch::Counts&) override {
    return child_.ask(kSectionStarted, packed(info)) == "1";
  }
  void sectionEnded(const Catch::SectionEndInfo& end) override {
    child_.send(kSectionEnded, packed(end.sectionInfo));
  }
  void sectionEndedEarly(const Catch::SectionEndInfo& end) override {
    child_.send(kSectionEndedEarly, packed(end.sectionInfo));
  }

  Catch::IGeneratorTracker& acquireGeneratorTracker(Catch::StringRef name,
                                                    const Catch::SourceLineInfo& line) override {
    Packer place;
    place.text(static_cast<std::string>(name)).text(line.file).number(line.line);
    auto& tracker = generators_[place.bytes()];
    if (!tracker) {
      const std::string index = child_.ask(kGenerator, place.bytes());
      tracker = std::make_unique<NearGenerator>(std::stoull(index));
    }
    return *tracker;
  }
  void tell_of_generators() {
    for (const auto& [place, tracker] : generators_) {
      const bool more = tracker->hasGenerator() && tracker->getGenerator()->next();
      child_.send(kGeneratorMore, (more ? "1" : "0") + place);
    }
  }

#if defined(CATCH_CONFIG_ENABLE_BENCHMARKING)
  void benchmarkPreparing(const std::string&) override {}
  void benchmarkStarting(const Catch::BenchmarkInfo&) override {}
  void benchmarkEnded(const Catch::BenchmarkStats<>&) override {}
  void benchmarkFailed(const std::string&) override {}
#endif

  void pushScopedMessage(const Catch::MessageInfo& message) override { messages_.push_back(message); }
  void popScopedMessage(const Catch::MessageInfo& message) override {
    for (auto at = messages_.begin(); at != messages_.end(); ++at) {
      if (!(*at == message)) continue;
      messages_.erase(at);
      return;
    }
  }
  void emplaceUnscopedMessage(const Catch::MessageBuilder& builder) override {
    Catch::MessageInfo message = builder.m_info;
    message.message = builder.m_stream.str();
    unscoped_.push_back(std::move(message));
  }
  void handleFatalErrorCondition(Catch::StringRef) override {}

  void handleExpr(const Catch::AssertionInfo& info, const Catch::ITransientExpression& expression,
                  Catch::AssertionReaction& reaction) override {
    const bool passed = expression.getResult() != Catch::isFalseTest(info.resultDisposition);
    Packer packer;
    pack(packer, info).number(expression.getResult() ? 1 : 0);
    std::string text;
    // Writing out what holds takes its time, and only -s shows it.
    if (!passed || ++written_ <= 1000) {
      std::ostringstream stream;
      expression.streamReconstructedExpression(stream);
      text = stream.str();
    }
    packer.text(text);
    send(kExpression, packer, passed, info, reaction);
  }
  void handleMessage(const Catch::AssertionInfo& info, Catch::ResultWas::OfType result,
                     const Catch::StringRef& message, Catch::AssertionReaction& reaction) override {
    Packer packer;
    pack(packer, info).number(static_cast<uint64_t>(result)).text(static_cast<std::string>(message));
    send(kMessage, packer, (result & Catch::ResultWas::FailureBit) == 0, info, reaction);
  }
  void handleUnexpectedExceptionNotThrown(const Catch::AssertionInfo& info,
                                          Catch::AssertionReaction& reaction) override {
    Packer packer;
    pack(packer, info);
    send(kNotThrown, packer, false, info, reaction);
  }
  void handleUnexpectedInflightException(const Catch::AssertionInfo& info, const std::string& message,
                                         Catch::AssertionReaction& reaction) override {
    Packer packer;
    pack(packer, info).text(message);
    send(kThrown, packer, false, info, reaction);
  }
  void handleIncomplete(const Catch::AssertionInfo& info) override {
    Catch::AssertionReaction reaction;
    handleUnexpectedInflightException(info, "an exception that no assertion expected", reaction);
  }
  void handleNonExpr(const Catch::AssertionInfo& info, Catch::ResultWas::OfType result,
                     Catch::AssertionReaction& reaction) override {
    Packer packer;
    pack(packer, info).number(static_cast<uint64_t>(result));
    send(kNoExpression, packer, (result & Catch::ResultWas::FailureBit) == 0, info, reaction);
  }

  bool lastAssertionPassed() override { return passed_; }
  void assertionPassed() override { passed_ = true; }
  std::string getCurrentTestName() const override { return test_; }
  const Catch::AssertionResult* getLastResult() const override { return nullptr; }
  void exceptionEarlyReported() override { reported_ = true; }

 private:
  static std::string packed(const Catch::SectionInfo& info) {
    Packer packer;
    packer.text(info.name).text(info.lineInfo.file).number(info.lineInfo.line);
    return packer.bytes();
  }

  // Behind what was found come the messages that are in scope, and how to see a failure again.
  void send(Kind kind, Packer& packer, bool passed, const Catch::AssertionInfo& info,
            Catch::AssertionReaction& reaction) {
    passed_ = passed;
    const bool suppressed = (info.resultDisposition & Catch::ResultDisposition::SuppressFail) != 0;
    std::vector<std::string> notes;
    if (!passed && !suppressed) {
      note_failure();
      notes = failure_notes();
      reaction.shouldThrow = (info.resultDisposition & Catch::ResultDisposition::Normal) != 0;
    }
    const bool shown = !passed;
    packer.number(shown ? messages_.size() + unscoped_.size() + notes.size() : 0);
    if (shown) {
      for (const auto* list : {&messages_, &unscoped_}) {
        for (const Catch::MessageInfo& message : *list)
          pack_message(packer, message.message, message.lineInfo);
      }
      for (const std::string& note : notes) pack_message(packer, note, info.lineInfo);
    }
    unscoped_.clear();
    child_.send(kind, packer.bytes());
    if (!passed) child_.flush();
  }
  static void pack_message(Packer& packer, const std::string& text, const Catch::SourceLineInfo& line) {
    packer.text(text).text(line.file).number(line.line);
  }

  IsolatedChild& child_;
  const std::string test_;
  std::vector<Catch::MessageInfo> messages_, unscoped_;
  std::map<std::string, std::unique_ptr<NearGenerator>> generators_;
  size_t written_ = 0;
  bool passed_ = true, reported_ = false;
};

// In the parent: what the child has found, as if it were found here.
class Relay {
 public:
  std::string take(uint8_t kind, std::string_view bytes) {
    Unpacker from(bytes);
    Catch::IResultCapture& capture = Catch::getResultCapture();
    switch (kind) {
      case kSectionStarted: {
        sections_.push_back(unpack_section(from));
        Catch::Counts counts;
        const bool entered = capture.sectionStarted(sections_.back().info, counts);
        sections_.back().before = counts;
        if (!entered) sections_.pop_back();
        return entered ? "1" : "0";
      }
      case kSectionEnded: close_section(false); return {};
      case kSectionEndedEarly: close_section(true); return {};
      case kGenerator: return std::to_string(generator(from).index);
      case kGeneratorMore: {
        Unpacker place(bytes.substr(1));
        generator(place).more = bytes.front() == '1';
        return {};
      }
      case kFailed: failed_ = true; return {};
      case kOutput: std::cout.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); return {};
      default: take_assertion(kind, from); return {};
    }
  }

  // The child says that it has failed.
  bool failed() const { return failed_; }

  // The child is dead: what it was in ends here.
  void close_sections() {
    while (!sections_.empty()) close_section(true);
  }

  static void report(const Catch::AssertionInfo& info, const std::string& text,
                     const std::vector<std::string>& notes) {
    const Scope scope(notes, info.lineInfo);
    Catch::AssertionReaction reaction;
    Catch::getResultCapture().handleMessage(info, Catch::ResultWas::ExplicitFailure,
                                            Catch::StringRef(text.data(), text.size()), reaction);
  }

 private:
  struct Section {
    Catch::SectionInfo info;
    Catch::Counts before;
  };
  // Messages for as long as an assertion is reported.
  class Scope {
   public:
    Scope() = default;
    Scope(const std::vector<std::string>& texts, const Catch::SourceLineInfo& line) {
      for (const std::string& text : texts) add(text, line);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() {
      for (const Catch::MessageInfo& message : messages_) Catch::getResultCapture().popScopedMessage(message);
    }
    void add(const std::string& text, const Catch::SourceLineInfo& line) {
      messages_.emplace_back(Catch::StringRef("INFO", 4), line, Catch::ResultWas::Info);
      messages_.back().message = text;
      Catch::getResultCapture().pushScopedMessage(messages_.back());
    }

   private:
    std::vector<Catch::MessageInfo> messages_;
  };

  static Section unpack_section(Unpacker& from) {
    const std::string name = from.text();
    const char* const file = interned(from.text());
    return {Catch::SectionInfo(Catch::SourceLineInfo(file, static_cast<size_t>(from.number())), name), {}};
  }

  void close_section(bool early) {
    if (sections_.empty()) return;
    const Catch::SectionEndInfo end{sections_.back().info, sections_.back().before, 0};
    sections_.pop_back();
    if (early) {
      Catch::getResultCapture().sectionEndedEarly(end);
    } else {
      Catch::getResultCapture().sectionEnded(end);
    }
  }

  // Asked for once in a pass: that tells Catch2 that it is used.
  DistantGenerator& generator(Unpacker& from) {
    const char* const name = interned(from.text());
    const char* const file = interned(from.text());
    const Catch::SourceLineInfo line(file, static_cast<size_t>(from.number()));
    DistantGenerator*& generator = generators_[std::string(name) + '\n' + file + std::to_string(line.line)];
    if (generator != nullptr) return *generator;
    auto& tracker =
        Catch::getResultCapture().acquireGeneratorTracker(Catch::StringRef(name, std::strlen(name)), line);
    if (!tracker.hasGenerator()) tracker.setGenerator(std::make_unique<DistantGenerator>());
    generator = static_cast<DistantGenerator*>(tracker.getGenerator().get());
    return *generator;
  }

  static void take_assertion(uint8_t kind, Unpacker& from) {
    Catch::IResultCapture& capture = Catch::getResultCapture();
    const Catch::AssertionInfo info = unpack_info(from);
    Catch::AssertionReaction reaction;
    uint64_t number = 0;
    std::string text;
    if (kind == kExpression || kind == kMessage || kind == kNoExpression) number = from.number();
    if (kind == kExpression || kind == kMessage || kind == kThrown) text = from.text();
    Scope scope;
    for (uint64_t left = from.number(); left != 0; --left) {
      const std::string message = from.text();
      const char* const file = interned(from.text());
      scope.add(message, Catch::SourceLineInfo(file, static_cast<size_t>(from.number())));
    }
    const auto result = static_cast<Catch::ResultWas::OfType>(number);
    switch (kind) {
      case kExpression: capture.handleExpr(info, KnownExpression(number != 0, text), reaction); return;
      case kMessage:
        capture.handleMessage(info, result, Catch::StringRef(text.data(), text.size()), reaction);
        return;
      case kNotThrown: capture.handleUnexpectedExceptionNotThrown(info, reaction); return;
      case kThrown: capture.handleUnexpectedInflightException(info, text, reaction); return;
      case kNoExpression: capture.handleNonExpr(info, result, reaction); return;
      default: return;
    }
  }

  std::vector<Section> sections_;
  std::map<std::string, DistantGenerator*> generators_;
  bool failed_ = false;
};

// What the child prints by std::cout reaches the parent's, which Catch2 may have put elsewhere.
class DistantOutput final : public std::streambuf {
 public:
  explicit DistantOutput(IsolatedChild& child) : child_(child) {}

 protected:
  int overflow(int c) override {
    const char letter = static_cast<char>(c);
    if (c != EOF) child_.send(kOutput, std::string_view(&letter, 1));
    return c == EOF ? 0 : c;
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    child_.send(kOutput, std::string_view(text, static_cast<size_t>(size)));
    return size;
  }

 private:
  IsolatedChild& child_;
};

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
        if (has_failed()) child.send(kFailed, {});
      },
      take);
  if (end.died) {
    Relay::report({Catch::StringRef("RINGSIDE_TEST", 13),
                   {interned(end.file), end.line},
                   Catch::StringRef("", size_t{0}),
                   Catch::ResultDisposition::ContinueOnFailure},
                  "the test's process died: " + end.text, test.notes());
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
