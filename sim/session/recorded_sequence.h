// The answers that a recording has for one question, in their order. The nth asker gets the nth answer; the
// last one stays. Where something was changed between two answers (by the asker's own side), the later one is
// given once the same has been changed again, and not before, however often is asked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace ringside {

// Whether what the recording saw change between two places of it has been changed again.
enum class RecordedChanges : uint8_t { none, done, missing };

template <class Value>
class RecordedSequence {
 public:
  // `position` is how many changes the recording had seen before.
  void learn(Value value, uint32_t position) {
    if (!entries_.empty() && entries_.back().value == value) {
      ++entries_.back().times;
    } else {
      entries_.push_back({std::move(value), position});
    }
  }
  // One that can be given once only: equal ones are not taken together.
  void learn_once(Value value, uint32_t position) { entries_.push_back({std::move(value), position}); }

  // The answer now; null where there is none yet. `between(from, to)` judges the changes between two
  // positions.
  template <class Between>
  const Value* ask(const Between& between) {
    const Value* value = peek(between);
    if (value != nullptr && served_ != UINT32_MAX) ++served_;
    return value;
  }
  // The same without counting as a question.
  template <class Between>
  const Value* peek(const Between& between) {
    if (entries_.empty()) return nullptr;
    if (current_ == 0 && served_ == 0 && between(0, entries_[0].position) == RecordedChanges::missing)
      return nullptr;
    while (current_ + 1 < entries_.size()) {
      const RecordedChanges changes = between(entries_[current_].position, entries_[current_ + 1].position);
      if (changes == RecordedChanges::missing) break;
      if (changes == RecordedChanges::none && served_ < entries_[current_].times) break;
      ++current_;
      served_ = 0;
    }
    return &entries_[current_].value;
  }
  // Whether the answer that peek() gives has been given as often as it was recorded.
  bool used_up() const { return !entries_.empty() && served_ >= entries_[current_].times; }

  bool empty() const { return entries_.empty(); }
  // While learning: the last value, and where it stands.
  Value& last() { return entries_.back().value; }
  uint32_t last_position() const { return entries_.back().position; }

 private:
  struct Entry {
    Value value;
    uint32_t position;
    uint32_t times = 1;
  };
  std::vector<Entry> entries_;
  uint32_t current_ = 0, served_ = 0;
};

}  // namespace ringside
