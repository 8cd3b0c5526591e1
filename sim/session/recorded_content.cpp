#include "sim/session/recorded_content.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "sim/hash.h"

namespace ringside {

// An extent that begins before `at` and ends behind it becomes two.
void RecordedContent::split(uint64_t at) {
  auto place = extents_.upper_bound(at);
  if (place == extents_.begin()) return;
  --place;
  if (place->first == at || place->second.end <= at) return;
  Extent behind = place->second;
  for (Value& value : behind.history) value.offset += at - place->first;
  place->second.end = at;
  extents_.emplace_hint(std::next(place), at, std::move(behind));
}

// For an answer that may move a part of an extent on. Extents with one value only need no cutting, and where
// there are too many pieces an extent moves on as a whole.
void RecordedContent::fit(uint64_t offset, uint64_t length) {
  for (const uint64_t at : {offset, offset + length}) {
    auto place = extents_.upper_bound(at);
    if (place == extents_.begin()) continue;
    --place;
    if (place->second.history.size() > 1 && extents_.size() < kExtentsMax) split(at);
  }
}

// Calls `use` for each extent of the range, with the offset of its first byte in the range; those that are
// missing are made.
template <class Use>
void RecordedContent::each_learnt(uint64_t offset, uint64_t length, const Use& use) {
  const uint64_t end = offset + length;
  split(offset);
  split(end);
  auto place = extents_.lower_bound(offset);
  for (uint64_t at = offset; at < end;) {
    const uint64_t next = place != extents_.end() ? std::min(place->first, end) : end;
    if (at < next) {
      Extent fresh;
      fresh.end = next;
      place = extents_.emplace_hint(place, at, std::move(fresh));
    }
    use(place->second, at - offset);
    at = place->second.end;
    ++place;
  }
}

uint32_t RecordedContent::keep(std::span<const uint8_t> data) {
  data_.emplace_back(data.begin(), data.end());
  return static_cast<uint32_t>(data_.size() - 1);
}

bool RecordedContent::holds(const Value& value, std::span<const uint8_t> bytes, uint64_t skip) const {
  if (value.how == How::discarded)
    return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
  return value.has_data() &&
         std::memcmp(data_[value.data].data() + value.offset + skip, bytes.data(), bytes.size()) == 0;
}

void RecordedContent::learn_read(uint64_t offset, std::span<const uint8_t> data) {
  if (data.empty()) return;
  std::optional<uint32_t> kept;
  each_learnt(offset, data.size(), [&](Extent& extent, uint64_t at) {
    const auto bytes = data.subspan(at);
    const auto length = static_cast<size_t>(std::min<uint64_t>(bytes.size(), extent.end - (offset + at)));
    if (!extent.history.empty() && holds(extent.history.back(), bytes.first(length), 0)) {
      ++extent.history.back().reads;
      return;
    }
    if (!kept) kept = keep(data);
    extent.history.push_back({How::read, 1, *kept, at});
  });
}

void RecordedContent::learn_failed_read(uint64_t offset, uint64_t length) {
  each_learnt(offset, length, [](Extent& extent, uint64_t) {
    if (!extent.history.empty() && extent.history.back().how == How::unreadable) {
      ++extent.history.back().reads;
    } else {
      extent.history.push_back({How::unreadable, 1});
    }
  });
}

// Nobody knows what was there before the first thing that is known.
void RecordedContent::add_change(Extent& extent, Value value) {
  if (extent.history.empty()) extent.history.push_back({How::unseen});
  extent.history.push_back(value);
}

void RecordedContent::learn_write(uint64_t offset, std::span<const uint8_t> data) {
  if (data.empty()) return;
  const uint32_t kept = keep(data);
  each_learnt(offset, data.size(), [&](Extent& extent, uint64_t at) {
    add_change(extent, {How::written, 0, kept, at});
  });
}

void RecordedContent::learn_failed_write(uint64_t offset, uint64_t length) {
  each_learnt(offset, length, [&](Extent& extent, uint64_t) { add_change(extent, {How::unwritable}); });
}

void RecordedContent::learn_discard(uint64_t offset, uint64_t length) {
  each_learnt(offset, length, [&](Extent& extent, uint64_t) { add_change(extent, {How::discarded}); });
}

// Calls `judge` for each extent in the range, with where the part in the range begins in it, and how long it
// is; ends where one gives another outcome than as_recorded.
template <class Judge>
RecordedContent::Answer RecordedContent::each_answered(uint64_t offset, uint64_t length,
                                                       const Judge& judge) const {
  const uint64_t end = offset + length;
  auto place = extents_.upper_bound(offset);
  if (place != extents_.begin() && std::prev(place)->second.end > offset) --place;
  for (uint64_t at = offset; at < end;) {
    if (place == extents_.end() || place->first > at) return {Outcome::unknown, at};
    const uint64_t until = std::min(place->second.end, end);
    const Outcome outcome = judge(place->second, at, at - place->first, until - at);
    if (outcome != Outcome::as_recorded) return {outcome, at};
    at = until;
    ++place;
  }
  return {Outcome::as_recorded};
}

// A value that was read often enough gives way to one that the recording saw in its place without a write.
uint32_t RecordedContent::next_to_read(const Extent& extent) {
  uint32_t index = extent.current, given = extent.reads;
  while (index + 1 < extent.history.size() && given >= extent.history[index].reads &&
         !extent.history[index + 1].is_change() && extent.history[index].how != How::unseen) {
    ++index;
    given = 0;
  }
  // A write that failed leaves what was there.
  while (index > 0 && extent.history[index].how == How::unwritable) --index;
  return index;
}

uint64_t RecordedContent::known(uint64_t offset, uint64_t length) const {
  const Answer answer = each_answered(offset, length, [](const Extent& extent, uint64_t, uint64_t, uint64_t) {
    const Value& value = extent.history[next_to_read(extent)];
    return value.has_data() || value.how == How::discarded ? Outcome::as_recorded : Outcome::unknown;
  });
  return answer.outcome == Outcome::as_recorded ? length : answer.at - offset;
}

// Moves the extents of a range on, each to its value of `to`.
void RecordedContent::advance(uint64_t offset, uint64_t length, const std::vector<uint32_t>& to) {
  auto place = extents_.upper_bound(offset);
  if (place != extents_.begin() && std::prev(place)->second.end > offset) --place;
  for (size_t i = 0; i < to.size() && place != extents_.end() && place->first < offset + length;
       ++i, ++place) {
    Extent& extent = place->second;
    if (extent.current == to[i]) continue;
    extent.current = to[i];
    extent.reads = 0;
  }
}

RecordedContent::Answer RecordedContent::read(uint64_t offset, std::span<uint8_t> into) {
  history_hash_ = hash_mix(hash_mix(history_hash_, offset), into.size());
  fit(offset, into.size());
  std::vector<uint32_t> to;
  Answer answer = each_answered(
      offset, into.size(), [&](const Extent& extent, uint64_t at, uint64_t skip, uint64_t length) {
        const uint32_t index = next_to_read(extent);
        const Value& value = extent.history[index];
        const auto part = into.subspan(at - offset, length);
        if (value.how == How::unseen) return Outcome::unknown;
        // A failed write stays the current value: it must not be moved back to what it left.
        to.push_back(std::max(index, extent.current));
        if (value.how == How::unreadable) return Outcome::failed;
        if (value.how == How::discarded) {
          std::memset(part.data(), 0, part.size());
        } else {
          std::memcpy(part.data(), data_[value.data].data() + value.offset + skip, part.size());
        }
        return Outcome::as_recorded;
      });
  if (answer.outcome == Outcome::unknown) return answer;
  advance(offset, into.size(), to);
  auto place = extents_.upper_bound(offset);
  if (place != extents_.begin() && std::prev(place)->second.end > offset) --place;
  for (; place != extents_.end() && place->first < offset + into.size(); ++place) {
    if (place->second.history.size() > 1) ++place->second.reads;
  }
  return answer;
}

// The value that these bytes make current: the next that was written, or the one that stands (written again),
// or a later one (the recorded program wrote more often).
std::optional<uint32_t> RecordedContent::change_to(const Extent& extent, std::span<const uint8_t> bytes,
                                                   uint64_t skip) const {
  std::optional<uint32_t> later;
  bool first = true;
  for (uint32_t index = extent.current + 1; index < extent.history.size(); ++index) {
    const Value& value = extent.history[index];
    if (!value.is_change()) continue;
    const bool same = value.how == How::unwritable || holds(value, bytes, skip);
    if (same && first) return index;
    first = false;
    if (same && value.how == How::written) {
      later = index;
      break;
    }
  }
  const Value& stands = extent.history[extent.current];
  if (stands.has_data() && holds(stands, bytes, skip)) return extent.current;
  return later;
}

RecordedContent::Answer RecordedContent::write(uint64_t offset, std::span<const uint8_t> data) {
  history_hash_ = hash_mix(hash_mix(history_hash_, ~offset), hash64(data));
  fit(offset, data.size());
  std::vector<uint32_t> to;
  bool failed = false;
  const Answer answer = each_answered(
      offset, data.size(), [&](const Extent& extent, uint64_t at, uint64_t skip, uint64_t length) {
        const auto index = change_to(extent, data.subspan(at - offset, length), skip);
        if (!index) {
          const bool written = std::any_of(extent.history.begin(), extent.history.end(),
                                           [](const Value& value) { return value.is_change(); });
          return written ? Outcome::differs : Outcome::unknown;
        }
        failed = failed || extent.history[*index].how == How::unwritable;
        to.push_back(*index);
        return Outcome::as_recorded;
      });
  if (answer.outcome != Outcome::as_recorded) return answer;
  advance(offset, data.size(), to);
  return {failed ? Outcome::failed : Outcome::as_recorded};
}

RecordedContent::Answer RecordedContent::discard(uint64_t offset, uint64_t length) {
  history_hash_ = hash_mix(hash_mix(history_hash_, offset ^ length << 32), 1);
  fit(offset, length);
  std::vector<uint32_t> to;
  const Answer answer =
      each_answered(offset, length, [&](const Extent& extent, uint64_t, uint64_t, uint64_t) {
        for (uint32_t index = extent.current; index < extent.history.size(); ++index) {
          if (extent.history[index].how != How::discarded) continue;
          to.push_back(index);
          return Outcome::as_recorded;
        }
        return Outcome::unknown;
      });
  if (answer.outcome == Outcome::as_recorded) advance(offset, length, to);
  return answer;
}

}  // namespace ringside
