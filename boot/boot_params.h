// Linux's boot_params, the "zero page": what a boot loader tells the kernel (Documentation/arch/x86/boot.rst
// and zero-page.rst). Shared by bzimage.cpp and vmlinux.cpp, which differ in where the setup header comes
// from.
#pragma once

#include <cstdint>
#include <span>

#include "boot/boot.h"
#include "boot/memory_map.h"

namespace ringside {

// Offsets in boot_params. From 0x1f1 on they are those of the setup header in a bzImage's first sectors.
namespace boot_params {
inline constexpr size_t kAcpiRsdp = 0x70;
inline constexpr size_t kE820Entries = 0x1e8;
inline constexpr size_t kSetupHeader = 0x1f1;
inline constexpr size_t kSetupSectors = 0x1f1;
inline constexpr size_t kSysSize = 0x1f4;  // in paragraphs of 16 bytes
inline constexpr size_t kVideoMode = 0x1fa;
inline constexpr size_t kBootFlag = 0x1fe;
inline constexpr size_t kJump = 0x200;  // the byte behind it says where the header ends
inline constexpr size_t kMagic = 0x202;
inline constexpr size_t kVersion = 0x206;
inline constexpr size_t kTypeOfLoader = 0x210;
inline constexpr size_t kLoadFlags = 0x211;
inline constexpr size_t kRamdiskImage = 0x218;
inline constexpr size_t kRamdiskSize = 0x21c;
inline constexpr size_t kCommandLinePointer = 0x228;
inline constexpr size_t kRamdiskAddressMax = 0x22c;
inline constexpr size_t kKernelAlignment = 0x230;
inline constexpr size_t kRelocatable = 0x234;
inline constexpr size_t kExtendedLoadFlags = 0x236;
inline constexpr size_t kCommandLineSize = 0x238;
inline constexpr size_t kPreferredAddress = 0x258;
inline constexpr size_t kInitSize = 0x260;
inline constexpr size_t kSetupHeaderEnd = 0x268;
inline constexpr size_t kE820Table = 0x2d0;  // entries of 20 bytes
inline constexpr size_t kSize = 4096;
}  // namespace boot_params

// Builds it around `setup_header` (from offset 0x1f1 on), stores it with the command line and the ramdisk,
// and gives the state of the 64-bit boot protocol but for RIP.
BootState store_boot_params(Memory& memory, const BootRequest& request, std::span<const uint8_t> setup_header,
                            MemoryRange ramdisk);

}  // namespace ringside
