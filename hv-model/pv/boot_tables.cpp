#include "hv-model/pv/boot_tables.h"

#include <set>

#include "hv-model/mm/entry.h"

namespace ringside {

namespace {

// The address without the bits that index into a table of the level and below it.
uint64_t key_of(uint64_t address, unsigned level) {
  return level == 4 ? 0 : address >> (kPageShift + 9 * level);
}

// libxenguest's: the CPU sets what is missing of accessed and dirty, Xen the user bit of L1 entries.
constexpr uint64_t kLeafFlags = entry::kPresent | entry::kAccessed;
constexpr uint64_t kTableFlags =
    entry::kPresent | entry::kWritable | entry::kUser | entry::kAccessed | entry::kDirty;

}  // namespace

uint64_t BootTables::tables_for(const BootRange& range) const {
  if (range.pages == 0) return 0;
  const uint64_t last = range.virtual_start + (range.pages - 1) * kPageSize;
  uint64_t count = 0;
  for (unsigned level = 4; level >= 1; --level) {
    for (uint64_t key = key_of(range.virtual_start, level); key <= key_of(last, level); ++key) {
      if (tables_[level - 1].count(key) == 0) ++count;
    }
  }
  return count;
}

void BootTables::add(const BootRange& range, uint64_t first_pfn) {
  if (range.pages == 0) return;
  const uint64_t last = range.virtual_start + (range.pages - 1) * kPageSize;
  for (unsigned level = 4; level >= 1; --level) {
    for (uint64_t key = key_of(range.virtual_start, level); key <= key_of(last, level); ++key) {
      if (tables_[level - 1].emplace(key, first_pfn).second) ++first_pfn;
    }
  }
  ranges_.push_back(range);
}

std::vector<BootTables::Table> BootTables::build(const std::vector<Mfn>& frames) const {
  std::vector<Table> tables;
  std::map<uint64_t, size_t> position;  // by frame
  std::set<uint64_t> own;
  for (unsigned level = 4; level >= 1; --level) {
    for (const auto& [key, pfn] : tables_[level - 1]) {
      position[pfn] = tables.size();
      own.insert(pfn);
      tables.push_back({pfn, {}});
    }
  }
  for (unsigned level = 3; level >= 1; --level) {
    for (const auto& [key, pfn] : tables_[level - 1]) {
      const uint64_t address = key << (kPageShift + 9 * level);
      const uint64_t parent = tables_[level].at(key_of(address, level + 1));
      tables[position[parent]].entries[entry::slot(address, level + 1)] =
          entry::make(frames[pfn], kTableFlags);
    }
  }
  for (const BootRange& range : ranges_) {
    Table* table = nullptr;
    for (uint64_t page = 0; page < range.pages; ++page) {
      const uint64_t address = range.virtual_start + page * kPageSize;
      const unsigned slot = entry::slot(address, 1);
      if (table == nullptr || slot == 0) table = &tables[position[tables_[0].at(key_of(address, 1))]];
      const uint64_t pfn = range.first_pfn + page;
      const uint64_t access = own.count(pfn) != 0 ? 0 : entry::kWritable;
      table->entries[slot] = entry::make(frames[pfn], kLeafFlags | access);
    }
  }
  return tables;
}

}  // namespace ringside
