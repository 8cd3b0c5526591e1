#include "checkers/dma/page_tables.h"

#include <algorithm>

namespace ringside {

namespace {

constexpr unsigned kLevels = 4, kEntries = 512;
constexpr uint64_t kPresent = 1, kLarge = 1 << 7, kFrameBits = 0x000f'ffff'ffff'f000;
// How long what was read is good enough.
constexpr Tick kGoodFor = milliseconds(10);

}  // namespace

bool PageTableFrames::stale(Tick now) const {
  return read_at_ == Tick::never() || now >= read_at_ + kGoodFor;
}

bool PageTableFrames::may_hold(const Memory& memory, uint64_t first, uint64_t end, Tick now) const {
  Mfn found;
  return stale(now) || find(memory, first, end, found);
}

bool PageTableFrames::holds_any(const Memory& memory, uint64_t root, uint64_t first, uint64_t end, Tick now,
                                Mfn& found) {
  root &= kFrameBits;
  const bool reads = stale(now);
  if (reads) read(memory, root, now);
  if (!find(memory, first, end, found)) return false;
  if (reads) return true;
  read(memory, root, now);
  return find(memory, first, end, found);
}

void PageTableFrames::read(const Memory& memory, uint64_t root, Tick now) {
  read_at_ = now;
  frames_.assign(memory.frames(), false);
  add(memory, frame_of(GuestPhys{root}), kLevels);
}

// Each frame once, however the tables point at each other.
void PageTableFrames::add(const Memory& memory, Mfn frame, unsigned level) {
  if (!memory.contains(frame) || frames_[memory.index_of(frame)]) return;
  frames_[memory.index_of(frame)] = true;
  if (level == 1) return;
  for (unsigned i = 0; i < kEntries; ++i) {
    const auto entry = memory.load<uint64_t>(frame.address() + 8 * i);
    if ((entry & kPresent) == 0) continue;
    if (level < kLevels && (entry & kLarge) != 0) continue;
    add(memory, frame_of(GuestPhys{entry & kFrameBits}), level - 1);
  }
}

bool PageTableFrames::find(const Memory& memory, uint64_t first, uint64_t end, Mfn& found) const {
  for (Mfn frame = frame_of(GuestPhys{first}); frame.address().value < end; ++frame.value) {
    if (!memory.contains(frame) || !frames_[memory.index_of(frame)]) continue;
    found = frame;
    return true;
  }
  return false;
}

}  // namespace ringside
