// Who owns each machine frame and what it is used as: Xen's struct page_info (xen/arch/x86/mm.c, the essay
// "A description of the x86 page table API"). A frame has one type at a time; it may change only when its
// type count is zero. A page table is therefore never writable by a guest, and a writable page is never a
// page table.
#pragma once

#include <cstdint>
#include <map>
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
  bool validated = false;       // a page table whose entries have all been checked
  bool pinned = false;          // MMUEXT_PIN_Lx_TABLE holds a type reference
  bool guest_readable = false;  // of Xen's frames: any guest may map it read-only (M2P)
  bool allocated = false;       // the owner's own reference is still there (PGC_allocated)
  bool special = false;         // Xen's page shared with its owner (PGC_xen_heap): shared_info, grant table
  uint32_t type_count = 0;
  uint32_t ref_count = 0;  // 1 for the allocation itself, 1 for each mapping, each grant mapping, ...
  // The value of tlb_clock() when the type count last fell to zero, or when the frame was freed: a core that
  // has not been flushed since may still hold translations to it (Xen's tlbflush_timestamp).
  uint64_t flush_stamp = 0;
};

// Told when frames leave and enter use: page tables forget their M2P entry and flush stale translations.
class FrameObserver {
 public:
  virtual ~FrameObserver() = default;
  virtual void frame_freed(Mfn frame) = 0;
  virtual void frame_reused(Mfn frame, uint64_t flush_stamp) = 0;
};

class FrameTable : public Stateful {
 public:
  // Counts end here; one reference more is refused, as Xen does when its count field would overflow.
  static constexpr uint32_t kCountMax = 0x7fffffff;

  explicit FrameTable(Memory& memory, uint32_t count_max = kCountMax);

  // A zeroed frame with one reference, from the lowest free one up; nothing when memory is exhausted.
  std::optional<Mfn> allocate(DomainId owner);
  // 2^order frames in a row, the first a multiple of their number.
  std::optional<Mfn> allocate_run(DomainId owner, unsigned order);
  // A frame of Xen's that a domain may map writable (shared_info, grant table): typed writable for good, so
  // that it never becomes a page table, with a reference that the domain cannot drop.
  std::optional<Mfn> allocate_special(DomainId owner);
  // Whether nobody but Xen refers to a special frame, and its end, for which that must be so.
  bool is_special_unused(Mfn frame) const;
  void free_special(Mfn frame);
  // A frame of Xen's own; `guest_readable` as in PageInfo.
  std::optional<Mfn> allocate_for_xen(bool guest_readable);
  uint64_t free_frames() const { return free_; }
  // Frames that count against a domain's max_pages (special ones do not).
  uint64_t owned_frames(DomainId owner) const;

  // Null when the frame lies outside of memory. Changes go through the functions of this class.
  const PageInfo* find(Mfn frame) const;

  // A general reference for a use by `domain`; false when it is not the owner or the frame is free.
  bool get_page(Mfn frame, DomainId domain);
  // Drops one; the last one frees (and zeroes) the frame. The frame must have a reference.
  void put_page(Mfn frame);
  // Drops the owner's own reference, once: later calls do nothing (put_page_alloc_ref).
  void drop_allocation(Mfn frame);
  // A type reference for types that need no validation of contents (writable, shared). Page tables and
  // segment descriptors: mm/page_tables.h. False on a conflict of types.
  bool get_writable_type(Mfn frame);
  // Must not drop the last reference of a page table's type: mm/page_tables.h takes its entries apart first.
  void put_type(Mfn frame);
  // get_page and get_writable_type in one step, for the many mappings of a page table.
  bool get_writable_page(Mfn frame, DomainId domain);

  // --- For mm/page_tables.cpp, which does the validation ---
  void begin_type(Mfn frame, PageType type);  // count 0 -> 1, not yet validated
  void end_type(Mfn frame, bool valid);       // validated, or back to no type at all
  void add_type_reference(Mfn frame);
  void set_pinned(Mfn frame, bool pinned);
  // Takes a frame with exactly the owner's reference and `held` others from the domain, and frees it.
  // False, with nothing done, when there are other references (Xen's steal_page).
  bool steal(Mfn frame, DomainId domain, uint32_t held);

  uint32_t count_max() const { return count_max_; }

  // Moves with each flush; see PageInfo::flush_stamp.
  uint64_t tlb_clock() const { return tlb_clock_; }
  uint64_t advance_tlb_clock() { return ++tlb_clock_; }
  void set_observer(FrameObserver* observer) { observer_ = observer; }

  Memory& memory() { return memory_; }
  const Memory& memory() const { return memory_; }
  // Constant time: the sum of a hash of each frame's record, kept up to date by every change.
  void visit_state(StateVisitor& visitor) const override;

 private:
  template <class Change>
  void change(size_t index, Change apply);
  std::optional<Mfn> take(size_t index, DomainId owner, bool special);
  void release(Mfn frame);

  Memory& memory_;
  FrameObserver* observer_ = nullptr;
  std::vector<PageInfo> info_;
  std::vector<uint64_t> free_words_;  // a bit per frame, set while it is free
  size_t first_free_word_ = 0;        // no bit is set below
  uint64_t free_ = 0;
  std::map<DomainId, uint64_t> owned_;
  uint64_t tlb_clock_ = 1;
  uint64_t digest_ = 0;
  const uint32_t count_max_;
};

}  // namespace ringside
