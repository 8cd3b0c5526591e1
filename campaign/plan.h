// The plan of a campaign: every site that the run passes, times every action that makes sense there, each
// with a number (a point). What is tried of it depends on the seed and the shard alone, so that any host, and
// any number of processes, tries the same.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "campaign/judgement.h"
#include "cpu/cpu.h"

namespace ringside {

struct PlanWire {
  std::string name;
  std::vector<std::string> actions;
  uint32_t glob = 0;    // of --sites
  uint64_t spread = 0;  // of the sites of all wires of that glob, so many, evenly; 0: all
};

struct Site {
  uint32_t wire = 0;  // of `wires`
  uint32_t nth = 0;   // of all crossings of that wire, from 1
  uint32_t kind = 0;  // of `kinds`
};

// What the run without faults passes, and how it ends.
struct Baseline {
  std::vector<PlanWire> wires;
  std::vector<std::string> kinds;
  std::vector<Site> sites;  // in the order of the run
  uint64_t hash = 0;        // of all of it, payloads included
  Judgement judgement;
  std::set<std::string> usual_lines;  // that speak of a failure, although none is there
  double cpu_seconds = 0;
  std::vector<std::vector<SeenBlock>> code;  // that the guests have run

  std::string to_bytes() const;
  static Baseline from_bytes(const std::string& bytes);
};

struct Shard {
  uint64_t number = 1, of = 1;
  bool operator==(const Shard&) const = default;
};

class Plan {
 public:
  // `random`: so many points, chosen by the seed.
  Plan(const Baseline& baseline, std::optional<uint64_t> random, uint64_t seed, Shard shard);

  // All points of the baseline; those that are to be tried; and this shard's part of them.
  uint64_t points() const { return first_point_.back(); }
  uint64_t chosen() const { return chosen_all_ ? points() : chosen_.size(); }
  uint64_t own() const;

  uint64_t first_point_of(size_t site) const { return first_point_[site]; }
  size_t site_of(uint64_t point) const;
  // The first of this shard's points from `from` on; points() when there is none.
  uint64_t next_own(uint64_t from) const;
  // Which of the chosen ones it is.
  uint64_t rank_of(uint64_t point) const;

 private:
  std::vector<bool> spread(const Baseline& baseline) const;

  std::vector<uint64_t> first_point_;  // by site; one more at the end
  bool chosen_all_;
  std::vector<uint64_t> chosen_;  // sorted
  Shard shard_;
};

// So many different numbers below `bound`, sorted; all of them where there are not so many.
std::vector<uint64_t> choose(uint64_t count, uint64_t bound, uint64_t seed, std::string_view stream);

}  // namespace ringside
