// Feeds any bytes to the boot protocols of a PC: as a bzImage, a vmlinux, a PVH or bare kernel, a BIOS, and
// as a file with symbols. Each must answer with an entry in the machine's memory, or with an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "boot/bios.h"
#include "boot/symbols.h"
#include "fuzz/driver.h"
#include "tests/support/boot_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  static const std::unique_ptr<Memory> memory = make_memory(32);
  BootRequest request;
  request.kernel_name = "fuzz";
  request.kernel = std::span(data, size);
  request.ramdisk = request.kernel.first(size / 2);
  request.command_line = "quiet";
  for (const auto protocol : {BootProtocol::automatic, BootProtocol::pvh, BootProtocol::bare}) {
    const auto state = boot_kernel(*memory, request, protocol);
    if (!state) {
      if (state.error().message.empty()) std::abort();
    } else if (state->rip >= memory->size() || state->mode == BootMode::reset_vector) {
      std::abort();
    }
  }
  if (const auto rom = boot_bios(*memory, "fuzz", request.kernel); !rom && rom.error().message.empty())
    std::abort();
  Symbols::from_elf(request.kernel).describe(0x100010);
  Symbols::from_map({reinterpret_cast<const char*>(data), size}).describe(0x100010);
  return 0;
}

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  ElfSpec pvh = small_bare_kernel();
  pvh.segments[0].contents.resize(64);
  pvh.notes = {number_note(kNotePhys32Entry, 0x100020, 4)};
  std::vector<uint8_t> narrow = make_elf32_kernel(0x100000, 0x100004);
  std::vector<uint8_t> bzimage = small_bzimage();
  bzimage.resize(5 * 512 + 1024);
  poke<uint32_t>(bzimage, 0x1f4, 1024 / 16);
  return {bzimage, make_elf(pvh), narrow, {'f', 'f', 'f', '0', ' ', 'T', ' ', '_', 't', 'e', 'x', 't', '\n'}};
}

}  // namespace ringside
