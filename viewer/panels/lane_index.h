// How the timeline finds what lies in a range of time without going over everything: times of each wire's and
// each lane's rows, thinned out, and lengths of spans by block. Follows the table as it grows.
#pragma once

#include <cstdint>
#include <vector>

#include "viewer/story/story.h"

namespace ringside::viewer {

// The times of a wire's crossings.
class MarkIndex {
 public:
  void update(const CrossingTable& table, const ViewedWire& wire);
  void forget() { samples_.clear(); }
  // The first of the wire's rows (its number among them) that is not before `ps`, at or behind `from`.
  size_t find(const CrossingTable& table, const ViewedWire& wire, double ps, size_t from = 0) const;

 private:
  static constexpr size_t kEach = 64;
  std::vector<uint64_t> samples_;
};

// The spans of a lane with their times.
class SpanIndex {
 public:
  static constexpr size_t kBlock = 256;
  struct Times {
    uint64_t begin = 0, end = 0;  // end UINT64_MAX: not answered
  };
  // Ends may become known later; those of spans before `settled` were known at the last call.
  void update(const CrossingTable& table, const Lane& lane);
  void forget();
  const std::vector<Times>& times() const { return times_; }
  size_t find(double ps) const;  // the first span that does not begin before
  // Numbers of spans that begin before `first` and end behind `ps`, oldest first; at most `most`.
  std::vector<size_t> reaching(size_t first, double ps, size_t most) const;
  // The longest answered span of the block that span `number` is in, in picoseconds.
  uint64_t longest_near(size_t number) const { return blocks_[number / kBlock].longest; }

 private:
  struct Block {
    uint64_t last_end = 0, longest = 0;  // of those that have an end
  };
  std::vector<Times> times_;
  std::vector<Block> blocks_;
  std::vector<size_t> open_;  // those without an end
};

}  // namespace ringside::viewer
