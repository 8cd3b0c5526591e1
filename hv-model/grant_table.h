// Grant tables (public/grant_table.h), version 1. A domain writes entries into frames that it shares with
// Xen; Xen counts each use in the active entry and sets GTF_reading and GTF_writing while it lasts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "sim/ids.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

class Hypervisor;
class Domain;

struct ActiveGrant {
  uint32_t readers = 0, writers = 0;  // mappings and copies under way
  Mfn frame;
  DomainId mapped_by;
};

struct GrantMapping {   // what a grant handle stands for
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
  static constexpr uint32_t kFramesMax = 64;      // Xen's gnttab_max_frames
  static constexpr uint32_t kEntriesPerFrame = 512;
  static constexpr uint32_t kReserved = 8;        // GNTTAB_NR_RESERVED_ENTRIES

  std::vector<Mfn> frames;                        // shared with the domain
  std::vector<ActiveGrant> active;
  std::map<uint32_t, GrantMapping> mappings;      // made BY this domain, by handle
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

  // GNTTABOP_*.
  int64_t hypercall(Domain& domain, uint32_t command, GuestVirt argument, uint32_t count);

  void visit_state(StateVisitor& visitor) const override;

 private:
  Hypervisor& hypervisor_;
};

}  // namespace ringside
