#include "cpu/native_walker.h"

namespace ringside {
namespace {

constexpr uint64_t kGlobal = 1u << 8;

// One level of tables: where its index lies in the address, and how wide it is.
struct Level {
  unsigned shift;
  unsigned index_bits;
};
constexpr Level kLegacyLevels[] = {{12, 10}, {22, 10}};
constexpr Level kWideLevels[] = {{12, 9}, {21, 9}, {30, 9}, {39, 9}};

struct Entry {
  GuestPhys at;
  uint64_t value = 0;
};

class Walk {
 public:
  Walk(PhysicalMap& map, const PagingMode& mode) : map_(map), mode_(mode), bytes_(mode.wide ? 8 : 4) {}

  // Level 0 holds pages. Nothing where the walk ends in an entry that is not present.
  enum class Outcome { mapped, not_present, reserved };
  Outcome run(uint64_t address);
  Translation translation(uint64_t address) const;
  void set_accessed(bool write);

 private:
  Level level(int n) const { return mode_.wide ? kWideLevels[n] : kLegacyLevels[n]; }
  bool is_large(uint64_t entry, int n) const;
  bool has_reserved_bits(uint64_t entry, int n) const;
  uint64_t large_frame(uint64_t entry, int n) const;
  // PAE's four top entries have no rights and no A bit (APM volume 2, 5.2.3).
  bool is_bare(int n) const { return n == 2 && !mode_.long_mode; }
  void set_bits(Entry& entry, uint64_t bits);

  PhysicalMap& map_;
  const PagingMode& mode_;
  unsigned bytes_;
  Entry entries_[4];
  int top_ = 0, last_ = 0;
  uint64_t allowed_ = page_entry::writable | page_entry::user;
  bool no_execute_ = false;
};

bool Walk::is_large(uint64_t entry, int n) const {
  if (n == 0 || !(entry & page_entry::large)) return false;
  if (!mode_.wide) return mode_.large_pages;
  return n == 1 || (n == 2 && mode_.long_mode);
}

bool Walk::has_reserved_bits(uint64_t entry, int n) const {
  if (!mode_.wide) return n == 1 && is_large(entry, n) && (entry & (1u << 21));
  uint64_t reserved = page_entry::frame_mask & ~kPhysicalMask;
  if (!mode_.no_execute) reserved |= page_entry::no_execute;
  if (!mode_.long_mode) reserved |= 0x7ff0'0000'0000'0000;
  if (is_bare(n)) reserved |= page_entry::no_execute | 0x1e6;
  if (n == 3) reserved |= page_entry::large;
  if (is_large(entry, n)) reserved |= ((1ull << level(n).shift) - 1) & page_entry::frame_mask & ~(1ull << 12);
  return entry & reserved;
}

uint64_t Walk::large_frame(uint64_t entry, int n) const {
  const uint64_t inside = (1ull << level(n).shift) - 1;
  // A 4 MiB page has address bits 39-32 in bits 20-13 (APM volume 2, 5.2.2).
  if (!mode_.wide) return (entry & 0xffc0'0000) | (entry & 0x1f'e000) << 19;
  return entry & page_entry::frame_mask & ~inside;
}

Walk::Outcome Walk::run(uint64_t address) {
  top_ = mode_.long_mode ? 3 : (mode_.wide ? 2 : 1);
  uint64_t table = mode_.root.value & (is_bare(top_) ? 0xffff'ffe0ull : page_entry::frame_mask);
  if (!mode_.wide) table &= 0xffff'f000;
  for (int n = top_;; --n) {
    const Level here = level(n);
    const uint64_t bits = is_bare(n) ? 2 : here.index_bits;
    Entry& entry = entries_[n];
    entry.at = {table + ((address >> here.shift) & ((1ull << bits) - 1)) * bytes_};
    entry.value = 0;
    map_.read(entry.at, &entry.value, bytes_);
    last_ = n;
    if (!(entry.value & page_entry::present)) return Outcome::not_present;
    if (has_reserved_bits(entry.value, n)) return Outcome::reserved;
    if (!is_bare(n)) allowed_ &= entry.value;
    no_execute_ |= mode_.wide && (entry.value & page_entry::no_execute) != 0;
    if (n == 0 || is_large(entry.value, n)) return Outcome::mapped;
    table = entry.value & page_entry::frame_mask;
  }
}

Translation Walk::translation(uint64_t address) const {
  const uint64_t entry = entries_[last_].value;
  const uint64_t inside = (1ull << level(last_).shift) - 1;
  const uint64_t start = last_ == 0 ? entry & page_entry::frame_mask : large_frame(entry, last_);
  Translation found;
  found.virtual_page = address >> kPageShift;
  found.frame = frame_of(GuestPhys{start | (address & inside)});
  found.writable = allowed_ & page_entry::writable;
  found.user = allowed_ & page_entry::user;
  found.executable = !no_execute_;
  found.dirty = entry & page_entry::dirty;
  found.global = mode_.global && (entry & kGlobal);
  found.large = last_ != 0;
  return found;
}

void Walk::set_bits(Entry& entry, uint64_t bits) {
  if ((entry.value & bits) == bits) return;
  entry.value |= bits;
  map_.write(entry.at, &entry.value, bytes_);
}

void Walk::set_accessed(bool write) {
  for (int n = top_; n > last_; --n) {
    if (!is_bare(n)) set_bits(entries_[n], page_entry::accessed);
  }
  set_bits(entries_[last_], page_entry::accessed | (write ? page_entry::dirty : uint64_t{0}));
}

}  // namespace

uint32_t page_fault_code_of(const PagingMode& mode, PageAccess access) {
  uint32_t code = access.user ? page_fault_code::user : 0;
  if (access.access == Access::write) code |= page_fault_code::write;
  if (access.access == Access::fetch && mode.has_no_execute()) code |= page_fault_code::fetch;
  return code;
}

bool is_allowed(const PagingMode& mode, const Translation& translation, PageAccess access) {
  if (access.user && !translation.user) return false;
  if (access.access == Access::write) {
    return translation.writable || (!access.user && !mode.write_protect);
  }
  return access.access == Access::read || translation.executable;
}

tl::expected<Translation, uint32_t> walk_native(PhysicalMap& map, const PagingMode& mode, GuestVirt address,
                                                PageAccess access, WalkEffect effect) {
  if (!mode.paging) {
    Translation identity;
    identity.virtual_page = address.value >> kPageShift;
    identity.frame = frame_of(GuestPhys{address.value});
    identity.writable = identity.executable = identity.dirty = identity.user = true;
    return identity;
  }
  const uint32_t code = page_fault_code_of(mode, access);
  Walk walk(map, mode);
  switch (walk.run(address.value)) {
    case Walk::Outcome::not_present: return tl::unexpected<uint32_t>(code);
    case Walk::Outcome::reserved:
      return tl::unexpected<uint32_t>(code | page_fault_code::present | page_fault_code::reserved);
    case Walk::Outcome::mapped: break;
  }
  if (!is_allowed(mode, walk.translation(address.value), access)) {
    return tl::unexpected<uint32_t>(code | page_fault_code::present);
  }
  if (effect == WalkEffect::accessed_dirty) walk.set_accessed(access.access == Access::write);
  return walk.translation(address.value);
}

}  // namespace ringside
