// Grant tables (public/grant_table.h), version 1. A domain writes entries into frames that it shares with
// Xen; Xen counts each use in the active entry and sets GTF_reading and GTF_writing while it lasts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tl/expected.hpp>
#include <vector>

#include "sim/ids.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

class Hypervisor;
class Domain;
enum class GrantOperation : uint8_t;

struct ActiveGrant {
  uint32_t readers = 0, writers = 0;  // mappings and copies under way
  Mfn frame;
  DomainId mapped_by;
};

struct GrantMapping {  // what a grant handle stands for
  DomainId granter;
  GrantRef ref;
  Mfn frame;
  bool read_only = false;
  bool host_map = false;      // with a PTE
  uint64_t host_address = 0;  // as given: GNTMAP_contains_pte tells a machine address of the PTE
  uint32_t flags = 0;
};

class GrantTable {
 public:
  static constexpr uint32_t kFramesMax = 64;  // Xen's gnttab_max_frames
  static constexpr uint32_t kEntriesPerFrame = 512;
  static constexpr uint32_t kReserved = 8;         // GNTTAB_NR_RESERVED_ENTRIES
  static constexpr uint32_t kMappingsMax = 65536;  // handles of one domain
  static constexpr uint32_t kPinsMax = 127;        // readers or writers of one entry: Xen counts in 8 bits

  std::vector<Mfn> frames;  // shared with the domain
  std::vector<ActiveGrant> active;
  std::map<uint32_t, GrantMapping> mappings;   // made BY this domain, by handle
  std::map<uint64_t, uint32_t> mapped_frames;  // how many of these mappings a frame has
  uint32_t next_handle = 1;
};

class Grants : public Stateful {
 public:
  explicit Grants(Hypervisor& hypervisor);

  // Gives the domain its first frame, as Xen does when it makes a domain.
  bool create(Domain& domain);
  // For the domain builder: entries for console (GNTTAB_RESERVED_CONSOLE) and XenStore.
  void seed(Domain& domain, GrantRef ref, DomainId to, Mfn frame);

  // --- For backends: `by` is domain 0. The error is a negative GNTST_* status. ---
  struct Mapped {
    uint32_t handle = 0;
    Mfn frame;
    bool read_only = false;
  };
  tl::expected<Mapped, int16_t> map(DomainId by, DomainId granter, GrantRef ref, bool read_only);
  int16_t unmap(DomainId by, uint32_t handle);
  // GNTTABOP_copy between a granted page, from `offset` on, and a buffer of the backend's. GNTST_*.
  int16_t copy_from(DomainId by, DomainId granter, GrantRef ref, uint64_t offset, std::span<uint8_t> into);
  int16_t copy_to(DomainId by, DomainId granter, GrantRef ref, uint64_t offset,
                  std::span<const uint8_t> from);

  // GNTTABOP_*.
  int64_t hypercall(Domain& domain, uint32_t command, GuestVirt argument, uint32_t count);

  void visit_state(StateVisitor& visitor) const override;

 private:
  // --- grant_table.cpp: entries and who uses them ---
  // A use of an entry: checks it, sets GTF_reading and GTF_writing, counts. `mapping` also asks that the
  // entry grants a whole page. GNTST_*.
  int16_t pin(Domain& granter, GrantRef ref, DomainId by, bool read_only, bool mapping, Mfn& frame);
  void unpin(Domain& granter, GrantRef ref, bool read_only);
  // References to the frame, for as long as a mapping or a copy lasts.
  bool hold_frame(Domain& granter, Mfn frame, bool read_only);
  void release_frame(Mfn frame, bool read_only);
  int16_t map_frame(DomainId by, DomainId granter, GrantRef ref, bool read_only, Mapped& mapped);
  void end_mapping(GrantTable& mapper, uint32_t handle);
  bool grow(Domain& domain, uint32_t frames);
  GuestPhys entry_address(const Domain& granter, GrantRef ref) const;
  Verdict show(Domain* granter, GrantOperation operation, GrantRef ref, DomainId by, Mfn frame,
               uint32_t length, int16_t status);

  // --- grant_table_op.cpp ---
  using Element = int64_t (Grants::*)(Domain&, GuestVirt);
  int64_t for_each(Domain& domain, uint32_t command, GuestVirt list, uint32_t count, uint64_t element_size,
                   Element element);
  int64_t map_element(Domain& domain, GuestVirt argument);
  int64_t unmap_element(Domain& domain, GuestVirt argument);
  int64_t unmap_and_replace_element(Domain& domain, GuestVirt argument);
  int64_t swap_element(Domain& domain, GuestVirt argument);
  int64_t cache_flush_element(Domain& domain, GuestVirt argument);
  int16_t map_for_guest(Domain& domain, uint16_t granter, GrantRef ref, uint32_t flags, uint64_t host_address,
                        Mapped& mapped);
  int16_t unmap_for_guest(Domain& domain, uint32_t handle, uint64_t host_address, uint64_t device_address,
                          uint64_t new_address);
  int16_t swap(Domain& domain, GrantRef a, GrantRef b);
  int64_t setup_table(Domain& domain, GuestVirt argument);
  int64_t query_size(Domain& domain, GuestVirt argument);
  int64_t set_version(Domain& domain, GuestVirt argument);
  int64_t get_status_frames(Domain& domain, GuestVirt argument);
  int64_t get_version(Domain& domain, GuestVirt argument);

  // --- grant_copy.cpp ---
  struct CopyEnd;
  int64_t copy_element(Domain& domain, GuestVirt argument);
  int16_t copy_granted(DomainId by, DomainId granter, GrantRef ref, uint64_t offset, uint64_t length,
                       uint8_t* into, const uint8_t* from);
  int16_t open_end(Domain& domain, CopyEnd& end);
  void close_end(Domain& domain, CopyEnd& end);
  int64_t transfer_element(Domain& domain, GuestVirt argument);
  int16_t transfer(Domain& domain, Mfn frame, uint16_t to, GrantRef ref);

  Hypervisor& hypervisor_;
};

}  // namespace ringside
