// The frames that may be used, abused and lost, and the window through which they can be seen.
#include "storm.h"

enum { kSpan = 16384, kEntries = 512, kRootFrames = 1 };

char window[kWindowPages][GUEST_PAGE_SIZE] __attribute__((aligned(4096)));
struct frame pool[kPoolFrames];
uint64_t roots[2];

static uint64_t first_mfn;
static uint8_t critical[kSpan];
// The window's page table, at most two of them: as we see them, read-only.
static volatile uint64_t* window_table[2];
static uint64_t window_table_mfn[2];

extern char guest_base[];

static volatile uint64_t* table_at(uint64_t entry) { return address_of_frame(PTE_FRAME(entry)); }

// The boot page table that holds the entry of an address.
static uint64_t boot_table_of(uint64_t address) {
  volatile uint64_t* table = (volatile uint64_t*)start_info->pt_base;
  uint64_t entry = 0;
  for (unsigned shift = 39; shift > 12; shift -= 9) {
    entry = table[address >> shift & 511];
    if ((entry & kPteP) == 0) return 0;
    table = table_at(entry);
  }
  return PTE_FRAME(entry);
}

int is_critical(uint64_t mfn) { return mfn - first_mfn < kSpan && critical[mfn - first_mfn]; }

void set_critical(uint64_t mfn) {
  if (mfn - first_mfn >= kSpan) give_up_all("frame 0x%lx is far from the others", mfn);
  critical[mfn - first_mfn] = 1;
}

unsigned random_slot(void) { return (unsigned)random_below(kPlainPages); }

static unsigned table_index(unsigned slot) {
  return ((uint64_t)window[slot] >> 21) != ((uint64_t)window[0] >> 21);
}

volatile uint64_t* slot_entry_in_table(unsigned slot) {
  return window_table[table_index(slot)] + ((uint64_t)window[slot] >> 12 & 511);
}

uint64_t slot_entry(unsigned slot) { return *slot_entry_in_table(slot); }

uint64_t slot_entry_address(unsigned slot) {
  return window_table_mfn[table_index(slot)] << 12 | ((uint64_t)window[slot] >> 12 & 511) << 3;
}

void set_slot(unsigned slot, uint64_t value) {
  call(__HYPERVISOR_update_va_mapping, (uint64_t)window[slot], value, UVMF_INVLPG | UVMF_LOCAL, 0);
}

struct frame* frame_by_number(uint64_t mfn) {
  for (unsigned i = 0; i < kPoolFrames; ++i) {
    if (pool[i].use != kGone && pool[i].mfn == mfn) return &pool[i];
  }
  return 0;
}

static struct frame* find(enum use use, unsigned first, unsigned count) {
  const unsigned start = (unsigned)random_below(count);
  for (unsigned i = 0; i < count; ++i) {
    struct frame* frame = &pool[first + (start + i) % count];
    if (frame->use == use) return frame;
  }
  return 0;
}

// Idle frames may be mapped, and granted, only from the first half of the pool. In the second half page
// tables are made, and frames given away.
struct frame* frame_in_use(enum use use) {
  return find(use, 0, use == kIdle ? kPoolFrames / 2 : kPoolFrames);
}

void forget_window_of(uint64_t mfn) {
  for (unsigned slot = 0; slot < kWindowPages; ++slot) {
    const uint64_t entry = slot_entry(slot);
    if ((entry & kPteP) && PTE_FRAME(entry) == mfn) set_slot(slot, 0);
  }
}

struct frame* unmapped_frame(void) {
  struct frame* frame = find(kIdle, kPoolFrames / 2, kPoolFrames / 2);
  if (frame) forget_window_of(frame->mfn);
  return frame;
}

uint64_t wild_frame(void) {
  for (;;) {
    uint64_t mfn = 0;
    switch (random_below(8)) {
      case 0: mfn = 0; break;
      case 1: mfn = (1ul << 40) - 1; break;
      case 2: mfn = first_mfn + random_below(kSpan); break;
      case 3: mfn = random_word() >> 12; break;
      case 4: mfn = random_word(); break;
      case 5: mfn = bend(pool[random_below(kPoolFrames)].mfn); break;
      default: mfn = pool[random_below(kPoolFrames)].mfn; break;
    }
    // As an address the number loses its upper bits.
    if (!is_critical(mfn) && !is_critical(mfn & ((1ul << 40) - 1))) return mfn;
  }
}

uint64_t entry_for(int hostile) {
  static const uint64_t flags[] = {kPteP | kPteW | kPteU | kPteA | kPteD,
                                   kPteP | kPteU | kPteA,
                                   kPteP | kPteW,
                                   kPteP,
                                   1ul << 63 | kPteP | kPteW | kPteU | kPteA | kPteD,
                                   kPteP | 0x200 | kPteW};
  if (one_in(4)) return hostile ? random_word() & ~(uint64_t)kPteP : 0;
  const uint64_t chosen = flags[random_below(sizeof flags / sizeof flags[0])];
  if (!hostile) {
    // Page tables may be looked at.
    const struct frame* frame = frame_in_use(one_in(6) ? kTable1 + (unsigned)random_below(4) : kIdle);
    if (!frame) return 0;
    return frame->mfn << 12 | (frame->use == kIdle ? chosen : chosen & ~(uint64_t)kPteW);
  }
  switch (random_below(4)) {
    case 0: return wild_frame() << 12 | chosen;
    case 1: {  // A page table that could be written.
      const struct frame* frame = frame_in_use(kTable1 + (unsigned)random_below(4));
      return (frame ? frame->mfn : 1) << 12 | kPteP | kPteW | kPteU;
    }
    case 2: {  // Flags that such a domain may not have.
      const struct frame* frame = frame_in_use(kIdle);
      static const uint64_t forbidden[] = {1ul << 7, 1ul << 3, 1ul << 4, 0x18, 0x98};
      return (frame ? frame->mfn : 1) << 12 | chosen | forbidden[random_below(5)];
    }
    default: {
      uint64_t value = random_word();
      while (is_critical(PTE_FRAME(value))) value = random_word();
      return value;
    }
  }
}

struct frame* build_table(unsigned level) {
  struct frame* frame = unmapped_frame();
  if (!frame) return 0;
  const unsigned slot = random_slot();
  set_slot(slot, frame->mfn << 12 | kPteP | kPteW | kPteU | kPteA | kPteD);
  if ((slot_entry(slot) & (kPteP | kPteW)) != (kPteP | kPteW) || PTE_FRAME(slot_entry(slot)) != frame->mfn)
    return 0;
  uint64_t* entries = (uint64_t*)window[slot];
  memset(entries, 0, GUEST_PAGE_SIZE);
  const unsigned wanted = (unsigned)random_below(12);
  for (unsigned i = 0; i < wanted; ++i) {
    const unsigned position = (unsigned)random_below(level == 4 ? 256 : kEntries);
    const struct frame* below = frame_in_use(level == 1 ? kIdle : kTable1 + level - 2);
    if (!below || below == frame) continue;
    // Read-only, so that what an L1 shows can still become a table.
    entries[position] = below->mfn << 12 | kPteP | kPteU | (level > 1 || one_in(4) ? kPteW : 0);
  }
  set_slot(slot, 0);
  return frame;
}

struct frame* frame_for(enum use use) {
  struct frame* frame = frame_in_use(use);
  if (frame || use == kIdle || use > kTable4) return frame;
  const unsigned level = (unsigned)use - kTable1 + 1;
  frame = build_table(level);
  if (!frame) return 0;
  struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE + level - 1, .arg1.mfn = frame->mfn};
  if (call(__HYPERVISOR_mmuext_op, (uint64_t)&pin, 1, 0, DOMID_SELF) != 0) return 0;
  frame->use = use;
  return frame;
}

// The second root has the same entries as the first.
static void make_second_root(uint64_t mfn) {
  const volatile uint64_t* first = (const volatile uint64_t*)start_info->pt_base;
  set_slot(0, mfn << 12 | kPteP | kPteW | kPteU | kPteA | kPteD);
  uint64_t* copy = (uint64_t*)window[0];
  for (unsigned i = 0; i < kEntries; ++i) copy[i] = i >= 256 && i < 272 ? 0 : first[i];
  set_slot(0, 0);
  struct mmuext_op pin = {.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn};
  if (call(__HYPERVISOR_mmuext_op, (uint64_t)&pin, 1, 0, DOMID_SELF) != 0) give_up_all("no second root");
}

void frames_start(void) {
  const unsigned long* list = (const unsigned long*)start_info->mfn_list;
  first_mfn = list[0];
  for (uint64_t i = 0; i < start_info->nr_pages; ++i) {
    if (list[i] < first_mfn) first_mfn = list[i];
  }
  // Xen's own pages, some of which it shares with us, lie near.
  first_mfn -= first_mfn < kSpan / 4 ? first_mfn : kSpan / 4;
  // What the domain builder has mapped is ours to keep; the last frames of the domain are for use.
  uint64_t mapped = 0;
  while (mapped < start_info->nr_pages && boot_table_of((uint64_t)guest_base + mapped * GUEST_PAGE_SIZE) != 0)
    ++mapped;
  if (mapped + kPoolFrames + kRootFrames > start_info->nr_pages) give_up_all("the domain is too small");
  for (uint64_t i = 0; i < mapped; ++i) set_critical(list[i]);
  for (unsigned i = 0; i < 2; ++i) {
    window_table_mfn[i] = boot_table_of((uint64_t)window[i == 0 ? 0 : kWindowPages - 1]);
    window_table[i] = address_of_frame(window_table_mfn[i]);
  }
  for (unsigned slot = 0; slot < kWindowPages; ++slot) set_slot(slot, 0);
  for (unsigned i = 0; i < kPoolFrames; ++i) {
    pool[i] = (struct frame){list[start_info->nr_pages - 1 - i], kIdle};
  }
  roots[0] = frame_of((const void*)start_info->pt_base);
  roots[1] = list[start_info->nr_pages - 1 - kPoolFrames];
  set_critical(start_info->shared_info >> 12);
  make_second_root(roots[1]);
  set_critical(roots[1]);
}

static long extended(unsigned command, uint64_t mfn) {
  struct mmuext_op operation = {.cmd = command, .arg1.mfn = mfn};
  return call(__HYPERVISOR_mmuext_op, (uint64_t)&operation, 1, 0, DOMID_SELF);
}

static int is_ours(uint64_t mfn) {
  struct mmuext_op clear = {.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn};
  return call(__HYPERVISOR_mmuext_op, (uint64_t)&clear, 1, 0, DOMID_SELF) == 0;
}

void frames_heal(void) {
  extended(MMUEXT_NEW_USER_BASEPTR, 0);
  for (unsigned slot = 0; slot < kWindowPages; ++slot) set_slot(slot, 0);
  // What is pinned more than once over levels comes down from above.
  for (unsigned level = 4; level > 0; --level) {
    for (unsigned i = 0; i < kPoolFrames; ++i) {
      if (pool[i].use == (enum use)(kTable1 + level - 1)) extended(MMUEXT_UNPIN_TABLE, pool[i].mfn);
    }
  }
  // And what hostile calls have pinned.
  for (unsigned i = 0; i < kPoolFrames; ++i) {
    if (pool[i].use != kGone && !is_ours(pool[i].mfn)) extended(MMUEXT_UNPIN_TABLE, pool[i].mfn);
  }
  for (unsigned i = 0; i < kPoolFrames; ++i) {
    if (pool[i].use != kGone) pool[i].use = is_ours(pool[i].mfn) ? kIdle : kGone;
  }
  // Frames that were given up, or whose numbers a failing call swallowed: any that is ours will do.
  unsigned missing = 0;
  for (unsigned i = 0; i < kPoolFrames; ++i) missing += pool[i].use == kGone;
  for (unsigned i = 0; i < kPoolFrames && missing != 0; ++i) {
    if (pool[i].use != kGone) continue;
    uint64_t mfn = 0;
    struct xen_memory_reservation one = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(one.extent_start, (xen_pfn_t*)&mfn);
    if (call(__HYPERVISOR_memory_op, XENMEM_increase_reservation, (uint64_t)&one, 0, 0) != 1) break;
    pool[i] = (struct frame){mfn, kIdle};
    --missing;
  }
  for (uint64_t mfn = first_mfn; mfn < first_mfn + kSpan && missing > kPoolFrames / 4; ++mfn) {
    if (is_critical(mfn) || frame_by_number(mfn) || !is_ours(mfn)) continue;
    for (unsigned i = 0; i < kPoolFrames; ++i) {
      if (pool[i].use != kGone) continue;
      pool[i] = (struct frame){mfn, kIdle};
      --missing;
      break;
    }
  }
}
