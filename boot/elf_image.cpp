#include "boot/elf_image.h"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>

namespace ringside {

namespace {

// A part of the file; nothing when any byte lies outside.
std::optional<std::span<const uint8_t>> part(std::span<const uint8_t> file, uint64_t offset,
                                             uint64_t length) {
  if (offset > file.size() || length > file.size() - offset) return std::nullopt;
  return file.subspan(offset, length);
}

template <class Record>
std::optional<Record> record_at(std::span<const uint8_t> file, uint64_t offset) {
  const auto bytes = part(file, offset, sizeof(Record));
  if (!bytes) return std::nullopt;
  Record record;
  std::memcpy(&record, bytes->data(), sizeof record);
  return record;
}

bool starts_with(std::span<const uint8_t> file, std::string_view magic, uint64_t offset = 0) {
  const auto bytes = part(file, offset, magic.size());
  return bytes && std::memcmp(bytes->data(), magic.data(), magic.size()) == 0;
}

struct OtherFormat {
  std::string_view magic;
  uint64_t offset;
  std::string_view what;
  std::string_view advice;
};

constexpr std::string_view kUnpack = "unpack it first";
constexpr std::string_view kExtract = "give the ELF file inside: vmlinux, by linux/scripts/extract-vmlinux";

// Boot sectors of Linux carry "HdrS" (Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header");
// many of them are PE files for UEFI as well, so that line comes first.
constexpr OtherFormat kOthers[] = {
    {"HdrS", 0x202, "a Linux bzImage", kExtract},
    {"\x1f\x8b", 0, "compressed by gzip", kUnpack},
    {std::string_view("\xfd"
                      "7zXZ\0",
                      6),
     0, "compressed by xz", kUnpack},
    {"\x28\xb5\x2f\xfd", 0, "compressed by zstd", kUnpack},
    {"BZh", 0, "compressed by bzip2", kUnpack},
    {std::string_view("\x5d\0\0", 3), 0, "compressed by lzma", kUnpack},
    {"\x02\x21\x4c\x18", 0, "compressed by lz4", kUnpack},
    {"\x89LZO", 0, "compressed by lzop", kUnpack},
    {"MZ", 0, "a PE file (for DOS, Windows or UEFI)", ""},
};

std::string describe_other(std::span<const uint8_t> file, const ElfWanted& wanted) {
  if (file.empty()) return "is empty";
  for (const OtherFormat& other : kOthers) {
    if (!starts_with(file, other.magic, other.offset)) continue;
    if (!other.advice.empty()) return fmt::format("is {}: {}", other.what, other.advice);
    return fmt::format("is {}: {} needs {}", other.what, wanted.by, wanted.what);
  }
  return fmt::format("is not an ELF file: {} needs {}", wanted.by, wanted.what);
}

// The two classes differ in the width and the order of their fields only: everything below works on the
// 64-bit form.
Elf64_Ehdr widened(const Elf32_Ehdr& header) {
  Elf64_Ehdr wide{};
  std::memcpy(wide.e_ident, header.e_ident, EI_NIDENT);
  wide.e_type = header.e_type;
  wide.e_machine = header.e_machine;
  wide.e_entry = header.e_entry;
  wide.e_phoff = header.e_phoff;
  wide.e_shoff = header.e_shoff;
  wide.e_phentsize = header.e_phentsize;
  wide.e_phnum = header.e_phnum;
  wide.e_shentsize = header.e_shentsize;
  wide.e_shnum = header.e_shnum;
  wide.e_shstrndx = header.e_shstrndx;
  return wide;
}
Elf64_Phdr widened(const Elf32_Phdr& program) {
  return {program.p_type,  program.p_flags,  program.p_offset, program.p_vaddr,
          program.p_paddr, program.p_filesz, program.p_memsz,  program.p_align};
}
Elf64_Shdr widened(const Elf32_Shdr& section) {
  return {section.sh_name, section.sh_type, section.sh_flags, section.sh_addr,      section.sh_offset,
          section.sh_size, section.sh_link, section.sh_info,  section.sh_addralign, section.sh_entsize};
}

// Entry `index` of the table at `table`, which has entries of this class.
template <class Wide, class Narrow>
std::optional<Wide> entry_at(std::span<const uint8_t> file, bool is_64_bit, uint64_t table, unsigned index) {
  const uint64_t at = table + uint64_t{index} * (is_64_bit ? sizeof(Wide) : sizeof(Narrow));
  if (at < table) return std::nullopt;
  if (is_64_bit) return record_at<Wide>(file, at);
  const auto narrow = record_at<Narrow>(file, at);
  return narrow ? std::optional(widened(*narrow)) : std::nullopt;
}

bool is_64_bit(const Elf64_Ehdr& header) { return header.e_ident[EI_CLASS] == ELFCLASS64; }

std::optional<Elf64_Shdr> section_at(std::span<const uint8_t> file, const Elf64_Ehdr& header,
                                     unsigned index) {
  return entry_at<Elf64_Shdr, Elf32_Shdr>(file, is_64_bit(header), header.e_shoff, index);
}

Result<Elf64_Ehdr> read_header(const std::string& name, std::span<const uint8_t> file,
                               const ElfWanted& wanted) {
  if (!starts_with(file, ELFMAG))
    return fail(fmt::format("kernel '{}' {}", name, describe_other(file, wanted)));
  const bool narrow = file.size() > EI_CLASS && file[EI_CLASS] == ELFCLASS32;
  if (narrow && !wanted.may_be_32_bit) {
    return fail(fmt::format("kernel '{}' is a 32-bit ELF file: {} needs {}", name, wanted.by, wanted.what));
  }
  const auto narrow_header = narrow ? record_at<Elf32_Ehdr>(file, 0) : std::nullopt;
  const auto header = narrow_header ? std::optional(widened(*narrow_header)) : record_at<Elf64_Ehdr>(file, 0);
  if (!header || (narrow && !narrow_header)) {
    return fail(fmt::format("kernel '{}' is cut: its ELF header is not complete", name));
  }
  const bool ours = narrow ? header->e_machine == EM_386
                           : header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == EM_X86_64;
  if (!ours || header->e_ident[EI_DATA] != ELFDATA2LSB) {
    return fail(fmt::format("kernel '{}' is an ELF file for another machine (e_machine {}): x86-64 is needed",
                            name, header->e_machine));
  }
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
    return fail(
        fmt::format("kernel '{}' is an ELF file, but no executable (e_type {})", name, header->e_type));
  }
  if (header->e_phnum == 0 || header->e_phentsize != (narrow ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr))) {
    return fail(fmt::format("kernel '{}' has no program headers: it is not linked for loading", name));
  }
  return *header;
}

// Sections are optional: kernels without them, or with a damaged table, are loaded by their segments alone.
void read_sections(std::span<const uint8_t> file, const Elf64_Ehdr& header, ElfImage& image) {
  const size_t entry_size = is_64_bit(header) ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
  if (header.e_shoff == 0 || header.e_shentsize != entry_size) return;
  const auto names = section_at(file, header, header.e_shstrndx);
  const auto strings = names ? part(file, names->sh_offset, names->sh_size) : std::nullopt;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const auto section = section_at(file, header, i);
    if (!section) return;
    const auto contents = part(file, section->sh_offset, section->sh_size);
    if (!contents || section->sh_type == SHT_NOBITS) continue;
    if (section->sh_type == SHT_NOTE) image.note_regions.push_back(*contents);
    if (strings && starts_with(*strings, std::string_view("__xen_guest", 12), section->sh_name)) {
      const auto* text = reinterpret_cast<const char*>(contents->data());
      image.guest_section = std::string_view(text, strnlen(text, contents->size()));
    }
  }
}

}  // namespace

bool holds_physical(const ElfImage& image, uint64_t address) {
  for (const ElfSegment& segment : image.segments) {
    if (address >= segment.physical_address && address - segment.physical_address < segment.memory_size) {
      return true;
    }
  }
  return false;
}

Result<ElfImage> read_elf_image(const std::string& name, std::span<const uint8_t> file,
                                const ElfWanted& wanted) {
  const auto header = read_header(name, file, wanted);
  if (!header) return tl::unexpected(header.error());
  ElfImage image;
  image.is_64_bit = is_64_bit(*header);
  image.entry = header->e_entry;
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const auto program = entry_at<Elf64_Phdr, Elf32_Phdr>(file, image.is_64_bit, header->e_phoff, i);
    if (!program)
      return fail(fmt::format("kernel '{}' is cut: program header {} lies outside of the file", name, i));
    if (program->p_type != PT_LOAD && program->p_type != PT_NOTE) continue;
    const auto contents = part(file, program->p_offset, program->p_filesz);
    if (!contents) {
      return fail(fmt::format("kernel '{}' is cut: segment {} ends at byte {}, the file at {}", name, i,
                              program->p_offset + program->p_filesz, file.size()));
    }
    if (program->p_type == PT_NOTE) {
      if (!contents->empty()) image.note_regions.push_back(*contents);
      continue;
    }
    if (program->p_memsz == 0) continue;
    if (program->p_filesz > program->p_memsz || program->p_paddr + program->p_memsz < program->p_paddr ||
        program->p_vaddr + program->p_memsz < program->p_vaddr) {
      return fail(fmt::format("kernel '{}' is damaged: segment {} has impossible sizes", name, i));
    }
    image.segments.push_back({program->p_vaddr, program->p_paddr, program->p_memsz, *contents});
  }
  if (image.segments.empty()) return fail(fmt::format("kernel '{}' has nothing to load (no PT_LOAD)", name));
  read_sections(file, *header, image);
  return image;
}

}  // namespace ringside
