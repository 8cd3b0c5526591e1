// REP STOS and REP MOVS in 64-bit code: many iterations at once. The emulator executes each iteration as a
// block of its own, some 10 ns each; the kernel of an operating system clears and copies megabytes so.
//
// What is done here is what the emulator would have done: iterations within one page of each side, which the
// guest has reached already, up to the time at which something is due. The last iteration, and each that
// needs a translation or the right to write, is the emulator's.
#include <algorithm>
#include <cstring>

#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

constexpr uint64_t kDirectionFlag = 1 << 10;

// Fills `count` elements of `width` bytes.
void fill_elements(uint8_t* to, uint64_t value, unsigned width, uint64_t count) {
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

// Where the guest's address lies in RAM, when its processor holds a translation that allows the access, and
// (for a store) the emulator has been given the right to write there without being asked.
uint8_t* NativeUnicornCpu::reached_memory(uint64_t address, Access access) {
  const Translation* held = find_translation({address});
  if (held == nullptr || !paging_.paging || !is_allowed(paging_, *held, {access, is_user()})) return nullptr;
  const GuestPhys page = held->frame.address();
  if (!map_.is_ram(page)) return nullptr;
  if (access == Access::write) {
    const size_t frame = memory_.index_of(held->frame);
    const bool given = held->dirty && written_[frame].life == emulator_life_;
    if (!given || code_pages_.state(frame) != CodeState::data) return nullptr;
  }
  return memory_.data() + (page.value - memory_.base().value) + (address & (kPageSize - 1));
}

// At the beginning of a block that is one iteration. The clock has not been charged with it.
void NativeUnicornCpu::repeat_at_once(const Block& block) {
  const RepeatedString string = block.string;
  const uint64_t left = read(UC_X86_REG_RCX);
  if (left < 2 || (read(UC_X86_REG_RFLAGS) & kDirectionFlag)) return;
  const uint64_t destination = read(UC_X86_REG_RDI);
  const auto in_page = [&](uint64_t address) {
    return (kPageSize - (address & (kPageSize - 1))) / string.width;
  };
  // The iteration that the emulator goes on with must begin before anything is due.
  const uint64_t in_time = (check_at_ps_ - 1 - clock_.now.ps) / block.cost_ps;
  uint64_t count = std::min({left - 1, in_page(destination), in_time});
  uint64_t source = 0;
  uint8_t* from = nullptr;
  if (string.copies) {
    source = read(UC_X86_REG_RSI);
    count = std::min(count, in_page(source));
    from = reached_memory(source, Access::read);
    if (from == nullptr) return;
  }
  uint8_t* to = reached_memory(destination, Access::write);
  if (to == nullptr || count == 0) return;
  const uint64_t bytes = count * string.width;
  if (string.copies) {
    // A copy onto itself further on repeats what it has just written.
    if (to > from && to < from + bytes) return;
    std::memmove(to, from, bytes);
    write(UC_X86_REG_RSI, source + bytes);
  } else {
    fill_elements(to, read(UC_X86_REG_RAX), string.width, count);
  }
  write(UC_X86_REG_RDI, destination + bytes);
  write(UC_X86_REG_RCX, left - count);
  clock_.now.ps += count * block.cost_ps;
  clock_.instructions += count;
}

}  // namespace ringside
