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

StringRun string_run(uc_engine* uc, RepeatedString string, uint64_t at_most) {
  StringRun run;
  run.left = read(uc, UC_X86_REG_RCX);
  if (run.left < 2 || (read(uc, UC_X86_REG_RFLAGS) & kDirectionFlag)) return run;
  const auto in_page = [&](uint64_t address) {
    return (kPageSize - (address & (kPageSize - 1))) / string.width;
  };
  run.destination = read(uc, UC_X86_REG_RDI);
  run.count = std::min({run.left - 1, in_page(run.destination), at_most});
  if (!string.copies) return run;
  run.source = read(uc, UC_X86_REG_RSI);
  run.count = std::min(run.count, in_page(run.source));
  return run;
}

uint64_t repeat_at_once(uc_engine* uc, RepeatedString string, const StringRun& run, const uint8_t* from,
                        uint8_t* to) {
  const uint64_t bytes = run.count * string.width;
  if (string.copies) {
    // A copy onto itself further on repeats what it has just written.
    if (to > from && to < from + bytes) return 0;
    std::memmove(to, from, bytes);
    write(uc, UC_X86_REG_RSI, run.source + bytes);
  } else {
    fill(to, read(uc, UC_X86_REG_RAX), string.width, run.count);
  }
  write(uc, UC_X86_REG_RDI, run.destination + bytes);
  write(uc, UC_X86_REG_RCX, run.left - run.count);
  return run.count;
}

}  // namespace ringside
