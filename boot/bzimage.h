// A Linux bzImage, as distributions ship it: compressed, with a setup header in its first sectors. It is
// entered by the 64-bit boot protocol (Linux Documentation/arch/x86/boot.rst, version 2.12 or newer), so its
// real-mode code never runs.
#pragma once

#include "boot/boot.h"

namespace ringside {

// True when the file carries the setup header's magic, whatever else is wrong with it.
bool is_bzimage(std::span<const uint8_t> file);

// What the setup header says, checked against the file.
struct BzImage {
  std::span<const uint8_t> setup_header;  // boot_params from offset 0x1f1 on
  std::span<const uint8_t> protected_mode_code;
  uint16_t version = 0;
  uint64_t preferred_address = 0;  // where it wants to be loaded; it runs nowhere below
  uint64_t init_size = 0;          // bytes that it needs from there on, before it knows the memory map
  uint64_t ramdisk_limit = 0;      // first address behind what a ramdisk may use
  uint64_t command_line_max = 0;
};

Result<BzImage> read_bzimage(const std::string& name, std::span<const uint8_t> file);

Result<BootState> boot_bzimage(Memory& memory, const BootRequest& request);

}  // namespace ringside
