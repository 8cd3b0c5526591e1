// The page walk of a 64-bit guest: four levels of tables read from machine memory, without an emulator and
// without a cache. Intel SDM volume 3 (April 2022), section 4.5 "4-level paging" and 4.7 "Page-fault
// exceptions".
//
// Every access of a paravirtual guest is a user access (CPL 3): each entry on the way needs its U bit, and
// CR0.WP makes no difference. EFER.NXE is on.
#pragma once

#include <cstdint>
#include <optional>

#include "cpu/cpu.h"
#include "sim/ids.h"
#include "sim/memory.h"

namespace ringside {

// Bits of an entry, SDM table 4-19.
namespace page_entry {
inline constexpr uint64_t present = 1u << 0;
inline constexpr uint64_t writable = 1u << 1;
inline constexpr uint64_t user = 1u << 2;
inline constexpr uint64_t accessed = 1u << 5;
inline constexpr uint64_t dirty = 1u << 6;
inline constexpr uint64_t large = 1u << 7;
inline constexpr uint64_t no_execute = 1ull << 63;
inline constexpr uint64_t frame_mask = 0x000f'ffff'ffff'f000ull;
}  // namespace page_entry

// Bits of a page fault's error code, SDM section 4.7.
namespace page_fault_code {
inline constexpr uint32_t present = 1;
inline constexpr uint32_t write = 2;
inline constexpr uint32_t user = 4;
inline constexpr uint32_t reserved = 8;
inline constexpr uint32_t fetch = 16;
}  // namespace page_fault_code

constexpr bool is_canonical(uint64_t address) {
  return static_cast<uint64_t>(static_cast<int64_t>(address << 16) >> 16) == address;
}

struct PageWalk {
  GuestPhys page;           // the 4 KiB page, also where a larger page maps it
  bool writable = false;    // by all levels
  bool executable = false;  // by all levels
  bool dirty = false;       // the last entry's D bit, as the walk leaves it
  uint8_t level = 0;        // of the entry that maps: 1 is 4 KiB, 2 is 2 MiB, 3 is 1 GiB
};

// What the walk does to the tables.
enum class WalkEffect : uint8_t {
  none,           // look only
  accessed_dirty  // set A in every entry used, and D in the last one for a write; only if no fault
};

// Walks for one access. On a fault, only the error code of the answer means something; the caller knows the
// address. A non-canonical address is not a page fault: ask is_canonical() first.
tl::expected<PageWalk, uint32_t> walk_page_tables(Memory& memory, GuestPhys root, GuestVirt address,
                                                  Access access, WalkEffect effect);

}  // namespace ringside
