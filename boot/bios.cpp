#include "boot/bios.h"

#include <fmt/format.h>

#include <algorithm>

#include "boot/memory_map.h"

namespace ringside {

Result<BiosRom> boot_bios(Memory& memory, const std::string& name, std::span<const uint8_t> file) {
  constexpr uint64_t kBiosUnit = 64 << 10;
  constexpr uint64_t kBiosMax = 16 << 20;  // below the local APIC and the I/O APIC
  constexpr uint64_t kShadowBytes = 128 << 10;
  constexpr size_t kResetVectorFromEnd = 16;
  SIM_TRY(check_pc_memory(memory));
  if (file.empty() || file.size() % kBiosUnit != 0 || file.size() > kBiosMax) {
    return fail(
        fmt::format("BIOS '{}' is {} bytes long: an image has a multiple of 64 KiB, up to 16 MiB "
                    "(Debian's: /usr/share/seabios/bios-256k.bin, package seabios)",
                    name, file.size()));
  }
  // The reset vector holds a jump. Erased flash and padding are the usual mistakes.
  const auto vector = file.last(kResetVectorFromEnd);
  const bool blank =
      std::all_of(vector.begin(), vector.end(), [&](uint8_t byte) { return byte == vector[0]; });
  if (blank) {
    return fail(
        fmt::format("BIOS '{}' has no code at its reset vector, 16 bytes before its end (all {:#04x}): is "
                    "it an option ROM, or padded at the wrong end?",
                    name, vector[0]));
  }
  const uint64_t shadow = std::min<uint64_t>(file.size(), kShadowBytes);
  memory.write(GuestPhys{kMegabyte - shadow}, file.last(shadow).data(), shadow);
  BiosRom rom;
  rom.base = GuestPhys{kFourGigabytes - file.size()};
  return rom;
}

}  // namespace ringside
