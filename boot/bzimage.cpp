#include "boot/bzimage.h"

#include <fmt/format.h>

#include <algorithm>

#include "boot/boot_params.h"
#include "boot/bytes.h"
#include "boot/memory_map.h"

namespace ringside {

namespace {

using namespace boot_params;

constexpr uint32_t kHdrS = 0x53726448;
constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kParagraphBytes = 16;
constexpr uint16_t kVersionWith64BitEntry = 0x020c;  // 2.12: xloadflags
constexpr uint8_t kLoadedHigh = 0x01;
constexpr uint16_t kHas64BitEntry = 0x01;  // XLF_KERNEL_64
constexpr uint64_t k64BitEntry = 0x200;    // from the start of the protected-mode code

// Beside the setup header, what a bzImage must have to be entered at 64 bits.
Result<> check_header(const std::string& name, std::span<const uint8_t> file) {
  constexpr uint16_t kBootSectorMagic = 0xaa55;
  if (file.size() < kSetupHeaderEnd) {
    return fail(
        fmt::format("kernel '{}' is {} bytes long: a bzImage has its header at 0x1f1-0x268 and its code "
                    "behind; is the file complete?",
                    name, file.size()));
  }
  if (number_at<uint32_t>(file, kMagic) != kHdrS ||
      number_at<uint16_t>(file, kBootFlag) != kBootSectorMagic) {
    return fail(fmt::format("kernel '{}' is no bzImage: it has no 'HdrS' at 0x202", name));
  }
  const auto version = number_at<uint16_t>(file, kVersion);
  if (version < kVersionWith64BitEntry) {
    return fail(
        fmt::format("kernel '{}' has boot protocol {}.{:02}: 2.12 or newer is needed (Linux 3.8, 64 bits)",
                    name, version >> 8, version & 0xff));
  }
  if ((file[kLoadFlags] & kLoadedHigh) == 0) {
    return fail(fmt::format("kernel '{}' is a zImage, to be loaded at 0x10000: a bzImage is needed", name));
  }
  if ((number_at<uint16_t>(file, kExtendedLoadFlags) & kHas64BitEntry) == 0) {
    return fail(
        fmt::format("kernel '{}' has no 64-bit entry (XLF_KERNEL_64): take a kernel for x86-64", name));
  }
  return {};
}

}  // namespace

bool is_bzimage(std::span<const uint8_t> file) {
  return file.size() >= kMagic + sizeof kHdrS && number_at<uint32_t>(file, kMagic) == kHdrS;
}

Result<BzImage> read_bzimage(const std::string& name, std::span<const uint8_t> file) {
  SIM_TRY(check_header(name, file));
  BzImage image;
  image.version = number_at<uint16_t>(file, kVersion);
  // "The end of setup header": 0x202 plus the byte at 0x201; what lies behind belongs to the real-mode code.
  const size_t header_end = std::clamp<size_t>(kMagic + file[kJump + 1], kSetupHeaderEnd, kE820Table);
  if (file.size() < header_end) {
    return fail(fmt::format("kernel '{}' is cut: its header ends at {:#x}, the file at {:#x}", name,
                            header_end, file.size()));
  }
  image.setup_header = file.subspan(kSetupHeader, header_end - kSetupHeader);
  const uint64_t sectors = file[kSetupSectors] == 0 ? 4 : file[kSetupSectors];
  const uint64_t code = (sectors + 1) * kSectorBytes;
  const uint64_t code_bytes = number_at<uint32_t>(file, kSysSize) * kParagraphBytes;
  // The last paragraph may be incomplete; what comes behind the code is a signature.
  if (code > file.size() || code_bytes > file.size() - code + (kParagraphBytes - 1)) {
    return fail(fmt::format("kernel '{}' is cut: its code ends at byte {}, the file at {}", name,
                            code + code_bytes, file.size()));
  }
  image.protected_mode_code = file.subspan(code, std::min<uint64_t>(code_bytes, file.size() - code));
  if (image.protected_mode_code.size() <= k64BitEntry) {
    return fail(fmt::format("kernel '{}' has {} bytes of code: its 64-bit entry is at 0x200", name,
                            image.protected_mode_code.size()));
  }
  image.preferred_address = number_at<uint64_t>(file, kPreferredAddress);
  image.init_size =
      std::max<uint64_t>(number_at<uint32_t>(file, kInitSize), image.protected_mode_code.size());
  image.ramdisk_limit = uint64_t{number_at<uint32_t>(file, kRamdiskAddressMax)} + 1;
  image.command_line_max = number_at<uint32_t>(file, kCommandLineSize);
  return image;
}

Result<BootState> boot_bzimage(Memory& memory, const BootRequest& request) {
  SIM_TRY(check_pc_memory(memory));
  const auto image = read_bzimage(request.kernel_name, request.kernel);
  if (!image) return tl::unexpected(image.error());
  // At its preferred address it need not move itself; "kernel_alignment" holds there by construction.
  const MemoryRange range = {image->preferred_address, image->init_size};
  if (range.base < kMegabyte) {
    return fail(fmt::format("kernel '{}' is damaged: its preferred address is {:#x}, below 1 MiB",
                            request.kernel_name, range.base));
  }
  SIM_TRY(check_kernel_range(memory, fmt::format("kernel '{}'", request.kernel_name), range));
  SIM_TRY(check_command_line(request, image->command_line_max));
  const auto ramdisk = place_ramdisk(memory, request, range.end(), image->ramdisk_limit);
  if (!ramdisk) return tl::unexpected(ramdisk.error());

  const auto code = image->protected_mode_code;
  memory.write(GuestPhys{range.base}, code.data(), code.size());
  store_zeros(memory, {range.base + code.size(), range.length - code.size()});
  BootState state = store_boot_params(memory, request, image->setup_header, *ramdisk);
  state.rip = range.base + k64BitEntry;
  return state;
}

}  // namespace ringside
