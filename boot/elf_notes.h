// What a kernel tells Xen's domain builder about itself: ELF notes (public/elfnote.h), or in old kernels the
// section "__xen_guest". The rules of defaults and checks are libelf's (xen/common/libelf/libelf-dominfo.c).
#pragma once

#include "boot/elf_image.h"

namespace ringside {

struct XenKernel {
  std::string guest_os, guest_version, loader, xen_version, features;
  uint64_t entry = 0;
  uint64_t virtual_base = 0;                    // where pseudo-physical address 0 is mapped
  uint64_t virtual_start = 0, virtual_end = 0;  // the kernel itself
  uint64_t physical_offset = 0;                 // ELF_PADDR_OFFSET
  std::optional<uint64_t> hypercall_page;       // address
  std::optional<uint64_t> p2m_base;             // INIT_P2M: the list is mapped there, outside of the kernel
  bool ramdisk_unmapped = false;                // MOD_START_PFN: mod_start is a frame number
  ElfImage image;
};

// Judges the file as a 64-bit paravirtual kernel.
Result<XenKernel> read_xen_kernel(const std::string& name, std::span<const uint8_t> file);

// The physical address at which the kernel starts as a PVH guest (XEN_ELFNOTE_PHYS32_ENTRY), if it says so.
std::optional<uint32_t> read_pvh_entry(const ElfImage& image);

}  // namespace ringside
