#include "viewer/panels/lane_index.h"

#include <algorithm>

namespace ringside::viewer {

void MarkIndex::update(const CrossingTable& table, const ViewedWire& wire) {
  for (size_t i = samples_.size() * kEach; i < wire.rows.size(); i += kEach)
    samples_.push_back(table.at(wire.rows[i]).ps);
}

size_t MarkIndex::find(const CrossingTable& table, const ViewedWire& wire, double ps, size_t from) const {
  const size_t count = wire.rows.size();
  const auto is_before = [&](size_t i) { return static_cast<double>(table.at(wire.rows[i]).ps) < ps; };
  // What is looked for is mostly near.
  size_t near = from;
  for (; near < std::min(from + 4, count); ++near) {
    if (!is_before(near)) return near;
  }
  if (near >= count) return count;
  const auto begin = samples_.begin() + static_cast<ptrdiff_t>(std::min(near / kEach, samples_.size()));
  const auto behind =
      std::partition_point(begin, samples_.end(), [ps](uint64_t at) { return static_cast<double>(at) < ps; });
  const auto block = static_cast<size_t>(behind - samples_.begin());
  size_t low = std::max(near, block == 0 ? 0 : (block - 1) * kEach), high = std::min(block * kEach, count);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (is_before(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void SpanIndex::forget() {
  times_.clear();
  blocks_.clear();
  open_.clear();
}

void SpanIndex::update(const CrossingTable& table, const Lane& lane) {
  const auto close = [this](size_t number, uint64_t end) {
    times_[number].end = end;
    Block& block = blocks_[number / kBlock];
    block.last_end = std::max(block.last_end, end);
    block.longest = std::max(block.longest, end - times_[number].begin);
  };
  // A request may be answered long after others.
  std::erase_if(open_, [&](size_t number) {
    const Row end = lane.spans[number].end;
    if (end == kNoRow) return false;
    close(number, table.at(end).ps);
    return true;
  });
  for (size_t i = times_.size(); i < lane.spans.size(); ++i) {
    if (i % kBlock == 0) blocks_.emplace_back();
    times_.push_back({table.at(lane.spans[i].begin).ps, UINT64_MAX});
    if (lane.spans[i].end == kNoRow) {
      open_.push_back(i);
    } else {
      close(i, table.at(lane.spans[i].end).ps);
    }
  }
}

size_t SpanIndex::find(double ps) const {
  const auto found = std::partition_point(times_.begin(), times_.end(), [ps](const Times& times) {
    return static_cast<double>(times.begin) < ps;
  });
  return static_cast<size_t>(found - times_.begin());
}

std::vector<size_t> SpanIndex::reaching(size_t first, double ps, size_t most) const {
  std::vector<size_t> found;
  for (const size_t number : open_) {
    if (number >= first || found.size() == most) break;
    found.push_back(number);
  }
  for (size_t block = 0; block * kBlock < first && found.size() < most; ++block) {
    if (static_cast<double>(blocks_[block].last_end) < ps) continue;
    const size_t end = std::min({(block + 1) * kBlock, first, times_.size()});
    for (size_t i = block * kBlock; i < end && found.size() < most; ++i) {
      if (times_[i].end != UINT64_MAX && static_cast<double>(times_[i].end) >= ps) found.push_back(i);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace ringside::viewer
