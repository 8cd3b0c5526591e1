#include "boot/boot.h"

#include <elf.h>
#include <fmt/format.h>

#include "boot/bare.h"
#include "boot/bios_data_area.h"
#include "boot/bzimage.h"
#include "boot/pvh.h"
#include "boot/vmlinux.h"

namespace ringside {

namespace {

bool is_elf(std::span<const uint8_t> file, uint8_t elf_class) {
  return file.size() > EI_CLASS && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0 &&
         file[EI_CLASS] == elf_class;
}

Result<BootState> boot_by(Memory& memory, const BootRequest& request, BootProtocol protocol) {
  if (protocol == BootProtocol::automatic) {
    protocol = is_elf(request.kernel, ELFCLASS32) ? BootProtocol::pvh : BootProtocol::linux;
  }
  switch (protocol) {
    case BootProtocol::pvh: return boot_pvh(memory, request);
    case BootProtocol::bare: return boot_bare(memory, request);
    default: break;
  }
  // What is neither is judged as an ELF file: it says best what the file is instead.
  if (is_bzimage(request.kernel)) return boot_bzimage(memory, request);
  return boot_vmlinux(memory, request);
}

}  // namespace

Result<BootState> boot_kernel(Memory& memory, const BootRequest& request, BootProtocol protocol) {
  auto state = boot_by(memory, request, protocol);
  if (state) store_bios_data_area(memory);
  return state;
}

}  // namespace ringside
