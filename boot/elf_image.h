// The ELF part of loading a kernel: little-endian executables for x86 (System V ABI, "Object Files"). Every
// offset of the file is checked: kernels are input. Notes of Xen's: elf_notes.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"

namespace ringside {

struct ElfSegment {
  uint64_t virtual_address = 0, physical_address = 0;
  uint64_t memory_size = 0;
  std::span<const uint8_t> contents;  // at most memory_size; the rest is zero
};

struct ElfImage {
  bool is_64_bit = true;
  uint64_t entry = 0;
  std::vector<ElfSegment> segments;                    // PT_LOAD
  std::vector<std::span<const uint8_t>> note_regions;  // PT_NOTE, and SHT_NOTE sections behind them
  std::optional<std::string_view> guest_section;       // the legacy "__xen_guest"
};

// True when the physical address lies within a segment.
bool holds_physical(const ElfImage& image, uint64_t address);

// What the loader wants, for its decision and its messages.
struct ElfWanted {
  std::string_view by = "a paravirtual guest";  // who
  std::string_view what = "a 64-bit ELF kernel with Xen notes";
  bool may_be_32_bit = false;
};

// Says in words what the file is where it is no such executable, and what to do about it. `name` is for the
// message; the image points into `file`.
Result<ElfImage> read_elf_image(const std::string& name, std::span<const uint8_t> file,
                                const ElfWanted& wanted);

}  // namespace ringside
