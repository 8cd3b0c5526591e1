#include "cpu/listing.h"

#include <fmt/format.h>

#include <array>

namespace ringside {

std::string list_instructions(const Disassembler& disassembler, const PeekBytes& peek, uint64_t address,
                              unsigned count, CodeWidth width) {
  std::string out;
  for (unsigned i = 0; i < count; ++i) {
    std::array<uint8_t, 15> bytes{};
    const size_t length = peek(address, bytes.data(), bytes.size());
    if (length == 0) return out + fmt::format("{:#018x}  (not mapped)\n", address);
    unsigned used = 0;
    const std::string text = disassembler.text({bytes.data(), length}, address, used, width);
    if (used == 0) {
      out += fmt::format("{:#018x}  (bad {:02x})\n", address, bytes[0]);
      used = 1;
    } else {
      out += fmt::format("{:#018x}  {}\n", address, text);
    }
    address += used;
  }
  return out;
}

}  // namespace ringside
