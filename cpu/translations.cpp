#include "cpu/translations.h"

#include <algorithm>

namespace ringside {

Translations::Translations() : slots_(kSlots) { entries_.reserve(1024); }

// The slot that holds the page, or the free slot where it belongs. Entries are never removed from the slots
// before the next flush (a dropped one is only marked), so probing needs no tombstones, and the table is at
// most half full.
size_t Translations::slot_of(uint64_t virtual_page) const {
  size_t slot = (virtual_page * 0x9e3779b97f4a7c15ull) >> 48;
  static_assert(kSlots == 1 << 16);
  while (slots_[slot].generation == generation_ &&
         entries_[slots_[slot].position].virtual_page != virtual_page) {
    slot = (slot + 1) % kSlots;
  }
  return slot;
}

const Translation* Translations::find(GuestVirt address) const {
  const Slot& slot = slots_[slot_of(address.value >> kPageShift)];
  if (slot.generation != generation_) return nullptr;
  const Translation& entry = entries_[slot.position];
  return entry.live ? &entry : nullptr;
}

bool Translations::insert(const Translation& translation) {
  size_t slot = slot_of(translation.virtual_page);
  bool had_room = true;
  if (slots_[slot].generation != generation_) {
    if (entries_.size() == kEntriesMax) {
      flush();
      slot = slot_of(translation.virtual_page);
      had_room = false;
    }
    slots_[slot] = {generation_, static_cast<uint32_t>(entries_.size())};
    entries_.push_back({});
    entries_.back().live = false;
  }
  Translation& entry = entries_[slots_[slot].position];
  if (entry.live) {
    --live_;
    large_ -= entry.large;
  }
  entry = translation;
  entry.live = true;
  ++live_;
  large_ += entry.large;
  return had_room;
}

void Translations::flush() {
  entries_.clear();
  live_ = large_ = 0;
  if (++generation_ == 0) {  // once in four billion flushes
    std::fill(slots_.begin(), slots_.end(), Slot{});
    generation_ = 1;
  }
}

void Translations::flush(GuestVirt address) {
  if (large_ != 0) return flush();
  const Slot& slot = slots_[slot_of(address.value >> kPageShift)];
  if (slot.generation != generation_) return;
  Translation& entry = entries_[slot.position];
  live_ -= entry.live;
  entry.live = false;
}

}  // namespace ringside
