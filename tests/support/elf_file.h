// Makes small ELF kernels for tests of the loader, with any note and any damage.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

struct ElfNoteSpec {
  std::string owner = "Xen";
  uint32_t type = 0;
  std::vector<uint8_t> value;
};

inline ElfNoteSpec text_note(uint32_t type, std::string_view text) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.push_back(0);
  return {"Xen", type, bytes};
}
inline ElfNoteSpec number_note(uint32_t type, uint64_t number, size_t size = 8) {
  std::vector<uint8_t> bytes(size);
  std::memcpy(bytes.data(), &number, size);
  return {"Xen", type, bytes};
}

struct ElfSegmentSpec {
  uint64_t virtual_address = 0, physical_address = 0;
  std::vector<uint8_t> contents;
  uint64_t memory_size = 0;  // 0: as the contents
};

struct ElfSpec {
  uint64_t entry = 0;
  std::vector<ElfSegmentSpec> segments;
  std::vector<ElfNoteSpec> notes;
  std::string guest_section;  // of "__xen_guest"; empty: no sections at all
};

// Numbers of public/elfnote.h, restated.
enum XenNote : uint32_t {
  kNoteEntry = 1,
  kNoteHypercallPage = 2,
  kNoteVirtBase = 3,
  kNotePaddrOffset = 4,
  kNoteXenVersion = 5,
  kNoteGuestOs = 6,
  kNoteGuestVersion = 7,
  kNoteLoader = 8,
  kNotePaeMode = 9,
  kNoteFeatures = 10,
  kNoteInitP2m = 15,
  kNoteModStartPfn = 16,
  kNotePhys32Entry = 18,
};

// One page of code at 0 with the notes that GRUB has.
inline ElfSpec small_xen_kernel() {
  ElfSpec spec;
  spec.segments.push_back({0, 0, std::vector<uint8_t>(4096, 0x90), 0});
  spec.notes = {text_note(kNoteGuestOs, "TEST"), text_note(kNoteLoader, "generic"),
                text_note(kNoteXenVersion, "xen-3.0"), number_note(kNoteVirtBase, 0)};
  return spec;
}

inline std::vector<uint8_t> make_elf(const ElfSpec& spec) {
  std::vector<uint8_t> notes;
  const auto append = [](std::vector<uint8_t>& to, const void* from, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(from);
    to.insert(to.end(), bytes, bytes + size);
  };
  for (const ElfNoteSpec& note : spec.notes) {
    const Elf64_Nhdr header{static_cast<Elf64_Word>(note.owner.size() + 1),
                            static_cast<Elf64_Word>(note.value.size()), note.type};
    append(notes, &header, sizeof header);
    append(notes, note.owner.c_str(), note.owner.size() + 1);
    while (notes.size() % 4 != 0) notes.push_back(0);
    append(notes, note.value.data(), note.value.size());
    while (notes.size() % 4 != 0) notes.push_back(0);
  }
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_entry = spec.entry;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(spec.segments.size() + (notes.empty() ? 0 : 1));

  std::vector<Elf64_Phdr> programs;
  std::vector<uint8_t> body;
  const uint64_t body_start = sizeof header + header.e_phnum * sizeof(Elf64_Phdr);
  for (const ElfSegmentSpec& segment : spec.segments) {
    Elf64_Phdr program{};
    program.p_type = PT_LOAD;
    program.p_flags = PF_R | PF_W | PF_X;
    program.p_offset = body_start + body.size();
    program.p_vaddr = segment.virtual_address;
    program.p_paddr = segment.physical_address;
    program.p_filesz = segment.contents.size();
    program.p_memsz = segment.memory_size != 0 ? segment.memory_size : segment.contents.size();
    programs.push_back(program);
    body.insert(body.end(), segment.contents.begin(), segment.contents.end());
  }
  if (!notes.empty()) {
    Elf64_Phdr program{};
    program.p_type = PT_NOTE;
    program.p_offset = body_start + body.size();
    program.p_filesz = program.p_memsz = notes.size();
    programs.push_back(program);
    body.insert(body.end(), notes.begin(), notes.end());
  }
  if (!spec.guest_section.empty()) {
    constexpr char kNames[] = "\0__xen_guest\0.shstrtab";
    Elf64_Shdr sections[3] = {};
    sections[1].sh_name = 1;
    sections[1].sh_type = SHT_PROGBITS;
    sections[1].sh_offset = body_start + body.size();
    sections[1].sh_size = spec.guest_section.size() + 1;
    append(body, spec.guest_section.c_str(), spec.guest_section.size() + 1);
    sections[2].sh_name = 13;
    sections[2].sh_type = SHT_STRTAB;
    sections[2].sh_offset = body_start + body.size();
    sections[2].sh_size = sizeof kNames;
    append(body, kNames, sizeof kNames);
    header.e_shoff = body_start + body.size();
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    append(body, sections, sizeof sections);
  }
  std::vector<uint8_t> file;
  append(file, &header, sizeof header);
  append(file, programs.data(), programs.size() * sizeof(Elf64_Phdr));
  append(file, body.data(), body.size());
  return file;
}

}  // namespace ringside
