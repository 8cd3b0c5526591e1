#include "boot/symbols.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace ringside {

namespace {

// More than any kernel has; a damaged table may claim anything.
constexpr size_t kSymbolsMax = 2'000'000;
constexpr size_t kNameMax = 512;

// A symbol of unknown size ends where nothing near follows: an address far behind the last one is not its.
constexpr uint64_t kReachOfUnsized = 1 << 20;

template <class Record>
std::optional<Record> record_at(std::span<const uint8_t> file, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(Record)) return std::nullopt;
  Record record;
  std::memcpy(&record, file.data() + offset, sizeof record);
  return record;
}

std::string_view name_at(std::span<const uint8_t> file, const Elf64_Shdr& strings, uint32_t offset) {
  if (strings.sh_offset > file.size() || strings.sh_size > file.size() - strings.sh_offset) return {};
  if (offset >= strings.sh_size) return {};
  const auto* text = reinterpret_cast<const char*>(file.data() + strings.sh_offset + offset);
  return {text, strnlen(text, std::min<uint64_t>(strings.sh_size - offset, kNameMax))};
}

bool names_code(const Elf64_Sym& symbol) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_NOTYPE) && symbol.st_shndx != SHN_UNDEF &&
         symbol.st_shndx < SHN_LORESERVE;
}

}  // namespace

Symbols Symbols::from_elf(std::span<const uint8_t> file) {
  Symbols symbols;
  const auto header = record_at<Elf64_Ehdr>(file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_shentsize != sizeof(Elf64_Shdr)) {
    return symbols;
  }
  const auto section = [&](uint64_t index) {
    const uint64_t at = header->e_shoff + index * sizeof(Elf64_Shdr);
    return index < header->e_shnum && at >= header->e_shoff ? record_at<Elf64_Shdr>(file, at) : std::nullopt;
  };
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const auto table = section(i);
    if (!table || table->sh_type != SHT_SYMTAB || table->sh_entsize != sizeof(Elf64_Sym)) continue;
    const auto strings = section(table->sh_link);
    if (!strings) continue;
    const uint64_t count = std::min<uint64_t>(table->sh_size / sizeof(Elf64_Sym), kSymbolsMax);
    for (uint64_t k = 0; k < count && symbols.symbols_.size() < kSymbolsMax; ++k) {
      const uint64_t at = table->sh_offset + k * sizeof(Elf64_Sym);
      const auto symbol = at >= table->sh_offset ? record_at<Elf64_Sym>(file, at) : std::nullopt;
      if (!symbol) break;
      if (names_code(*symbol))
        symbols.add(symbol->st_value, symbol->st_size, name_at(file, *strings, symbol->st_name));
    }
  }
  symbols.sort();
  return symbols;
}

Symbols Symbols::from_map(std::string_view text) {
  constexpr std::string_view kCode = "tTwW";
  Symbols symbols;
  while (!text.empty() && symbols.symbols_.size() < kSymbolsMax) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    uint64_t address = 0;
    const auto parsed = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    line.remove_prefix(static_cast<size_t>(parsed.ptr - line.data()));
    // " T name", perhaps with a module behind it.
    if (parsed.ec != std::errc() || line.size() < 4 || line[0] != ' ' || line[2] != ' ') continue;
    if (kCode.find(line[1]) == std::string_view::npos) continue;
    const std::string_view name = line.substr(3);
    symbols.add(address, 0, name.substr(0, name.find_first_of(" \t\r")));
  }
  symbols.sort();
  return symbols;
}

void Symbols::add(uint64_t address, uint64_t size, std::string_view name) {
  if (!name.empty()) symbols_.push_back({address, size, std::string(name.substr(0, kNameMax))});
}

// Of several names for one address the sized one comes last, so that it is found; then the order of the
// names.
void Symbols::sort() {
  std::sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
    if (a.address != b.address) return a.address < b.address;
    if ((a.size == 0) != (b.size == 0)) return a.size == 0;
    return a.name > b.name;
  });
}

std::optional<Symbols::Found> Symbols::find(uint64_t address) const {
  auto behind =
      std::upper_bound(symbols_.begin(), symbols_.end(), address,
                       [](uint64_t wanted, const Symbol& symbol) { return wanted < symbol.address; });
  if (behind == symbols_.begin()) return std::nullopt;
  const Symbol& symbol = *--behind;
  const uint64_t offset = address - symbol.address;
  if (offset >= (symbol.size != 0 ? symbol.size : kReachOfUnsized)) return std::nullopt;
  return Found{symbol.name, offset};
}

std::string Symbols::describe(uint64_t address) const {
  const auto found = find(address);
  return found ? fmt::format("{}+{:#x}", found->name, found->offset) : std::string();
}

}  // namespace ringside
