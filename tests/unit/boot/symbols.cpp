// Names for addresses in crash reports.
#include "boot/symbols.h"

#include <elf.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "sim/random.h"

using namespace ringside;

namespace {

std::vector<uint8_t> elf_with_symbols() {
  const std::string names("\0start\0main\0data\0outside\0", 25);
  std::vector<Elf64_Sym> symbols(5);
  const auto set = [&](size_t i, uint32_t name, uint8_t type, uint16_t section, uint64_t value,
                       uint64_t size) {
    symbols[i].st_name = name;
    symbols[i].st_info = ELF64_ST_INFO(STB_GLOBAL, type);
    symbols[i].st_shndx = section;
    symbols[i].st_value = value;
    symbols[i].st_size = size;
  };
  set(1, 1, STT_NOTYPE, 1, 0x100000, 0);
  set(2, 7, STT_FUNC, 1, 0x100040, 0x20);
  set(3, 12, STT_OBJECT, 1, 0x100050, 8);
  set(4, 17, STT_FUNC, SHN_UNDEF, 0, 0);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  const size_t symbol_bytes = symbols.size() * sizeof(Elf64_Sym);
  header.e_shoff = sizeof header + symbol_bytes + names.size();
  Elf64_Shdr sections[3] = {};
  sections[1].sh_type = SHT_SYMTAB;
  sections[1].sh_offset = sizeof header;
  sections[1].sh_size = symbol_bytes;
  sections[1].sh_entsize = sizeof(Elf64_Sym);
  sections[1].sh_link = 2;
  sections[2].sh_type = SHT_STRTAB;
  sections[2].sh_offset = sizeof header + symbol_bytes;
  sections[2].sh_size = names.size();
  std::vector<uint8_t> file(header.e_shoff + sizeof sections);
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, symbols.data(), symbol_bytes);
  std::memcpy(file.data() + sizeof header + symbol_bytes, names.data(), names.size());
  std::memcpy(file.data() + header.e_shoff, sections, sizeof sections);
  return file;
}

}  // namespace

TEST_CASE("code symbols of an ELF file name the addresses that they hold") {
  const Symbols symbols = Symbols::from_elf(elf_with_symbols());
  CHECK(symbols.size() == 2);
  CHECK(symbols.describe(0x100000) == "start+0x0");
  CHECK(symbols.describe(0x10003f) == "start+0x3f");
  CHECK(symbols.describe(0x100040) == "main+0x0");
  CHECK(symbols.describe(0x10005f) == "main+0x1f");
  CHECK(symbols.describe(0x100060).empty());  // behind main's end
  CHECK(symbols.describe(0xfffff).empty());
}

TEST_CASE("a System.map names code, and nothing far behind it") {
  const Symbols symbols = Symbols::from_map(
      "ffffffff81000000 T _text\n"
      "ffffffff81000100 t early [module]\n"
      "ffffffff82000000 D some_data\n"
      "garbage\n"
      "ffffffff81000200 W\n");
  CHECK(symbols.size() == 2);
  CHECK(symbols.describe(0xffffffff81000010) == "_text+0x10");
  CHECK(symbols.describe(0xffffffff81000108) == "early+0x8");
  CHECK(symbols.describe(0xffffffff82000000).empty());
}

TEST_CASE("files without symbols, and damaged ones, have none or some") {
  CHECK(Symbols::from_elf({}).empty());
  CHECK(Symbols::from_map("").empty());
  const std::vector<uint8_t> whole = elf_with_symbols();
  Random random(7);
  for (unsigned i = 0; i < 20000; ++i) {
    std::vector<uint8_t> file = whole;
    for (unsigned k = 0; k < 4; ++k)
      file[random.below(file.size())] = static_cast<uint8_t>(random.below(256));
    file.resize(random.below(file.size()) + 1);
    const Symbols symbols = Symbols::from_elf(file);
    CHECK(symbols.size() <= 5);
  }
}
