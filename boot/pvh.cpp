#include "boot/pvh.h"

#include <fmt/format.h>
#include <xen/elfnote.h>

#include "boot/elf_notes.h"
#include "boot/flat_segments.h"
#include "boot/memory_map.h"

extern "C" {
#include <xen/arch-x86/hvm/start_info.h>
}

namespace ringside {

namespace {

constexpr ElfWanted kWanted = {"a PVH guest",
                               "an ELF kernel with the Xen note PHYS32_ENTRY (Linux: CONFIG_PVH)", true};

// Behind one another in one page.
constexpr uint64_t kModules = kBootParams + sizeof(hvm_start_info);
constexpr uint64_t kMemoryMap = kModules + sizeof(hvm_modlist_entry);

void store_start_info(Memory& memory, const BootRequest& request, MemoryRange ramdisk) {
  hvm_start_info info{};
  info.magic = XEN_HVM_START_MAGIC_VALUE;
  info.version = 1;
  info.cmdline_paddr = kCommandLine;
  info.rsdp_paddr = request.rsdp.value_or(GuestPhys{0}).value;
  if (ramdisk.length != 0) {
    info.nr_modules = 1;
    info.modlist_paddr = kModules;
    memory.store(GuestPhys{kModules}, hvm_modlist_entry{ramdisk.base, ramdisk.length, 0, 0});
  }
  info.memmap_paddr = kMemoryMap;
  uint64_t at = kMemoryMap;
  for (const E820Entry& entry : e820_map(memory.size())) {
    memory.store(GuestPhys{at},
                 hvm_memmap_table_entry{entry.base, entry.length, static_cast<uint32_t>(entry.type), 0});
    at += sizeof(hvm_memmap_table_entry);
    ++info.memmap_entries;
  }
  memory.store(GuestPhys{kBootParams}, info);
}

}  // namespace

Result<BootState> boot_pvh(Memory& memory, const BootRequest& request) {
  SIM_TRY(check_pc_memory(memory));
  const auto image = read_elf_image(request.kernel_name, request.kernel, kWanted);
  if (!image) return tl::unexpected(image.error());
  const auto entry = read_pvh_entry(*image);
  if (!entry) {
    return fail(
        fmt::format("kernel '{}' has no PVH entry: its ELF notes lack PHYS32_ENTRY (Linux: CONFIG_PVH)",
                    request.kernel_name));
  }
  if (!holds_physical(*image, *entry)) {
    return fail(fmt::format("kernel '{}' is damaged: its PVH entry {:#x} lies outside of its segments",
                            request.kernel_name, *entry));
  }
  const auto covered = check_kernel_segments(memory, request.kernel_name, *image);
  if (!covered) return tl::unexpected(covered.error());
  SIM_TRY(check_command_line(request, kCommandLineSpace - 1));
  const auto ramdisk = place_ramdisk(memory, request, covered->end(), kPciWindow);
  if (!ramdisk) return tl::unexpected(ramdisk.error());

  store_segments(memory, *image);
  store_zeros(memory, {kBootParams, kPageSize});
  store_start_info(memory, request, *ramdisk);
  store_command_line(memory, request);
  memory.write(GuestPhys{ramdisk->base}, request.ramdisk.data(), request.ramdisk.size());
  BootState state = enter_protected_mode(memory);
  state.rip = *entry;
  state.general[BootState::rbx] = kBootParams;
  return state;
}

}  // namespace ringside
