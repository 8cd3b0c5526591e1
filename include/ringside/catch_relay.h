// How a test's process tells its parent what Catch2's macros found, and how the parent tells Catch2: what is
// in this header is for catch.h alone. It stands for Catch2's result capture in the child (DistantCapture)
// and feeds the true one in the parent (Relay), which so decides what sections and generators do. It is what
// another version of Catch2 changes.
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
#include <sstream>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringside/isolation.h"

namespace ringside::test::catch_glue {

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
  kReplay,
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
  bool empty() const { return bytes_.empty(); }
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
      case kReplay: print_commands({std::string(bytes)}); return {};
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

  // Of a failure's notes, the commands that replay it, each in a line of its own: the console's reporter
  // folds its messages, so that nobody could copy one from there.
  static void print_commands(const std::vector<std::string>& notes) {
    std::cout.flush();
    for (const std::string& note : notes) {
      if (note.starts_with("replay: ")) std::cerr << note << std::endl;
    }
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
    for (uint64_t left = from.number(); left != 0 && !from.empty(); --left) {
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

// In the child, behind a body that has failed.
inline void send_commands(IsolatedChild& child) {
  for (const std::string& note : failure_notes()) child.send(kReplay, note);
}

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

}  // namespace ringside::test::catch_glue
