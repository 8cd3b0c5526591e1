// Where the emulator's own few pages lie: outside of machine memory on the bus, and in a part of the address
// space that belongs to the hypervisor. A guest reaches none of it but the descriptor table, which holds
// constants and which its segment loads read.
#pragma once

#include <cstdint>

namespace ringside::unicorn_layout {

// Pages of the private block, by number.
inline constexpr uint64_t kStubPage = 0;  // VMLOAD, VMRUN; the landing place behind
inline constexpr uint64_t kVmcbPage = 1;
inline constexpr uint64_t kHostSavePage = 2;
inline constexpr uint64_t kMsrPermissionPage = 3;  // two pages
inline constexpr uint64_t kDescriptorPage = 5;     // holds the selectors of kDescriptorWindowPage
inline constexpr uint64_t kZeroPage = 6;
inline constexpr uint64_t kPages = 7;

// Xen's hypervisor range starts here (xen/arch-x86/xen-x86_64.h, HYPERVISOR_VIRT_START).
inline constexpr uint64_t kWindow = 0xffff'8000'0000'0000;
inline constexpr uint64_t kStub = kWindow;
inline constexpr uint64_t kLanding = kWindow + 0x100;
inline constexpr uint64_t kDescriptorTable = kWindow + 0x10'0000;
inline constexpr uint64_t kDescriptorTableBytes = 0x1'0000;
// FLAT_RING3_CS64 and FLAT_RING3_SS64 (0xe033, 0xe02b) lie in the fifteenth page of the table.
inline constexpr uint64_t kDescriptorWindowPage = 14;

// uc_ctl_remove_cache() wants a virtual address: this range, not canonical, means machine addresses.
inline constexpr uint64_t kAlias = 0x4000'0000'0000'0000;

}  // namespace ringside::unicorn_layout
