// Grant tables (public/grant_table.h), versions 1 and 2. A domain writes entries into frames that it shares
// with Xen; Xen counts each use in the active entry and sets GTF_reading and GTF_writing while it lasts. In
// version 2 an entry may also grant a part of a page, or what another domain has granted to its owner.
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
  // Version 2: the part of the page, and of a transitive grant the one behind it.
  uint16_t start = 0, length = kPageSize;
  bool sub_page = false;  // such a grant may be copied from, but not mapped
  bool transitive = false;
  DomainId source_domain;
  GrantRef source_ref;
};

// What a use of an entry gives: bytes of a frame, whose owner is another than the granter where the grant is
// transitive.
struct GrantedPage {
  Domain* owner = nullptr;
  Mfn frame;
  uint32_t start = 0, length = 0;
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
  static constexpr uint32_t kFramesMax = 64;         // Xen's gnttab_max_frames
  static constexpr uint32_t kEntriesPerFrame = 512;  // of version 1
  static constexpr uint32_t kStatusPerFrame = 2048;
  static constexpr uint32_t kReserved = 8;         // GNTTAB_NR_RESERVED_ENTRIES
  static constexpr uint32_t kMappingsMax = 65536;  // handles of one domain
  static constexpr uint32_t kPinsMax = 127;        // readers or writers of one entry: Xen counts in 8 bits

  uint32_t version = 1;
  std::vector<Mfn> frames;                     // shared with the domain
  std::vector<Mfn> status_frames;              // likewise, in version 2
  std::vector<ActiveGrant> active;             // as many as version 1 has
  std::map<uint32_t, GrantMapping> mappings;   // made BY this domain, by handle
  std::map<uint64_t, uint32_t> mapped_frames;  // how many of these mappings a frame has
  uint32_t next_handle = 1;

  uint32_t entries_per_frame() const { return version == 1 ? kEntriesPerFrame : kEntriesPerFrame / 2; }
  uint32_t entries() const { return static_cast<uint32_t>(frames.size()) * entries_per_frame(); }
};

class Grants : public Stateful {
 public:
  explicit Grants(Hypervisor& hypervisor);

  // Gives the domain its first frame, as Xen does when it makes a domain.
  bool create(Domain& domain);
  // The table has at least so many frames from now on (GNTTABOP_setup_table). False without memory.
  bool grow(Domain& domain, uint32_t frames);
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
  // A use of an entry: checks it, sets GTF_reading and GTF_writing, counts. A mapping asks for a whole page
  // of the granter's, a copy takes any part, and `copy_through` none that is itself transitive. GNTST_*.
  enum class Use : uint8_t { mapping, copy, copy_through };
  int16_t pin(Domain& granter, GrantRef ref, DomainId by, bool read_only, Use use, GrantedPage& page);
  int16_t judge_entry(Domain& granter, GrantRef ref, DomainId by, bool read_only, Use use, uint16_t& flags);
  int16_t find_page(Domain& granter, GrantRef ref, uint16_t flags, ActiveGrant& found);
  int16_t pin_source(Domain& granter, GrantRef ref, bool read_only, Use use, ActiveGrant& found);
  void mark_used(Domain& granter, GrantRef ref, bool read_only);
  void mark_unused(Domain& granter, GrantRef ref);
  void unpin(Domain& granter, GrantRef ref, bool read_only);
  // References to the frame, for as long as a mapping or a copy lasts.
  bool hold_frame(Domain& granter, Mfn frame, bool read_only);
  void release_frame(Mfn frame, bool read_only);
  int16_t map_frame(DomainId by, DomainId granter, GrantRef ref, bool read_only, Mapped& mapped);
  void end_mapping(GrantTable& mapper, uint32_t handle);
  // --- grant_version.cpp ---
  GuestPhys entry_address(const Domain& granter, GrantRef ref) const;
  // Where GTF_reading and GTF_writing are.
  GuestPhys status_address(const Domain& granter, GrantRef ref) const;
  uint64_t load_frame(const Domain& granter, GrantRef ref) const;
  void store_frame(const Domain& granter, GrantRef ref, Mfn frame);
  bool grow_status(Domain& domain);
  int64_t free_status(Domain& domain);
  int64_t change_version(Domain& domain, uint32_t version);
  int64_t set_version(Domain& domain, GuestVirt argument);
  int64_t get_status_frames(Domain& domain, GuestVirt argument);
  int64_t get_version(Domain& domain, GuestVirt argument);

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
  // Operations on a grant table name its domain; an unprivileged one may name itself only. GNTST_*.
  int16_t judge_target(const Domain& domain, uint16_t named) const;

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
  std::vector<uint8_t> payload_;  // of the crossing that is being shown
};

}  // namespace ringside
