// Names for code addresses, for crash reports: from an ELF file's symbol table, or from a System.map beside a
// kernel that has none. A bzImage has no symbols.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

class Symbols {
 public:
  Symbols() = default;

  // What the file has; damaged tables give what is whole of them.
  static Symbols from_elf(std::span<const uint8_t> file);
  // Lines "ffffffff81000000 T _text": those of code (t, T, w, W).
  static Symbols from_map(std::string_view text);

  bool empty() const { return symbols_.empty(); }
  size_t size() const { return symbols_.size(); }

  struct Found {
    std::string name;
    uint64_t offset = 0;  // from the symbol's address
  };
  // The symbol that holds the address: the last one at or below it, unless it is known to end before.
  std::optional<Found> find(uint64_t address) const;
  // "start_kernel+0x1c", or "" where nothing is known.
  std::string describe(uint64_t address) const;

 private:
  struct Symbol {
    uint64_t address = 0;
    uint64_t size = 0;  // 0: unknown
    std::string name;
  };
  void add(uint64_t address, uint64_t size, std::string_view name);
  void sort();

  std::vector<Symbol> symbols_;  // by address
};

}  // namespace ringside
