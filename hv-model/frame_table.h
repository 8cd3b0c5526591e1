// Who owns each machine frame and what it is used as: Xen's struct page_info (xen/arch/x86/mm.c, the essay
// "A description of the x86 page table API"). A frame has one type at a time; it may change only when its
// type count is zero. A page table is therefore never writable by a guest, and a writable page is never a
// page table.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/ids.h"
#include "sim/memory.h"
#include "sim/state.h"

namespace ringside {

// Owners that are no domains (Xen's DOMID_XEN, and nobody).
inline constexpr DomainId kOwnerXen{0x7ff2};
inline constexpr DomainId kOwnerNone{0x7fff};

enum class PageType : uint8_t { none, l1, l2, l3, l4, segment_descriptors, shared, writable };

struct PageInfo {
  DomainId owner = kOwnerNone;
  PageType type = PageType::none;
  bool validated = false;   // a page table whose entries have all been checked
  bool pinned = false;      // MMUEXT_PIN_Lx_TABLE holds a type reference
  bool guest_readable = false;  // of Xen's frames: any guest may map it read-only (M2P)
  uint32_t type_count = 0;
  uint32_t ref_count = 0;   // 1 for the allocation itself, 1 for each mapping, each grant mapping, ...
};

class FrameTable : public Stateful {
 public:
  explicit FrameTable(Memory& memory);

  // A zeroed frame with one reference, from the lowest free one up; nothing when memory is exhausted.
  std::optional<Mfn> allocate(DomainId owner);
  uint64_t free_frames() const;

  // Null when the frame lies outside of memory.
  PageInfo* find(Mfn frame);
  const PageInfo* find(Mfn frame) const;

  // A general reference for a use by `domain`; false when it is not the owner or the frame is free.
  bool get_page(Mfn frame, DomainId domain);
  // Drops one; the last one frees (and zeroes) the frame. The frame must have a reference.
  void put_page(Mfn frame);
  // A type reference for types that need no validation of contents (writable, shared). Page tables and
  // segment descriptors: mm/page_tables.h. False on a conflict of types.
  bool get_writable_type(Mfn frame);
  void put_type(Mfn frame);

  Memory& memory() { return memory_; }
  void visit_state(StateVisitor& visitor) const override;

 private:
  Memory& memory_;
  std::vector<PageInfo> info_;
  uint64_t first_free_hint_ = 0;
  uint64_t free_ = 0;
};

}  // namespace ringside
