// The translations that the guest's processor holds: a TLB that never forgets by itself.
//
// A real TLB may keep an entry until the guest flushes it, and guests that change a table without a flush
// can see the old entry for a while. The emulator below keeps a TLB too, but loses entries when the host's
// clock tells it to. So this map is the TLB that the guest sees: an entry enters it at the first access (then
// A and D bits are set in the guest's tables), it leaves by an architectural flush alone, and the emulator's
// refills are served from it.
//
// It is bounded: when it is full it is emptied, which a processor may always do. Because an entry enters at
// a guest's first access, and never at a refill, the moment is the same in every run.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/ids.h"

namespace ringside {

struct Translation {
  uint64_t virtual_page = 0;  // number, not address
  Mfn frame;
  bool writable = false;    // the tables allow it
  bool executable = false;  // the tables allow it
  bool dirty = false;       // D is set in the tables, so that stores need no further walk
  bool large = false;       // a piece of a 2 MiB or 1 GiB page
  bool user = true;         // the tables allow it; a paravirtual guest's translations are all of this kind
  bool global = false;      // stays when CR3 is written
  bool live = true;
};

class Translations {
 public:
  static constexpr size_t kEntriesMax = 1 << 15;

  Translations();

  // Null when there is none. The pointer is good until the next call that is not const.
  const Translation* find(GuestVirt address) const;
  // Replaces what is there. Returns false when the map was full and has been emptied first: then the
  // emulator's TLB must go as well.
  bool insert(const Translation& translation);

  void flush();
  // Drops the page; when any large page is held, everything (INVLPG drops the whole large page).
  void flush(GuestVirt address);

  size_t size() const { return live_; }
  // Order of entering, for digests. Entries that are not live are skipped.
  template <class Function>
  void for_each(Function function) const {
    for (const Translation& entry : entries_) {
      if (entry.live) function(entry);
    }
  }

 private:
  struct Slot {
    uint32_t generation = 0;
    uint32_t position = 0;
  };
  static constexpr size_t kSlots = kEntriesMax * 2;

  size_t slot_of(uint64_t virtual_page) const;

  std::vector<Translation> entries_;  // in the order of entering
  std::vector<Slot> slots_;           // open addressing; a slot of an older generation is free
  uint32_t generation_ = 1;
  size_t live_ = 0;
  size_t large_ = 0;
};

}  // namespace ringside
