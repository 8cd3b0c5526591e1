// The rolling hash over all canonical crossings, recorded or not: the recorder and the replayer compute the
// same one. It covers wire, direction, tick, payload, and what earlier taps decided about the crossing.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/hash.h"
#include "sim/wire.h"

namespace ringside {

class CrossingHash {
 public:
  void add_wire(const Wire& wire) {
    if (names_.size() <= wire.index()) names_.resize(wire.index() + 1);
    names_[wire.index()] = hash64(wire.name());
  }

  // The wire must have been added. Crossings that are not canonical do not count.
  void add(const Wire& wire, const Crossing& crossing, const Verdict& verdict) {
    if ((crossing.flags & Crossing::kCanonical) == 0) return;
    ++count_;
    uint64_t hash = hash_mix(value_, names_[wire.index()] + static_cast<uint64_t>(crossing.direction));
    hash = hash_mix(hash, crossing.at.ps);
    value_ = hash_mix(hash, hash64(crossing.bytes()));
    if (verdict.intact()) return;
    value_ = hash_mix(value_, verdict.copies);
    value_ = hash_mix(value_, verdict.delay.ps);
    value_ = hash_mix(value_, static_cast<uint64_t>(verdict.fail));
    value_ = hash_mix(value_, verdict.behind);
  }

  uint64_t count() const { return count_; }
  uint64_t value() const { return value_; }

 private:
  std::vector<uint64_t> names_;  // hash of the name, by the wire's index
  uint64_t count_ = 0;
  uint64_t value_ = 0;
};

}  // namespace ringside
