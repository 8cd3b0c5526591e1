// The page tables that a domain starts with: which tables ranges of addresses need, and their contents.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "sim/ids.h"

namespace ringside {

struct BootRange {
  uint64_t virtual_start = 0;  // page-aligned
  uint64_t pages = 0;
  uint64_t first_pfn = 0;
};

class BootTables {
 public:
  // How many tables a range needs beyond those that exist; the L4 counts as one of the first range's.
  uint64_t tables_for(const BootRange& range) const;
  // Makes them, with frames from `first_pfn` up: L4, then L3s, L2s and L1s by address.
  void add(const BootRange& range, uint64_t first_pfn);

  struct Table {
    uint64_t pfn = 0;
    std::array<uint64_t, 512> entries{};
  };
  // Entries that point to `frames[pfn]`; tables themselves are mapped read-only.
  std::vector<Table> build(const std::vector<Mfn>& frames) const;
  uint64_t root_pfn() const { return tables_[3].begin()->second; }

 private:
  // By level - 1: the address bits that select the table, and its frame.
  std::array<std::map<uint64_t, uint64_t>, 4> tables_;
  std::vector<BootRange> ranges_;
};

}  // namespace ringside
