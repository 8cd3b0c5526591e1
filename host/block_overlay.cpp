#include "host/block_overlay.h"

#include <algorithm>

namespace ringside {

const BlockOverlay::Block* BlockOverlay::find(uint64_t block) const {
  const auto place = blocks_.find(block);
  return place == blocks_.end() ? nullptr : place->second.get();
}

bool BlockOverlay::discarded(uint64_t block) const {
  auto place = zeroed_.upper_bound(block);
  if (place == zeroed_.begin()) return false;
  --place;
  return block < place->second;
}

BlockOverlay::Block* BlockOverlay::find_or_add(uint64_t block) {
  const auto place = blocks_.find(block);
  if (place != blocks_.end()) return place->second.get();
  if (blocks_.size() >= blocks_max_) return nullptr;
  return blocks_.emplace(block, std::make_unique<Block>()).first->second.get();
}

void BlockOverlay::discard(uint64_t first, uint64_t end) {
  if (first >= end) return;
  blocks_.erase(blocks_.lower_bound(first), blocks_.lower_bound(end));
  auto place = zeroed_.upper_bound(first);
  if (place != zeroed_.begin() && std::prev(place)->second >= first) --place;
  while (place != zeroed_.end() && place->first <= end) {
    first = std::min(first, place->first);
    end = std::max(end, place->second);
    place = zeroed_.erase(place);
  }
  zeroed_.emplace(first, end);
}

}  // namespace ringside
