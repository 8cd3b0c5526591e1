// What a recording knows of bytes: reads split and merged otherwise, writes that must be the recorded ones,
// values that change with a write and values that change by themselves.
#include "sim/session/recorded_content.h"

#include <catch2/catch.hpp>
#include <string>

#include "sim/session/recorded_sequence.h"

using namespace ringside;
using Outcome = RecordedContent::Outcome;

namespace {

std::span<const uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// What is read there, or why not.
std::string read(RecordedContent& content, uint64_t offset, size_t length) {
  std::string text(length, '?');
  const auto answer = content.read(offset, {reinterpret_cast<uint8_t*>(text.data()), length});
  if (answer.outcome == Outcome::as_recorded) return text;
  return answer.outcome == Outcome::failed ? "(failed)" : "(unknown from " + std::to_string(answer.at) + ")";
}

}  // namespace

TEST_CASE("a recorded read answers parts of itself, and neighbours together answer a larger one",
          "[recorded_content]") {
  RecordedContent content;
  content.learn_read(0, bytes("abcd"));
  content.learn_read(4, bytes("efgh"));
  CHECK(read(content, 1, 2) == "bc");
  CHECK(read(content, 2, 4) == "cdef");
  CHECK(read(content, 0, 8) == "abcdefgh");
  CHECK(read(content, 6, 4) == "(unknown from 8)");
  CHECK(content.known(6, 4) == 2);
  CHECK(content.known(9, 4) == 0);
}

TEST_CASE("a write must be the recorded one, and only then reads give what was written",
          "[recorded_content]") {
  RecordedContent content;
  content.learn_read(0, bytes("aaaaaaaa"));
  content.learn_write(2, bytes("XYZW"));
  content.learn_read(0, bytes("aaXYZWaa"));
  CHECK(read(content, 0, 8) == "aaaaaaaa");
  const auto other = content.write(2, bytes("XYQW"));
  CHECK(other.outcome == Outcome::differs);
  CHECK(read(content, 0, 8) == "aaaaaaaa");
  // In two parts, the second first.
  CHECK(content.write(4, bytes("ZW")).outcome == Outcome::as_recorded);
  CHECK(read(content, 0, 8) == "aaaaZWaa");
  CHECK(content.write(2, bytes("XY")).outcome == Outcome::as_recorded);
  CHECK(read(content, 0, 8) == "aaXYZWaa");
  // The same again changes nothing.
  CHECK(content.write(2, bytes("XYZW")).outcome == Outcome::as_recorded);
  CHECK(content.write(0, bytes("b")).outcome == Outcome::unknown);
  CHECK(content.write(100, bytes("b")).outcome == Outcome::unknown);
}

TEST_CASE("a write that the recorded program made in two is answered as one", "[recorded_content]") {
  RecordedContent content;
  content.learn_write(0, bytes("ab"));
  content.learn_write(2, bytes("cd"));
  CHECK(read(content, 0, 4) == "(unknown from 0)");
  CHECK(content.write(0, bytes("abcd")).outcome == Outcome::as_recorded);
  CHECK(read(content, 0, 4) == "abcd");
}

TEST_CASE("what changed without a write changes by the number of reads, and the last value stays",
          "[recorded_content]") {
  RecordedContent content;
  content.learn_read(0, bytes("1"));
  content.learn_read(0, bytes("1"));
  content.learn_read(0, bytes("2"));
  CHECK(read(content, 0, 1) == "1");
  CHECK(read(content, 0, 1) == "1");
  CHECK(read(content, 0, 1) == "2");
  CHECK(read(content, 0, 1) == "2");
}

TEST_CASE("a read that failed fails as often, and a failed write leaves what was there",
          "[recorded_content]") {
  RecordedContent content;
  content.learn_failed_read(0, 4);
  content.learn_read(0, bytes("good"));
  CHECK(read(content, 0, 4) == "(failed)");
  CHECK(read(content, 0, 4) == "good");
  content.learn_failed_write(0, 2);
  CHECK(content.write(0, bytes("zz")).outcome == Outcome::failed);
  CHECK(read(content, 0, 4) == "good");
}

TEST_CASE("what was discarded reads as zero once it is discarded", "[recorded_content]") {
  RecordedContent content;
  content.learn_read(0, bytes("abcd"));
  content.learn_discard(0, 4);
  CHECK(read(content, 0, 2) == "ab");
  CHECK(content.discard(0, 2).outcome == Outcome::as_recorded);
  CHECK(read(content, 0, 4) == std::string("\0\0cd", 4));
  CHECK(content.discard(4, 2).outcome == Outcome::unknown);
}

TEST_CASE("answers to one question: by order, and across a change only with it", "[recorded_content]") {
  RecordedSequence<int> answers;
  answers.learn(1, 0);
  answers.learn(1, 0);
  answers.learn(2, 0);
  answers.learn(3, 1);
  bool changed = false;
  const auto between = [&](uint32_t from, uint32_t to) {
    if (from == to) return RecordedChanges::none;
    return changed ? RecordedChanges::done : RecordedChanges::missing;
  };
  CHECK(*answers.ask(between) == 1);
  CHECK(*answers.ask(between) == 1);
  CHECK(*answers.ask(between) == 2);
  CHECK(*answers.ask(between) == 2);
  changed = true;
  CHECK(*answers.ask(between) == 3);
  RecordedSequence<int> later;
  later.learn(1, 1);
  changed = false;
  CHECK(later.ask(between) == nullptr);
}
