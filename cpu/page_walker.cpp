#include "cpu/page_walker.h"

namespace ringside {
namespace {

uint32_t code_of(Access access) {
  uint32_t code = page_fault_code::user;
  if (access == Access::write) code |= page_fault_code::write;
  if (access == Access::fetch) code |= page_fault_code::fetch;
  return code;
}

uint64_t page_mask(int level) { return (1ull << (kPageShift + 9 * (level - 1))) - 1; }

// Address bits that must be zero in an entry that maps a large page (SDM tables 4-16 and 4-18); bit 12 is
// its PAT bit. The "large" bit itself is reserved in an entry of the fourth level (table 4-15).
bool has_reserved_bits(uint64_t entry, int level) {
  if (!(entry & page_entry::large) || level == 1) return false;
  if (level == 4) return true;
  return (entry & page_mask(level) & page_entry::frame_mask & ~(1ull << 12)) != 0;
}

void set_bits(Memory& memory, GuestPhys at, uint64_t entry, uint64_t bits) {
  if ((entry & bits) != bits) memory.store<uint64_t>(at, entry | bits);
}

}  // namespace

tl::expected<PageWalk, uint32_t> walk_page_tables(Memory& memory, GuestPhys root, GuestVirt address,
                                                  Access access, WalkEffect effect) {
  const uint32_t code = code_of(access);
  const auto protection = [&] { return tl::unexpected<uint32_t>(code | page_fault_code::present); };
  // DEVIATES: SDM 4.7 - the bus has nothing outside machine memory, so a table or a page there is reported
  // as a reserved address bit, as if MAXPHYADDR ended with the memory. Nothing of the host is ever touched.
  const auto reserved = [&] {
    return tl::unexpected<uint32_t>(code | page_fault_code::present | page_fault_code::reserved);
  };

  GuestPhys at[5];
  uint64_t entries[5];
  uint64_t allowed = page_entry::writable | page_entry::user;
  uint64_t no_execute = 0;
  GuestPhys table{root.value & page_entry::frame_mask};
  int level = 4;
  for (;; --level) {
    at[level] = table + ((address.value >> (kPageShift + 9 * (level - 1))) & 511) * 8;
    if (!memory.contains(at[level], 8)) return reserved();
    const uint64_t entry = entries[level] = memory.load<uint64_t>(at[level]);
    if (!(entry & page_entry::present)) return tl::unexpected<uint32_t>(code);
    if (has_reserved_bits(entry, level)) return reserved();
    allowed &= entry;
    no_execute |= entry & page_entry::no_execute;
    if (level == 1 || (entry & page_entry::large)) break;
    table = {entry & page_entry::frame_mask};
  }

  PageWalk walk;
  const uint64_t inside = page_mask(level);
  walk.page = {(entries[level] & page_entry::frame_mask & ~inside) |
               (address.value & inside & ~(kPageSize - 1))};
  if (!memory.contains(walk.page, kPageSize)) return reserved();
  walk.level = static_cast<uint8_t>(level);
  walk.writable = allowed & page_entry::writable;
  walk.executable = !no_execute;
  if (!(allowed & page_entry::user)) return protection();
  if (access == Access::write && !walk.writable) return protection();
  if (access == Access::fetch && !walk.executable) return protection();

  walk.dirty = entries[level] & page_entry::dirty;
  if (effect == WalkEffect::accessed_dirty) {
    for (int l = 4; l > level; --l) set_bits(memory, at[l], entries[l], page_entry::accessed);
    const bool write = access == Access::write;
    set_bits(memory, at[level], entries[level],
             page_entry::accessed | (write ? page_entry::dirty : uint64_t{0}));
    walk.dirty |= write;
  }
  return walk;
}

}  // namespace ringside
