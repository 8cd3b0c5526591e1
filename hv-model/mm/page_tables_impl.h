// The inside of PageTables, shared by the .cpp files of this folder. Data takes this way: a hypercall
// (mmu_update.cpp, mmuext_op.cpp, memory_op.cpp) names frames and entries; update.cpp judges one entry;
// validate.cpp takes and drops the references that the entry stands for, going down the levels when a table's
// type count leaves or reaches zero; frame_table.h counts.
#pragma once

#include <array>
#include <map>
#include <span>
#include <vector>

#include "hv-model/hypervisor.h"
#include "hv-model/mm/entry.h"
#include "hv-model/mm/page_tables.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

struct PageTables::Impl : FrameObserver {
  explicit Impl(Hypervisor& owner) : hypervisor(owner) {}

  Hypervisor& hypervisor;

  // The machine-to-phys table's frames, in order, and the L3 that slot 256 of every L4 points to.
  std::vector<Mfn> m2p_frames;
  uint64_t m2p_first_entry = 0;  // the frame number that the first entry of m2p_frames stands for
  Mfn m2p_l3;

  std::map<Mfn, uint32_t> held;  // hold_for_backend
  // XENMEM_set_memory_map: what the domain sees as its memory map, as bytes of e820 entries.
  std::map<DomainId, std::vector<uint8_t>> memory_maps;
  std::map<DomainId, uint64_t> last_flush;  // the value of tlb_clock() then
  uint64_t work = 0;                        // entries looked at since the current hypercall began

  FrameTable& frames();
  Memory& memory();

  // --- validate.cpp ---
  int64_t get_type(Domain& domain, Mfn frame, PageType type);
  void put_type(Domain& domain, Mfn frame);
  int64_t get_page_and_type(Domain& domain, Mfn frame, PageType type);
  void put_page_and_type(Domain& domain, Mfn frame);
  // What a present entry refers to. `owner` is whose frame it must be (of an L1 entry).
  int64_t get_from_entry(Domain& domain, unsigned level, uint64_t value, DomainId owner);
  void put_from_entry(Domain& domain, unsigned level, uint64_t value);
  int64_t promote(Domain& domain, Mfn table, unsigned level);
  void demote(Domain& domain, Mfn table, unsigned level);
  int64_t validate_descriptors(Mfn frame);

  // --- update.cpp ---
  // One entry of a validated table of that level.
  int64_t modify_entry(Domain& domain, Mfn table, unsigned level, unsigned slot, uint64_t value,
                       bool preserve_ad, DomainId owner);
  // What MMU_NORMAL_PT_UPDATE does with its address. `upper_changed` tells that an L2 or higher was written.
  int64_t update(Domain& domain, GuestPhys address, uint64_t value, bool preserve_ad, DomainId owner,
                 bool& upper_changed);
  struct Walk {
    Mfn table;  // an L1
    unsigned slot = 0;
    GuestPhys address;  // of the entry
    uint64_t value = 0;
  };
  // The L1 entry for an address by the tables of the live root; nothing where an upper level is not present.
  std::optional<Walk> find_l1_entry(Domain& domain, uint64_t address);

  // --- hypercalls ---
  // Xen's get_pg_owner: whose frames a hypercall speaks of. Nothing: -ESRCH.
  std::optional<DomainId> page_owner(const Domain& domain, uint16_t named) const;
  // True when a hypercall has done so much that Xen would have let others run.
  bool should_pause() const { return work >= kWorkPerCall; }
  static constexpr uint64_t kWorkPerCall = 1 << 20;
  static constexpr uint64_t kWorkPerRequest = 64;
  int64_t extended_operation(Domain& domain, const ::mmuext_op_t& operation, DomainId owner);
  int64_t vcpu_mask_has_zero(Domain& domain, GuestVirt mask, bool& selected);

  // --- translations ---
  void flush(Domain& domain);
  // Before the type of a frame changes: translations that allow writes to it must not survive.
  void flush_stale(const Domain& domain, uint64_t stamp);
  void frame_freed(Mfn frame) override;
  void frame_reused(Mfn frame, uint64_t flush_stamp) override;
};

// Xen's MMU_UPDATE_PREEMPTED, in a count: this is the rest of a call, whose `done` goes on.
inline constexpr uint32_t kPreempted = 1u << 31;

// Xen's __addr_ok for a 64-bit guest: not in the hole of non-canonical addresses and not in Xen's own range.
constexpr bool address_ok(uint64_t address) {
  return address < (1ull << 47) || address >= HYPERVISOR_VIRT_END;
}

}  // namespace ringside
