// An uncompressed Linux kernel, the ELF file vmlinux: entered by the same 64-bit boot protocol as a bzImage,
// with a setup header of our making.
#pragma once

#include "boot/boot.h"

namespace ringside {

Result<BootState> boot_vmlinux(Memory& memory, const BootRequest& request);

}  // namespace ringside
