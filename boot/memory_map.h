// What lies where in a PC's memory when a kernel is started directly. Firmware would have chosen most of it;
// the numbers here are ours, where no document fixes them.
//
//   0x00000400  BIOS data area (IBM PC): a few words that kernels read
//   0x00001000  free for kernels, up to 0x80000
//   0x00080000  stack of 64 KiB, growing down from 0x90000
//   0x00090000  page tables (6 pages), GDT, boot_params or hvm_start_info, command line
//   0x0009fc00  extended BIOS data area (1 KiB, reserved)
//   0x000a0000  VGA window: no RAM
//   0x000e0000  ACPI tables, MP table (reserved)
//   0x00100000  free for kernels; the ramdisk lies at the top
//   0xe0000000  PCI window, I/O APIC, HPET, local APIC, BIOS; RAM goes on at 4 GiB
#pragma once

#include <cstdint>
#include <vector>

#include "boot/boot.h"
#include "boot/elf_image.h"

namespace ringside {

// Fixed places, in the order of their addresses.
inline constexpr uint64_t kBiosDataArea = 0x400;
inline constexpr uint64_t kKernelsFrom = 0x1000;
inline constexpr uint64_t kStackBottom = 0x80000;
inline constexpr uint64_t kStackTop = 0x90000;
inline constexpr uint64_t kPageTables = 0x90000;
inline constexpr uint64_t kDescriptorTable = 0x96000;
inline constexpr uint64_t kBootParams = 0x97000;   // boot_params, or hvm_start_info
inline constexpr uint64_t kCommandLine = 0x98000;  // 16 KiB
inline constexpr uint64_t kCommandLineSpace = 0x4000;
inline constexpr uint64_t kExtendedBiosData = 0x9fc00;
inline constexpr uint64_t kVgaWindow = 0xa0000;
inline constexpr uint64_t kAcpiArea = 0xe0000;
inline constexpr uint64_t kAcpiAreaSpace = 0x10000;
inline constexpr uint64_t kMpTable = 0xf0000;
inline constexpr uint64_t kMegabyte = 0x100000;
inline constexpr uint64_t kPciWindow = 0xe0000000;
inline constexpr uint64_t kPciWindowEnd = 0xfec00000;
inline constexpr uint64_t kFourGigabytes = 0x1'0000'0000;

// Types of INT 15h, E820h (ACPI specification 6.5, section 15.1).
enum class E820Type : uint32_t { ram = 1, reserved = 2, acpi_tables = 3, acpi_nvs = 4 };

struct E820Entry {
  uint64_t base = 0;
  uint64_t length = 0;
  E820Type type = E820Type::ram;
};

// Of a PC whose memory ends at `memory_end`: what lies in the PCI window is not RAM.
std::vector<E820Entry> e820_map(uint64_t memory_end);

// Fails where the memory is too small for any kernel, or does not begin at 0.
Result<> check_pc_memory(const Memory& memory);

// Where RAM below the PCI window ends, and its bytes altogether.
uint64_t low_memory_end(const Memory& memory);
uint64_t ram_bytes(const Memory& memory);

// A range of physical addresses.
struct MemoryRange {
  uint64_t base = 0;
  uint64_t length = 0;
  uint64_t end() const { return base + length; }
};

// Fails unless `range` is RAM that a kernel may lie in. `what` begins the message: "segment 2 of kernel 'x'".
Result<> check_kernel_range(const Memory& memory, const std::string& what, MemoryRange range);
// The same for all segments of an ELF file; gives the range that they cover above 1 MiB (empty where none
// is).
Result<MemoryRange> check_kernel_segments(const Memory& memory, const std::string& kernel_name,
                                          const ElfImage& image);
// Stores them at their physical addresses.
void store_segments(Memory& memory, const ElfImage& image);

// Where the ramdisk goes: as high as it can, page-aligned, below `limit` and the PCI window, above
// `kernel_end`.
Result<MemoryRange> place_ramdisk(const Memory& memory, const BootRequest& request, uint64_t kernel_end,
                                  uint64_t limit);

// Fails where the command line is longer than `length_max`; its terminating NUL comes on top.
Result<> check_command_line(const BootRequest& request, uint64_t length_max);
void store_command_line(Memory& memory, const BootRequest& request);

// Zeroes whatever was stored there before. Frames that nobody has touched stay untouched.
void store_zeros(Memory& memory, MemoryRange range);

}  // namespace ringside
