// A state that rows of some wires change, behind any row. It is reckoned forwards, by State::apply() of each
// row in order; on the way copies are kept, so that any row's state is a copy and a few rows away:
// - all along the session, ever further apart as it grows, so that their memory is bounded;
// - where somebody steps back, at half of the way, a quarter, an eighth ... before the row that was asked
// for,
//   so that the next steps back find theirs: a step costs the logarithm of the way, on the average.
//
// Going forward by a row, or over rows of other wires in any direction, costs that row.
#pragma once

#include <vector>

#include "viewer/story/row_merge.h"
#include "viewer/story/story_parts.h"

namespace ringside::viewer {

// State: copyable; void apply(const StoryParts&, Row, uint32_t wire); size_t bytes() const, about.
template <class State>
class History {
 public:
  // `wires` may grow while rows are added to the table, and lives as long.
  History(const StoryParts& parts, const std::vector<uint32_t>& wires, State start)
      : parts_(parts), wires_(wires), start_{std::move(start), 0, 0}, now_(start_) {}

  // The state behind that row; kNoRow: before the first.
  const State& at(Row behind) {
    const Row size = parts_.table.size();
    const Row end = behind == kNoRow || size == 0 ? 0 : std::min(behind, size - 1) + 1;
    if (known_rows_ != size || known_wires_ != wires_.size()) {
      known_rows_ = size;
      known_wires_ = wires_.size();
      rows_.seek(parts_.table, wires_, now_.end);
    }
    if (end < now_.end) {
      go_back(end);
    } else {
      if (end > rows_.next()) leap(end);
      advance(end);
    }
    return now_.state;
  }

  // Of the last state that was asked for: one behind the last row that has changed it.
  Row end() const { return now_.end; }

  // Rows from `first` on are others now.
  void truncate(Row first) {
    const auto is_gone = [&](const Copy& copy) { return copy.end > first; };
    for (const Copy& copy : copies_) bytes_ -= is_gone(copy) ? copy.bytes : 0;
    std::erase_if(copies_, is_gone);
    std::erase_if(near_, is_gone);
    if (now_.end > first) restore(best_copy(first));
    known_rows_ = kNoRow;  // seeks anew
  }

  // Of the copies.
  size_t bytes() const { return bytes_; }
  size_t copies() const { return copies_.size(); }

 private:
  struct Copy {
    State state;
    Row end;       // all rows before this one have been applied, and none behind
    size_t count;  // how many those are
    size_t bytes = 0;
  };
  static constexpr size_t kBytesMax = 8 << 20, kCopiesMax = 512, kFirstInterval = 256, kLeapLeast = 16;
  // Larger states get fewer copies where somebody steps back.
  static constexpr size_t kLargeBytes = 64 << 10;

  void advance(Row end) {
    for (Row row = rows_.next(); row < end; row = rows_.next()) {
      now_.state.apply(parts_, row, rows_.wire());
      rows_.pop(parts_.table);
      now_.end = row + 1;
      ++now_.count;
      if (now_.count >= next_copy()) keep_copy();
      if (now_.count == near_at_) keep_near_copy();
    }
    near_at_ = SIZE_MAX;
  }
  void plan_near_copy() {
    const size_t left = near_target_ - now_.count;
    near_at_ = left > 1 ? near_target_ - std::max<size_t>(left >> near_shift(), 1) : SIZE_MAX;
  }
  void keep_near_copy() {
    near_.push_back(now_);
    plan_near_copy();
  }
  unsigned near_shift() const { return now_.state.bytes() > kLargeBytes ? 4 : 1; }

  size_t next_copy() const { return (copies_.empty() ? 0 : copies_.back().count) + interval_; }
  void keep_copy() {
    const size_t bytes = now_.state.bytes();
    if (bytes > kBytesMax / 2) return;
    copies_.push_back(now_);
    copies_.back().bytes = bytes;
    bytes_ += bytes;
    while (bytes_ > kBytesMax || copies_.size() > kCopiesMax) thin();
  }
  // Every second one goes.
  void thin() {
    interval_ *= 2;
    size_t kept = 0;
    bytes_ = 0;
    for (size_t i = 1; i < copies_.size(); i += 2) {
      bytes_ += copies_[i].bytes;
      std::swap(copies_[kept++], copies_[i]);
    }
    copies_.resize(kept, start_);
  }

  // The last copy that is not behind `end`.
  const Copy& best_copy(Row end) const {
    const Copy* best = &start_;
    for (const std::vector<Copy>* copies : {&copies_, &near_}) {
      const auto behind = std::upper_bound(copies->begin(), copies->end(), end,
                                           [](Row row, const Copy& copy) { return row < copy.end; });
      if (behind != copies->begin() && std::prev(behind)->end > best->end) best = &*std::prev(behind);
    }
    return *best;
  }
  void restore(const Copy& copy) {
    now_ = copy;
    rows_.seek(parts_.table, wires_, now_.end);
  }
  // Forwards, where a copy lies on the way.
  void leap(Row end) {
    const Copy& copy = best_copy(end);
    if (copy.count > now_.count + kLeapLeast) restore(copy);
  }
  void go_back(Row end) {
    std::erase_if(near_, [&](const Copy& copy) { return copy.end > end; });
    const Copy& copy = best_copy(end);
    const bool is_near = !near_.empty() && &copy == &near_.back();
    restore(copy);
    if (!is_near) near_.clear();
    near_target_ = count_rows(parts_.table, wires_, end);
    plan_near_copy();
    advance(end);
  }

  const StoryParts& parts_;
  const std::vector<uint32_t>& wires_;
  Copy start_, now_;
  RowMerge rows_;
  Row known_rows_ = kNoRow;
  size_t known_wires_ = 0;
  std::vector<Copy> copies_, near_;  // by end
  size_t interval_ = kFirstInterval, bytes_ = 0;
  size_t near_target_ = 0, near_at_ = SIZE_MAX;  // counts
};

}  // namespace ringside::viewer
