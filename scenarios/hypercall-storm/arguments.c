// Places for arguments. Two pages may be written; a third behind them has nothing mapped; a fourth shows the
// first one read-only.
#include "storm.h"

enum { kRoom = 2 * GUEST_PAGE_SIZE };
static char area[3][GUEST_PAGE_SIZE] __attribute__((aligned(4096)));
static char read_only[GUEST_PAGE_SIZE] __attribute__((aligned(4096)));

char* placed;

void arguments_start(void) {
  const uint64_t first = frame_of(area[0]);
  if (update_va_mapping(area[2], 0, UVMF_INVLPG) != 0 ||
      update_va_mapping(read_only, first << 12 | kPteP | kPteA | kPteD, UVMF_INVLPG) != 0) {
    give_up_all("the places for arguments cannot be made");
  }
}

static uint64_t put(const void* argument, size_t size, uint64_t offset) {
  placed = area[0] + offset;
  memcpy(placed, argument, size);
  return (uint64_t)placed;
}

uint64_t place(const void* argument, size_t size) {
  const uint64_t offset = random_below(kRoom - size + 1);
  return put(argument, size, one_in(8) ? offset : offset & ~7ul);
}

uint64_t place_at_end(const void* argument, size_t size) { return put(argument, size, kRoom - size); }

uint64_t wild_address(void) {
  switch (random_below(7)) {
    case 0: return 0;
    case 1: return 1ul << 47 | random_below(1ul << 47);              // not canonical
    case 2: return HYPERVISOR_VIRT_START + random_below(1ul << 43);  // Xen's
    case 3: return random_below(1ul << 47);                          // nothing there
    case 4: return (uint64_t)area[2] + random_below(8);              // nothing there, but close by
    case 5: return ~0ul - random_below(16);                          // wraps around
    default: return (uint64_t)window[random_slot()] + random_below(GUEST_PAGE_SIZE);
  }
}

uint64_t wild_address_to_map(void) {
  uint64_t address = wild_address();
  while (address - (uint64_t)area < sizeof area) address = wild_address();
  return address;
}

uint64_t unreadable_address(void) {
  switch (random_below(5)) {
    case 0: return 0;
    case 1: return 1ul << 47 | random_below(1ul << 47);
    case 2: return HYPERVISOR_VIRT_START + random_below(1ul << 43);
    case 3: return random_below(1ul << 46);
    default: return (uint64_t)area[2] + random_below(8);
  }
}

uint64_t place_badly(const void* argument, size_t size) {
  switch (random_below(6)) {
    case 0:  // Across the border to nothing.
    case 1: {
      const uint64_t there = size > 1 ? 1 + random_below(size - 1) : 1;
      placed = area[2] - there;
      memcpy(placed, argument, there < size ? there : size);
      if (size > there) return (uint64_t)placed;
      return (uint64_t)area[2];
    }
    case 2:  // Can be read, but no result can be written.
      if (size <= GUEST_PAGE_SIZE) {
        return put(argument, size, random_below(GUEST_PAGE_SIZE - size + 1)) - (uint64_t)area[0] +
               (uint64_t)read_only;
      }
      return unreadable_address();
    case 3: {  // A bit flipped, low enough to stay in the area or high enough to leave everything.
      const uint64_t at = put(argument, size, random_below(kRoom - size + 1));
      return one_in(4) ? ((at & ~0xffful) | ((at ^ 1ul << random_below(12)) & 0xfff))
                       : at ^ 1ul << (31 + random_below(33));
    }
    case 4: place(argument, size); return unreadable_address();
    default: place(argument, size); return wild_address();
  }
}

uint64_t place_for(const void* argument, size_t size, int hostile) {
  return hostile && one_in(2) ? place_badly(argument, size) : place(argument, size);
}
