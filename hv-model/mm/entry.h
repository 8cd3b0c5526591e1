// Page table entries of x86-64 (AMD64 Architecture Programmer's Manual, volume 2, section 5.3) and what Xen
// lets a 64-bit paravirtual guest write into them (xen/arch/x86/mm.c, xen/arch/x86/pv/mm.h).
#pragma once

#include <cstdint>

#include "hv-model/frame_table.h"
#include "sim/ids.h"

namespace ringside::entry {

inline constexpr uint64_t kPresent = 1u << 0;
inline constexpr uint64_t kWritable = 1u << 1;
inline constexpr uint64_t kUser = 1u << 2;
inline constexpr uint64_t kWriteThrough = 1u << 3;
inline constexpr uint64_t kCacheDisable = 1u << 4;
inline constexpr uint64_t kAccessed = 1u << 5;
inline constexpr uint64_t kDirty = 1u << 6;
inline constexpr uint64_t kLarge = 1u << 7;  // PSE of an upper level; PAT of an L1 entry
inline constexpr uint64_t kGlobal = 1u << 8;
inline constexpr uint64_t kAvailableLow = 0xe00;
inline constexpr uint64_t kAvailableHigh = 0x7ffull << 52;
// Xen's mark on L1 entries that the guest wrote without the user bit: bit 52.
inline constexpr uint64_t kGuestKernel = 1ull << 52;
inline constexpr uint64_t kNoExecute = 1ull << 63;
inline constexpr uint64_t kFrameMask = 0x000ffffffffff000ull;

// Flags that make a present entry invalid: large pages are not for domUs, nor are cache attributes without a
// device passed through. Bits 52-62 are the guest's own.
inline constexpr uint64_t kUpperDisallowed = kWriteThrough | kCacheDisable | kLarge | kGlobal;
inline constexpr uint64_t kL1Disallowed = kWriteThrough | kCacheDisable | kLarge;

// What may change without a new check of the frame (Xen's FASTPATH_FLAG_WHITELIST).
inline constexpr uint64_t kHarmless =
    kNoExecute | kAvailableHigh | kAvailableLow | kGlobal | kDirty | kAccessed | kUser;

inline constexpr unsigned kEntries = 512;
// Slots of an L4 that are Xen's: 256 (the M2P) to 271.
inline constexpr unsigned kFirstXenSlot = 256, kLastXenSlot = 271;

constexpr Mfn frame(uint64_t value) { return {(value & kFrameMask) >> kPageShift}; }
constexpr uint64_t make(Mfn frame, uint64_t flags) { return frame.address().value | flags; }
constexpr bool is_guest_slot(unsigned level, unsigned slot) {
  return level != 4 || slot < kFirstXenSlot || slot > kLastXenSlot;
}
constexpr uint64_t disallowed(unsigned level) { return level == 1 ? kL1Disallowed : kUpperDisallowed; }

// The entry as Xen stores it: a 64-bit guest's kernel runs at CPL 3 too, so everything present is for users;
// an L1 entry remembers in bit 52 that it was a kernel's, and one of the user's becomes global.
constexpr uint64_t adjust(unsigned level, uint64_t value) {
  if ((value & kPresent) == 0) return value;
  if (level != 1) return value | kUser;
  if ((value & kUser) == 0) value |= kGuestKernel | kUser;
  if ((value & kGuestKernel) == 0) value |= kGlobal | kUser;
  return value;
}

constexpr unsigned level_of(PageType type) {
  return type >= PageType::l1 && type <= PageType::l4 ? static_cast<unsigned>(type) : 0;
}
constexpr PageType type_of(unsigned level) { return static_cast<PageType>(level); }
// The slot of a virtual address in the table of that level.
constexpr unsigned slot(uint64_t address, unsigned level) {
  return address >> (kPageShift + 9 * (level - 1)) & (kEntries - 1);
}

}  // namespace ringside::entry
