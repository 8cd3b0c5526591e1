// The emulator's own physical address space, which only the core sees: the guest's addresses pass through the
// TLB hook, so what lies where is ours to choose. The emulator's own pages lie below 4 GiB, where 16-bit code
// can name them, and no address of the guest leads there.
#pragma once

#include <array>
#include <cstdint>

namespace ringside::native_layout {

// Pages of the private block, by number.
inline constexpr uint64_t kStubPage = 0;   // VMSAVE, VMLOAD, VMRUN
inline constexpr uint64_t kStatePage = 1;  // the VMCB that is loaded
inline constexpr uint64_t kHostPage = 2;   // the VMCB to which VMRUN saves what was before
inline constexpr uint64_t kFlatPage = 3;   // a VMCB of 64-bit code at CPL 0
inline constexpr uint64_t kMsrPage = 4;    // MSR permissions, two pages
inline constexpr uint64_t kBusPage = 6;    // ones: what is fetched where no memory is
inline constexpr uint64_t kFlushPage = 7;  // INVLPG
inline constexpr uint64_t kPages = 8;

inline constexpr uint64_t kPrivate = 0x1'0000;
inline constexpr uint64_t kRam = 1ull << 41;
inline constexpr uint64_t kRom = 1ull << 42;
// Devices: the guest's physical address added to this one.
inline constexpr uint64_t kDevices = 1ull << 43;

// Where the stub is executed: in the address range that x86-64 systems leave to hypervisors. It is there only
// while the core itself runs it.
inline constexpr uint64_t kStub = 0xffff'8000'0000'0000;
// INVLPG of what RAX says, then of the page that this code is in: the last two instructions of that page.
inline constexpr uint64_t kFlush = kStub + 2 * 4096;
inline constexpr std::array<uint8_t, 6> kFlushCode{0x0f, 0x01, 0x38, 0x0f, 0x01, 0x39};
inline constexpr uint64_t kFlushOffset = 4096 - kFlushCode.size();
// uc_ctl_remove_cache() wants a virtual address: this range, not canonical, means the guest's physical ones.
inline constexpr uint64_t kAlias = 0x4000'0000'0000'0000;

}  // namespace ringside::native_layout
