#include "boot/vmlinux.h"

#include <fmt/format.h>

#include "boot/boot_params.h"
#include "boot/memory_map.h"

namespace ringside {

namespace {

constexpr ElfWanted kWanted = {"a PC", "a Linux bzImage or a 64-bit ELF kernel", false};

// What the kernel itself reads of the header: that there is one, and of which version.
std::array<uint8_t, boot_params::kSetupHeaderEnd - boot_params::kSetupHeader> setup_header() {
  std::array<uint8_t, boot_params::kSetupHeaderEnd - boot_params::kSetupHeader> header{};
  const auto put = [&header](size_t offset, auto number) {
    std::memcpy(header.data() + (offset - boot_params::kSetupHeader), &number, sizeof number);
  };
  put(boot_params::kBootFlag, uint16_t{0xaa55});
  put(boot_params::kMagic, uint32_t{0x53726448});  // "HdrS"
  put(boot_params::kVersion, uint16_t{0x020f});
  put(boot_params::kLoadFlags, uint8_t{0x01});  // LOADED_HIGH
  put(boot_params::kKernelAlignment, uint32_t{2 << 20});
  return header;
}

// Linux links its entry to a physical address; other kernels may give a virtual one, within a segment.
Result<uint64_t> physical_entry(const std::string& name, const ElfImage& image) {
  if (holds_physical(image, image.entry)) return image.entry;
  for (const ElfSegment& segment : image.segments) {
    if (image.entry >= segment.virtual_address &&
        image.entry - segment.virtual_address < segment.memory_size) {
      return segment.physical_address + (image.entry - segment.virtual_address);
    }
  }
  return fail(
      fmt::format("kernel '{}' is damaged: it begins at {:#x}, outside of its segments", name, image.entry));
}

}  // namespace

Result<BootState> boot_vmlinux(Memory& memory, const BootRequest& request) {
  constexpr uint64_t kCommandLineMax = 2047;  // COMMAND_LINE_SIZE of Linux on x86
  SIM_TRY(check_pc_memory(memory));
  const auto image = read_elf_image(request.kernel_name, request.kernel, kWanted);
  if (!image) return tl::unexpected(image.error());
  const auto covered = check_kernel_segments(memory, request.kernel_name, *image);
  if (!covered) return tl::unexpected(covered.error());
  const auto entry = physical_entry(request.kernel_name, *image);
  if (!entry) return tl::unexpected(entry.error());
  SIM_TRY(check_command_line(request, kCommandLineMax));
  const auto ramdisk = place_ramdisk(memory, request, covered->end(), kPciWindow);
  if (!ramdisk) return tl::unexpected(ramdisk.error());

  store_segments(memory, *image);
  const auto header = setup_header();
  BootState state = store_boot_params(memory, request, header, *ramdisk);
  state.rip = *entry;
  return state;
}

}  // namespace ringside
