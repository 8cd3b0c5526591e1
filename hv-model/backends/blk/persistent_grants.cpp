#include "hv-model/backends/blk/persistent_grants.h"

#include <algorithm>
#include <iterator>

#include "sim/hash.h"

namespace ringside {

std::optional<Mfn> PersistentGrants::take(uint32_t gref) {
  const auto found = grants_.find(gref);
  if (found == grants_.end() || found->second.in_use) return std::nullopt;
  found->second.in_use = true;
  ++in_use_;
  return found->second.frame;
}

bool PersistentGrants::add(uint32_t gref, const Grants::Mapped& mapped) {
  if (grants_.size() >= grants_max_) {
    overflow_ = true;
    return false;
  }
  const auto [place, fresh] = grants_.emplace(
      gref, Grant{.handle = mapped.handle, .frame = mapped.frame, .in_use = true, .last_used = {}});
  if (fresh) ++in_use_;
  return fresh;
}

void PersistentGrants::put(uint32_t gref, Tick now) {
  const auto found = grants_.find(gref);
  if (found == grants_.end() || !found->second.in_use) return;
  found->second.in_use = false;
  found->second.last_used = now;
  --in_use_;
  if (closed_) drop(found);
}

PersistentGrants::Map::iterator PersistentGrants::drop(Map::iterator place) {
  unmap_(place->second.handle);
  return grants_.erase(place);
}

void PersistentGrants::purge(Tick now) {
  last_purge_ = now;
  const bool full = overflow_ && grants_.size() >= grants_max_;
  const size_t wanted = full ? std::max<size_t>(1, grants_max_ / 100 * kPurgePercent) : 0;
  size_t purged = 0;
  for (const bool rested_only : {true, false}) {
    for (auto place = grants_.begin(); place != grants_.end();) {
      const Grant& grant = place->second;
      const bool goes = rested_only ? saturating_add(grant.last_used, kUnusedMax) <= now : purged < wanted;
      if (grant.in_use || !goes) {
        ++place;
        continue;
      }
      place = drop(place);
      ++purged;
    }
    if (purged >= wanted) break;
  }
  if (grants_.size() < grants_max_) overflow_ = false;
}

Tick PersistentGrants::next_purge(Tick now) const {
  if (grants_.empty() || closed_) return Tick::never();
  if (overflow_) return std::max(now, saturating_add(last_purge_, kPurgeInterval));
  // One that is in use begins to rest now at the earliest.
  Tick oldest = now;
  for (const auto& [gref, grant] : grants_) {
    if (!grant.in_use) oldest = std::min(oldest, grant.last_used);
  }
  return saturating_add(oldest, kUnusedMax);
}

void PersistentGrants::close() {
  closed_ = true;
  for (auto place = grants_.begin(); place != grants_.end();)
    place = place->second.in_use ? std::next(place) : drop(place);
}

void PersistentGrants::visit_state(StateVisitor& visitor) const {
  uint64_t digest = 0;
  for (const auto& [gref, grant] : grants_) {
    digest = hash_mix(digest, uint64_t{gref} << 32 | grant.handle);
    digest = hash_mix(digest, grant.frame.value << 1 | grant.in_use);
    digest = hash_mix(digest, grant.last_used.ps);
  }
  visitor.number("persistent_grants", grants_.size());
  visitor.number("persistent_digest", digest);
  visitor.number("persistent_overflow", overflow_);
  visitor.number("persistent_purge", last_purge_.ps);
}

}  // namespace ringside
