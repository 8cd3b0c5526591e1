// References that entries stand for. A table's entries are checked when its type count leaves zero, and their
// references dropped when it returns to zero. Levels strictly fall on the way down (an L3's entries must be
// L2s), so the depth is at most four, and a table that points to itself fails as a frame of the wrong type:
// linear page tables are refused, as Xen does by default (pv-linear-pt=no).
#include "hv-model/mm/page_tables_impl.h"
#include "sim/assert.h"

namespace ringside {

int64_t PageTables::Impl::get_type(Domain& domain, Mfn frame, PageType type) {
  const PageInfo* info = frames().find(frame);
  if (info == nullptr || info->type_count >= frames().count_max()) return -XEN_EINVAL;
  if (type == PageType::writable) return frames().get_writable_type(frame) ? 0 : -XEN_EINVAL;
  if (info->type_count > 0) {
    if (info->type != type || !info->validated) return -XEN_EINVAL;
    frames().add_type_reference(frame);
    return 0;
  }
  if (info->type != type) flush_stale(domain, info->flush_stamp);
  frames().begin_type(frame, type);
  int64_t error = -XEN_EINVAL;
  if (const unsigned level = entry::level_of(type); level != 0) {
    error = promote(domain, frame, level);
  } else if (type == PageType::segment_descriptors) {
    error = validate_descriptors(frame);
  } else if (type == PageType::shared) {
    error = 0;
  }
  frames().end_type(frame, error == 0);
  return error;
}

void PageTables::Impl::put_type(Domain& domain, Mfn frame) {
  const PageInfo* info = frames().find(frame);
  SIM_ASSERT(info != nullptr && info->type_count > 0);
  if (info->type_count == 1 && info->validated) {
    if (const unsigned level = entry::level_of(info->type); level != 0) {
      // Not validated any more, so that nobody takes it for a table while it is taken apart.
      const PageType type = info->type;
      frames().end_type(frame, false);
      frames().begin_type(frame, type);
      demote(domain, frame, level);
    }
  }
  frames().put_type(frame);
}

int64_t PageTables::Impl::get_page_and_type(Domain& domain, Mfn frame, PageType type) {
  if (!frames().get_page(frame, domain.id)) return -XEN_EINVAL;
  const int64_t error = get_type(domain, frame, type);
  if (error != 0) frames().put_page(frame);
  return error;
}

void PageTables::Impl::put_page_and_type(Domain& domain, Mfn frame) {
  put_type(domain, frame);
  frames().put_page(frame);
}

int64_t PageTables::Impl::get_from_entry(Domain& domain, unsigned level, uint64_t value, DomainId owner) {
  if ((value & entry::disallowed(level)) != 0) return -XEN_EINVAL;
  const Mfn frame = entry::frame(value);
  if (level > 1) return get_page_and_type(domain, frame, entry::type_of(level - 1));

  const PageInfo* info = frames().find(frame);
  if (info == nullptr) {
    // Not memory: device space, which no domain here may map; all ones is no frame at all.
    return frame.value == entry::kFrameMask >> kPageShift ? -XEN_EINVAL : -XEN_EPERM;
  }
  const bool taken = (value & entry::kWritable) != 0 ? frames().get_writable_page(frame, owner)
                                                     : frames().get_page(frame, owner);
  return taken ? 0 : -XEN_EBUSY;
}

void PageTables::Impl::put_from_entry(Domain& domain, unsigned level, uint64_t value) {
  if ((value & entry::kPresent) == 0) return;
  const Mfn frame = entry::frame(value);
  SIM_ASSERT(frames().find(frame) != nullptr);
  if (level > 1 || (value & entry::kWritable) != 0) {
    put_page_and_type(domain, frame);
  } else {
    frames().put_page(frame);
  }
}

namespace {

using Table = std::array<uint64_t, entry::kEntries>;

}  // namespace

int64_t PageTables::Impl::promote(Domain& domain, Mfn table, unsigned level) {
  work += entry::kEntries;
  Table entries;
  memory().read(table.address(), entries.data(), kPageSize);
  bool changed = false;
  int64_t error = 0;
  unsigned slot = 0;
  for (; slot < entry::kEntries; ++slot) {
    const uint64_t value = entries[slot];
    if ((value & entry::kPresent) == 0 || !entry::is_guest_slot(level, slot)) continue;
    error = get_from_entry(domain, level, value, domain.id);
    if (error != 0) break;
    entries[slot] = entry::adjust(level, value);
    changed = changed || entries[slot] != value;
  }
  if (error != 0) {
    while (slot-- > 0) {
      if (entry::is_guest_slot(level, slot)) put_from_entry(domain, level, entries[slot]);
    }
  } else if (level == 4) {
    // Xen's own slots. Only the M2P is visible at the guest's privilege; where Xen has mappings of its own
    // for itself, there is nothing here.
    for (unsigned own = entry::kFirstXenSlot; own <= entry::kLastXenSlot; ++own) entries[own] = 0;
    if (m2p_l3.value != 0) {
      entries[entry::kFirstXenSlot] = entry::make(m2p_l3, entry::kPresent | entry::kUser | entry::kAccessed);
    }
    changed = true;
  }
  // After a failure the adjusted flags stay, as they do in Xen; they are harmless.
  if (changed) memory().write(table.address(), entries.data(), kPageSize);
  return error;
}

void PageTables::Impl::demote(Domain& domain, Mfn table, unsigned level) {
  work += entry::kEntries;
  Table entries;
  memory().read(table.address(), entries.data(), kPageSize);
  for (unsigned slot = 0; slot < entry::kEntries; ++slot) {
    if (entry::is_guest_slot(level, slot)) put_from_entry(domain, level, entries[slot]);
  }
}

// Descriptors as xen/arch/x86/pv/descriptor-tables.c's check_descriptor for a 64-bit guest: code and data
// segments are for ring 3, call gates stay but fault, other system descriptors are refused.
int64_t PageTables::Impl::validate_descriptors(Mfn frame) {
  constexpr uint64_t kDescriptorPresent = 1ull << 47, kCodeOrData = 1ull << 44, kPrivilege = 3ull << 45;
  constexpr unsigned kTypeShift = 40, kCallGate = 0xc, kGuestRing = 3;
  work += entry::kEntries;
  Table descriptors;
  memory().read(frame.address(), descriptors.data(), kPageSize);
  for (uint64_t& descriptor : descriptors) {
    if ((descriptor & kDescriptorPresent) == 0) continue;
    const unsigned type = descriptor >> kTypeShift & 0xf;
    if ((descriptor & kCodeOrData) != 0) {
      descriptor |= kPrivilege;
    } else if (type == kCallGate) {
      const auto selector = static_cast<uint16_t>(descriptor >> 16);
      // guest_gate_selector_okay: anything outside of Xen's part of the GDT, at the guest's own ring.
      const bool flat = selector == FLAT_KERNEL_CS64 || selector == FLAT_KERNEL_CS32;
      if (!flat &&
          ((selector & kGuestRing) != kGuestRing || ((selector & 4) == 0 && selector >= 14 * kPageSize))) {
        return -XEN_EINVAL;
      }
      descriptor &= ~kPrivilege;
    } else if (type != 0) {
      return -XEN_EINVAL;
    }
  }
  memory().write(frame.address(), descriptors.data(), kPageSize);
  return 0;
}

}  // namespace ringside
