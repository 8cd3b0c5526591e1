// PVH: the entry that Xen's toolstack, and QEMU with -kernel of an ELF file, give to kernels with the note
// XEN_ELFNOTE_PHYS32_ENTRY: 32-bit protected mode without paging, EBX = hvm_start_info
// (Xen docs/misc/pvh.pandoc; public/arch-x86/hvm/start_info.h, version 1).
#pragma once

#include "boot/boot.h"

namespace ringside {

Result<BootState> boot_pvh(Memory& memory, const BootRequest& request);

}  // namespace ringside
