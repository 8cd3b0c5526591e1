// The descriptor tables and page tables that a kernel starts with: flat segments, and in long mode the first
// 4 GiB mapped to themselves.
#pragma once

#include "boot/boot.h"

namespace ringside {

// Linux's __BOOT_CS and __BOOT_DS (Documentation/arch/x86/boot.rst, "32-bit boot protocol").
inline constexpr uint16_t kBootCodeSelector = 0x10;
inline constexpr uint16_t kBootDataSelector = 0x18;

// Stores them at the fixed places of boot/memory_map.h, and fills in the mode, tables and selectors; the rest
// of the state is zero, with RSP at the top of the stack.
BootState enter_long_mode(Memory& memory);
BootState enter_protected_mode(Memory& memory);

}  // namespace ringside
