// Small kernels for tests of the boot protocols, with any damage.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "boot/boot.h"
#include "tests/support/elf_file.h"

namespace ringside {

inline std::unique_ptr<Memory> make_memory(uint64_t mebibytes) {
  return std::move(*Memory::create(GuestPhys{0}, mebibytes << 20));
}

template <class Number>
void poke(std::vector<uint8_t>& file, size_t offset, Number number) {
  std::memcpy(file.data() + offset, &number, sizeof number);
}

// Four setup sectors and one page of code, each byte of it 0xc5; numbers as in a kernel of Debian's, but
// smaller.
inline std::vector<uint8_t> small_bzimage() {
  std::vector<uint8_t> file(5 * 512 + 4096, 0xc5);
  std::memset(file.data(), 0, 5 * 512);
  poke<uint8_t>(file, 0x1f1, 4);           // setup_sects
  poke<uint32_t>(file, 0x1f4, 4096 / 16);  // syssize
  poke<uint16_t>(file, 0x1fe, 0xaa55);
  poke<uint16_t>(file, 0x200, 0x6aeb);  // jump over the header, which ends at 0x26c
  std::memcpy(file.data() + 0x202, "HdrS", 4);
  poke<uint16_t>(file, 0x206, 0x020f);
  poke<uint8_t>(file, 0x211, 0x01);         // LOADED_HIGH
  poke<uint32_t>(file, 0x22c, 0x7fffffff);  // initrd_addr_max
  poke<uint32_t>(file, 0x230, 0x200000);    // kernel_alignment
  poke<uint8_t>(file, 0x234, 1);
  poke<uint16_t>(file, 0x236, 0x7f);       // xloadflags
  poke<uint32_t>(file, 0x238, 2047);       // cmdline_size
  poke<uint64_t>(file, 0x258, 0x1000000);  // pref_address
  poke<uint32_t>(file, 0x260, 0x800000);   // init_size
  return file;
}

// One page of code at 1 MiB, and as much zeroed memory behind it.
inline ElfSpec small_bare_kernel() {
  ElfSpec spec;
  spec.entry = 0x100010;
  spec.segments.push_back({0x100000, 0x100000, std::vector<uint8_t>(4096, 0x90), 8192});
  return spec;
}

// A 32-bit kernel with one segment of 256 bytes, and a note that gives its PVH entry.
inline std::vector<uint8_t> make_elf32_kernel(uint32_t address, uint32_t entry) {
  Elf32_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS32;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_386;
  header.e_entry = 0xdead;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf32_Phdr);
  header.e_phnum = 2;
  constexpr uint32_t kBody = sizeof header + 2 * sizeof(Elf32_Phdr);
  const Elf32_Phdr load{PT_LOAD, kBody, 0xc0000000 + address, address, 256, 512, PF_R | PF_X, 4};
  const struct {
    Elf32_Nhdr header{4, 4, kNotePhys32Entry};
    char owner[4] = {'X', 'e', 'n', 0};
    uint32_t value;
  } note = {.value = entry};
  const Elf32_Phdr notes{PT_NOTE, kBody + 256, 0, 0, sizeof note, sizeof note, PF_R, 4};
  std::vector<uint8_t> file(kBody + 256 + sizeof note, 0x90);
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, &load, sizeof load);
  std::memcpy(file.data() + sizeof header + sizeof load, &notes, sizeof notes);
  std::memcpy(file.data() + kBody + 256, &note, sizeof note);
  return file;
}

inline BootRequest request_for(const std::vector<uint8_t>& kernel, const std::string& command_line = "") {
  BootRequest request;
  request.kernel_name = "boot/kernel";
  request.kernel = kernel;
  request.ramdisk_name = "boot/ramdisk";
  request.command_line = command_line;
  return request;
}

inline std::string boot_error(Memory& memory, const BootRequest& request,
                              BootProtocol protocol = BootProtocol::automatic) {
  const auto state = boot_kernel(memory, request, protocol);
  return state ? "" : state.error().message;
}

inline std::string text_at(const Memory& memory, uint64_t address) {
  std::string text;
  while (const auto character = memory.load<char>(GuestPhys{address++})) text += character;
  return text;
}

}  // namespace ringside
