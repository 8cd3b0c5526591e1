#include "boot/flat_segments.h"

#include "boot/memory_map.h"

namespace ringside {

namespace {

// Intel SDM volume 3, 3.4.5: base 0, limit 4 GiB, present, accessed (so that loading them stores nothing).
constexpr uint64_t kFlatData = 0x00cf93000000ffff;
constexpr uint64_t kFlatCode32 = 0x00cf9b000000ffff;
constexpr uint64_t kFlatCode64 = 0x00af9b000000ffff;

// Volume 3, 4.5: present, writable; a page directory's entry with PS maps 2 MiB.
constexpr uint64_t kPresentWritable = 0x3;
constexpr uint64_t kLargePage = 0x80;
constexpr uint64_t kLargePageBytes = 2 << 20;
constexpr uint64_t kEntries = 512;

BootState flat_state(Memory& memory, BootMode mode) {
  const uint64_t code = mode == BootMode::long_64 ? kFlatCode64 : kFlatCode32;
  const std::array<uint64_t, 4> table = {0, 0, code, kFlatData};
  memory.store(GuestPhys{kDescriptorTable}, table);
  BootState state;
  state.mode = mode;
  state.general[BootState::rsp] = kStackTop;
  state.descriptor_table = GuestPhys{kDescriptorTable};
  state.descriptor_table_limit = sizeof table - 1;
  state.code_selector = kBootCodeSelector;
  state.data_selector = kBootDataSelector;
  return state;
}

}  // namespace

BootState enter_protected_mode(Memory& memory) { return flat_state(memory, BootMode::protected_32); }

BootState enter_long_mode(Memory& memory) {
  BootState state = flat_state(memory, BootMode::long_64);
  const uint64_t pointers = kPageTables + kPageSize;
  const uint64_t directories = pointers + kPageSize;
  constexpr uint64_t kDirectories = 4;
  store_zeros(memory, {kPageTables, directories - kPageTables});
  memory.store(GuestPhys{kPageTables}, pointers | kPresentWritable);
  for (uint64_t i = 0; i < kDirectories; ++i) {
    memory.store(GuestPhys{pointers + i * sizeof(uint64_t)},
                 (directories + i * kPageSize) | kPresentWritable);
  }
  for (uint64_t i = 0; i < kDirectories * kEntries; ++i) {
    memory.store(GuestPhys{directories + i * sizeof(uint64_t)},
                 i * kLargePageBytes | kLargePage | kPresentWritable);
  }
  state.page_table_root = GuestPhys{kPageTables};
  return state;
}

}  // namespace ringside
