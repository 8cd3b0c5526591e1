#include "boot/bare.h"

#include <fmt/format.h>

#include "boot/flat_segments.h"
#include "boot/memory_map.h"

namespace ringside {

namespace {

constexpr ElfWanted kWanted = {"a bare guest", "a 64-bit ELF executable", false};

}  // namespace

Result<BootState> boot_bare(Memory& memory, const BootRequest& request) {
  SIM_TRY(check_pc_memory(memory));
  const auto image = read_elf_image(request.kernel_name, request.kernel, kWanted);
  if (!image) return tl::unexpected(image.error());
  const auto covered = check_kernel_segments(memory, request.kernel_name, *image);
  if (!covered) return tl::unexpected(covered.error());
  if (!holds_physical(*image, image->entry)) {
    return fail(
        fmt::format("kernel '{}' begins at {:#x}, outside of its segments: a bare guest's entry is a "
                    "physical address (link it where it is loaded)",
                    request.kernel_name, image->entry));
  }
  SIM_TRY(check_command_line(request, kCommandLineSpace - 1));
  const auto ramdisk = place_ramdisk(memory, request, covered->end(), kPciWindow);
  if (!ramdisk) return tl::unexpected(ramdisk.error());

  store_segments(memory, *image);
  store_command_line(memory, request);
  memory.write(GuestPhys{ramdisk->base}, request.ramdisk.data(), request.ramdisk.size());
  BootState state = enter_long_mode(memory);
  state.rip = image->entry;
  state.general[BootState::rdi] = kCommandLine;
  state.general[BootState::rsi] = ram_bytes(memory);
  state.general[BootState::rdx] = ramdisk->base;
  state.general[BootState::rcx] = ramdisk->length;
  return state;
}

}  // namespace ringside
