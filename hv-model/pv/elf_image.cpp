#include "hv-model/pv/elf_image.h"

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
    {"MZ", 0, "a PE file (for DOS, Windows or UEFI)", "a paravirtual guest needs an ELF file with Xen notes"},
};

std::string describe_other(std::span<const uint8_t> file) {
  if (file.empty()) return "is empty";
  for (const OtherFormat& other : kOthers) {
    if (starts_with(file, other.magic, other.offset))
      return fmt::format("is {}: {}", other.what, other.advice);
  }
  return "is not an ELF file: a paravirtual guest needs a 64-bit ELF kernel with Xen notes";
}

Result<Elf64_Ehdr> read_header(const std::string& name, std::span<const uint8_t> file) {
  if (!starts_with(file, ELFMAG)) return fail(fmt::format("kernel '{}' {}", name, describe_other(file)));
  if (file.size() > EI_CLASS && file[EI_CLASS] == ELFCLASS32) {
    return fail(
        fmt::format("kernel '{}' is a 32-bit ELF file: only 64-bit paravirtual guests are supported", name));
  }
  const auto header = record_at<Elf64_Ehdr>(file, 0);
  if (!header) return fail(fmt::format("kernel '{}' is cut: its ELF header is not complete", name));
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64) {
    return fail(fmt::format("kernel '{}' is an ELF file for another machine (e_machine {}): x86-64 is needed",
                            name, header->e_machine));
  }
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
    return fail(
        fmt::format("kernel '{}' is an ELF file, but no executable (e_type {})", name, header->e_type));
  }
  if (header->e_phnum == 0 || header->e_phentsize != sizeof(Elf64_Phdr)) {
    return fail(fmt::format("kernel '{}' has no program headers: it is not linked for loading", name));
  }
  return *header;
}

// Sections are optional: kernels without them, or with a damaged table, are loaded by their segments alone.
void read_sections(std::span<const uint8_t> file, const Elf64_Ehdr& header, ElfImage& image) {
  if (header.e_shoff == 0 || header.e_shentsize != sizeof(Elf64_Shdr)) return;
  const auto names =
      record_at<Elf64_Shdr>(file, header.e_shoff + uint64_t{header.e_shstrndx} * sizeof(Elf64_Shdr));
  const auto strings = names ? part(file, names->sh_offset, names->sh_size) : std::nullopt;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    const auto section = record_at<Elf64_Shdr>(file, header.e_shoff + uint64_t{i} * sizeof(Elf64_Shdr));
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

Result<ElfImage> read_elf_image(const std::string& name, std::span<const uint8_t> file) {
  const auto header = read_header(name, file);
  if (!header) return tl::unexpected(header.error());
  ElfImage image;
  image.entry = header->e_entry;
  for (unsigned i = 0; i < header->e_phnum; ++i) {
    const uint64_t at = header->e_phoff + uint64_t{i} * sizeof(Elf64_Phdr);
    const auto program = at >= header->e_phoff ? record_at<Elf64_Phdr>(file, at) : std::nullopt;
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
