#include "boot/boot_params.h"

#include <algorithm>

#include "boot/bytes.h"
#include "boot/flat_segments.h"

namespace ringside {

BootState store_boot_params(Memory& memory, const BootRequest& request, std::span<const uint8_t> setup_header,
                            MemoryRange ramdisk) {
  constexpr uint8_t kUnknownLoader = 0xff;   // "undefined": no identifier has been assigned to us
  constexpr uint16_t kVideoNormal = 0xffff;  // boot.rst, "special command line options", vga=normal
  constexpr size_t kE820EntryBytes = 20;
  std::array<uint8_t, boot_params::kSize> page{};
  const auto put = [&page](size_t offset, auto number) {
    std::memcpy(page.data() + offset, &number, sizeof number);
  };
  std::copy_n(setup_header.begin(), std::min(setup_header.size(), page.size() - boot_params::kSetupHeader),
              page.begin() + boot_params::kSetupHeader);
  // screen_info at offset 0 stays zero: orig_video_isVGA = 0 says that there is no display.
  put(boot_params::kAcpiRsdp, request.rsdp.value_or(GuestPhys{0}).value);
  put(boot_params::kVideoMode, kVideoNormal);
  put(boot_params::kTypeOfLoader, kUnknownLoader);
  put(boot_params::kRamdiskImage, static_cast<uint32_t>(ramdisk.base));
  put(boot_params::kRamdiskSize, static_cast<uint32_t>(ramdisk.length));
  put(boot_params::kCommandLinePointer, static_cast<uint32_t>(kCommandLine));
  const auto map = e820_map(memory.size());
  put(boot_params::kE820Entries, static_cast<uint8_t>(map.size()));
  size_t at = boot_params::kE820Table;
  for (const E820Entry& entry : map) {
    put(at, entry.base);
    put(at + 8, entry.length);
    put(at + 16, static_cast<uint32_t>(entry.type));
    at += kE820EntryBytes;
  }
  memory.write(GuestPhys{kBootParams}, page.data(), page.size());
  store_command_line(memory, request);
  memory.write(GuestPhys{ramdisk.base}, request.ramdisk.data(), request.ramdisk.size());
  BootState state = enter_long_mode(memory);
  state.general[BootState::rsi] = kBootParams;
  return state;
}

}  // namespace ringside
