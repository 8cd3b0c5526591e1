#include "cpu/unicorn_strings.h"

#include <algorithm>
#include <cstring>

#include "sim/ids.h"

namespace ringside {
namespace {

constexpr uint64_t kDirectionFlag = 1 << 10;

uint64_t read(uc_engine* uc, int reg) {
  uint64_t value = 0;
  uc_reg_read(uc, reg, &value);
  return value;
}

void write(uc_engine* uc, int reg, uint64_t value) { uc_reg_write(uc, reg, &value); }

// Fills `count` elements of `width` bytes.
void fill(uint8_t* to, uint64_t value, unsigned width, uint64_t count) {
  uint8_t pattern[8];
  std::memcpy(pattern, &value, sizeof pattern);
  const bool even = std::all_of(pattern, pattern + width, [&](uint8_t byte) { return byte == pattern[0]; });
  if (even) {
    std::memset(to, pattern[0], width * count);
    return;
  }
  for (uint64_t i = 0; i < count; ++i) std::memcpy(to + i * width, pattern, width);
}

}  // namespace

uint64_t repeat_at_once(uc_engine* uc, RepeatedString string, uint64_t at_most,
                        const ReachedMemory& reached) {
  const uint64_t left = read(uc, UC_X86_REG_RCX);
  if (left < 2 || (read(uc, UC_X86_REG_RFLAGS) & kDirectionFlag)) return 0;
  const auto in_page = [&](uint64_t address) {
    return (kPageSize - (address & (kPageSize - 1))) / string.width;
  };
  const uint64_t destination = read(uc, UC_X86_REG_RDI);
  const uint64_t source = string.copies ? read(uc, UC_X86_REG_RSI) : 0;
  uint64_t count = std::min({left - 1, in_page(destination), at_most});
  if (string.copies) count = std::min(count, in_page(source));
  if (count == 0) return 0;
  uint8_t* to = reached(destination, Access::write);
  if (to == nullptr) return 0;
  const uint64_t bytes = count * string.width;
  if (string.copies) {
    const uint8_t* from = reached(source, Access::read);
    // A copy onto itself further on repeats what it has just written.
    if (from == nullptr || (to > from && to < from + bytes)) return 0;
    std::memmove(to, from, bytes);
    write(uc, UC_X86_REG_RSI, source + bytes);
  } else {
    fill(to, read(uc, UC_X86_REG_RAX), string.width, count);
  }
  write(uc, UC_X86_REG_RDI, destination + bytes);
  write(uc, UC_X86_REG_RCX, left - count);
  return count;
}

}  // namespace ringside
