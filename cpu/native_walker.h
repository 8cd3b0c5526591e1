// The page walk of the whole processor: no paging, 32-bit paging with 4 MiB pages, PAE, and 4-level paging.
// AMD64 Architecture Programmer's Manual volume 2 (revision 3.38), chapter 5; Intel SDM volume 3, chapter 4,
// where the two agree.
//
// A walk finds what the tables say; whether an access is allowed depends on CR0.WP and the privilege, and is
// asked separately, because a translation that is held serves accesses of both kinds.
#pragma once

#include "cpu/page_walker.h"
#include "cpu/physical_map.h"
#include "cpu/translations.h"

namespace ringside {

// The control bits that decide, kept beside the emulator so that a walk need not ask it.
struct PagingMode {
  bool paging = false;         // CR0.PG
  bool write_protect = false;  // CR0.WP
  bool large_pages = false;    // CR4.PSE, for 32-bit paging only
  bool wide = false;           // CR4.PAE
  bool global = false;         // CR4.PGE
  bool long_mode = false;      // EFER.LMA
  bool no_execute = false;     // EFER.NXE
  GuestPhys root;              // CR3

  bool has_no_execute() const { return no_execute && wide; }
};

// The width of a physical address, as CPUID tells it; bits above are reserved in tables.
inline constexpr unsigned kPhysicalBits = 40;
inline constexpr uint64_t kPhysicalMask = (1ull << kPhysicalBits) - 1;

struct PageAccess {
  Access access = Access::read;
  bool user = false;
};

// The error code of a page fault for this access, without the bits that a walk finds.
uint32_t page_fault_code_of(const PagingMode& mode, PageAccess access);
bool is_allowed(const PagingMode& mode, const Translation& translation, PageAccess access);

// Walks, checks, and sets A and D as the access does (or nothing, with WalkEffect::none). The error is the
// code of the page fault. The address is canonical.
tl::expected<Translation, uint32_t> walk_native(PhysicalMap& map, const PagingMode& mode, GuestVirt address,
                                                PageAccess access, WalkEffect effect);

}  // namespace ringside
