// The grants that a ring keeps mapped between requests (feature-persistent of public/io/blkif.h): a frontend
// that uses the same ones again and again need not have them mapped and unmapped for each request. With the
// bounds and the purge of xen-blkback (blkback.c: add_persistent_gnt, purge_persistent_gnt), in virtual time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "hv-model/grant_table.h"
#include "sim/state.h"
#include "sim/tick.h"

namespace ringside {

class PersistentGrants {
 public:
  // How often a full cache is purged (LRU_INTERVAL), how much of it (LRU_PERCENT_CLEAN), and how long a
  // grant may rest unused (persistent_grant_unused_seconds).
  static constexpr Tick kPurgeInterval = milliseconds(100);
  static constexpr uint32_t kPurgePercent = 5;
  static constexpr Tick kUnusedMax = seconds(60);

  using Unmap = std::function<void(uint32_t handle)>;

  PersistentGrants(uint32_t grants_max, Unmap unmap) : grants_max_(grants_max), unmap_(std::move(unmap)) {}

  size_t size() const { return grants_.size(); }
  size_t in_use() const { return in_use_; }
  bool overflown() const { return overflow_; }  // room was missing since the last purge

  // A grant that is kept, for one use; nothing when it is not kept, or already in use (one request names it
  // twice, or two requests do).
  std::optional<Mfn> take(uint32_t gref);
  // Keeps a fresh mapping, in use at once. False when there is no room, or the reference is kept already:
  // then the mapping stays the caller's.
  bool add(uint32_t gref, const Grants::Mapped& mapped);
  // Ends a use.
  void put(uint32_t gref, Tick now);

  // Unmaps those that have rested too long, and, when room was missing, at least a part of those that are not
  // in use, in the order of their references.
  void purge(Tick now);
  // When purge() has something to do next; never() while nothing is kept.
  Tick next_purge(Tick now) const;
  // Unmaps all that are not in use; from now on those go at the end of their use.
  void close();

  void visit_state(StateVisitor& visitor) const;

 private:
  struct Grant {
    uint32_t handle = 0;
    Mfn frame;
    bool in_use = false;
    Tick last_used;
  };
  using Map = std::map<uint32_t, Grant>;
  Map::iterator drop(Map::iterator place);

  const uint32_t grants_max_;
  const Unmap unmap_;
  Map grants_;
  size_t in_use_ = 0;
  bool overflow_ = false;
  bool closed_ = false;
  Tick last_purge_;
};

}  // namespace ringside
