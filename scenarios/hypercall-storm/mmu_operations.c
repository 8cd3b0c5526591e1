// Page tables: mmu_update, update_va_mapping and mmuext_op.
#include "storm.h"

// --- mmu_update ---

static long one_update(uint64_t pointer, uint64_t value, int hostile) {
  const struct mmu_update request = {.ptr = pointer, .val = value};
  uint32_t done = 0;
  const int bad_list = hostile && one_in(4);
  const uint64_t list = bad_list ? place_badly(&request, sizeof request) : place(&request, sizeof request);
  const uint64_t domain =
      hostile && one_in(6) ? random_below(2) ? random_word() & 0xffffffff : self : DOMID_SELF;
  const uint64_t count = hostile && one_in(16) ? random_word() & 0x80000003 : 1;
  // The count of what was done goes where nothing else is, or nowhere good.
  const uint64_t done_at = one_in(2) ? 0 : hostile ? unreadable_address() : (uint64_t)&done;
  const long result = call(__HYPERVISOR_mmu_update, list, count, done_at, domain);
  if (result == 0 && done_at == (uint64_t)&done && done != 1) note_failure("mmu_update did %u of 1", done);
  return result;
}

// A table's entry, and what may stand there.
static int choose_entry(unsigned level, int hostile, uint64_t* pointer, uint64_t* value) {
  const struct frame* table = frame_for((enum use)(kTable1 + level - 1));
  if (level == 1 && (!table || one_in(3))) {
    *pointer = slot_entry_address(random_slot());
  } else {
    if (!table) return 0;
    uint64_t slot = random_below(512);
    if (level == 4 && !hostile && slot >= 256 && slot < 272) slot -= 16;
    *pointer = table->mfn << 12 | slot << 3;
  }
  if (level == 1) {
    *value = entry_for(hostile);
    return 1;
  }
  const struct frame* below = frame_for((enum use)(kTable1 + level - 2));
  *value = !below || one_in(3) ? 0 : below->mfn << 12 | kPteP | kPteW | kPteU | kPteA;
  if (hostile) {
    switch (random_below(4)) {
      case 0: *value = entry_for(1) | kPteP; break;
      case 1: *value = *value | kPteP | 1ul << 7; break;                            // a large page
      case 2: *value = table->mfn << 12 | kPteP | kPteU; break;                     // itself
      default: *pointer = table->mfn << 12 | (256 + random_below(16)) << 3; break;  // Xen's own, in an L4
    }
    if (is_critical(PTE_FRAME(*value))) *value = 0;
  }
  return 1;
}

static long update_table(unsigned level, int hostile, unsigned command) {
  uint64_t pointer = 0, value = 0;
  if (!choose_entry(level, hostile, &pointer, &value)) return -1;
  if (hostile && one_in(4)) pointer = wild_frame() << 12 | (random_below(512) << 3);
  return one_update(pointer | command, value, hostile);
}

static long normal(unsigned level, int hostile) { return update_table(level, hostile, MMU_NORMAL_PT_UPDATE); }
static long preserve(unsigned level, int hostile) {
  return update_table(level, hostile, MMU_PT_UPDATE_PRESERVE_AD);
}
static long untranslated(unsigned level, int hostile) {
  return update_table(level, hostile, MMU_PT_UPDATE_NO_TRANSLATE);
}

// An address in a frame that is no page table: a plain store.
static long plain(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* frame = frame_in_use(kIdle);
  const uint64_t mfn = hostile && one_in(2) ? wild_frame() : frame ? frame->mfn : 0;
  return one_update(mfn << 12 | random_below(512) << 3, random_word(), hostile);
}

static long machphys(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* frame = frame_in_use(kIdle);
  const uint64_t mfn = hostile && one_in(2) ? wild_frame() : frame ? frame->mfn : 0;
  return one_update(mfn << 12 | MMU_MACHPHYS_UPDATE, random_below(4096), hostile);
}

static long unknown_update(unsigned unused, int hostile) {
  (void)unused;
  (void)hostile;
  const struct frame* frame = frame_in_use(kIdle);
  return one_update((frame ? frame->mfn : 0) << 12 | (4 + random_below(4)), random_word(), 0);
}

// Several at once, of which one may be bad.
static long update_list(unsigned unused, int hostile) {
  (void)unused;
  enum { kMany = 24 };
  struct mmu_update requests[kMany];
  const unsigned count = 2 + (unsigned)random_below(kMany - 1);
  const unsigned bad = hostile ? (unsigned)random_below(count) : kMany;
  for (unsigned i = 0; i < count; ++i) {
    uint64_t pointer = 0, value = 0;
    const unsigned level = i == bad || one_in(2) ? 1 : 1 + (unsigned)random_below(4);
    if (!choose_entry(level, i == bad, &pointer, &value)) return -1;
    requests[i] = (struct mmu_update){pointer | (one_in(4) ? MMU_PT_UPDATE_PRESERVE_AD : 0), value};
  }
  const size_t size = count * sizeof requests[0];
  const uint64_t list = hostile && one_in(4) ? place_badly(requests, size) : place(requests, size);
  // More than there are: what lies behind in our own pages is read as requests too.
  return call(__HYPERVISOR_mmu_update, list, hostile && one_in(8) ? 0x7fffffff : count, 0, DOMID_SELF);
}

// --- update_va_mapping ---

static uint64_t flush_flags(int hostile, uint64_t* mask) {
  static const uint64_t flags[] = {UVMF_NONE, UVMF_TLB_FLUSH | UVMF_LOCAL, UVMF_INVLPG | UVMF_LOCAL,
                                   UVMF_TLB_FLUSH | UVMF_ALL, UVMF_INVLPG | UVMF_ALL};
  *mask = random_word();
  if (hostile && one_in(4)) return (unreadable_address() & ~3ul) | (1 + random_below(2));
  if (one_in(4)) return (place(mask, sizeof *mask) & ~7ul) | (1 + random_below(2));
  return flags[random_below(5)];
}

static long map_address(uint64_t number, uint64_t domain, int hostile) {
  uint64_t mask;
  const uint64_t value = entry_for(hostile && one_in(2));
  const uint64_t flags = flush_flags(hostile, &mask);
  const uint64_t address = (uint64_t)window[random_slot()] + random_below(GUEST_PAGE_SIZE);
  return call(number, hostile && one_in(3) ? wild_address_to_map() : address, value, flags, domain);
}

static long map(unsigned unused, int hostile) {
  (void)unused;
  return map_address(__HYPERVISOR_update_va_mapping, 0, hostile);
}

static long map_for_other(unsigned unused, int hostile) {
  (void)unused;
  const uint64_t domain = !hostile || one_in(3) ? DOMID_SELF : one_in(2) ? self : random_word();
  return map_address(__HYPERVISOR_update_va_mapping_otherdomain, domain, hostile);
}

struct operation mmu_operations[] = {
    {"mmu_update NORMAL of an L1", normal, 1, kBoth, 0, 0, 0},
    {"mmu_update NORMAL of an L2", normal, 2, kBoth, 0, 0, 0},
    {"mmu_update NORMAL of an L3", normal, 3, kBoth, 0, 0, 0},
    {"mmu_update NORMAL of an L4", normal, 4, kBoth, 0, 0, 0},
    {"mmu_update NORMAL of no page table", plain, 0, kBoth, 0, 0, 0},
    {"mmu_update PRESERVE_AD of an L1", preserve, 1, kBoth, 0, 0, 0},
    {"mmu_update PRESERVE_AD of an L2", preserve, 2, kBoth, 0, 0, 0},
    {"mmu_update PRESERVE_AD of an L3", preserve, 3, kBoth, 0, 0, 0},
    {"mmu_update PRESERVE_AD of an L4", preserve, 4, kBoth, 0, 0, 0},
    {"mmu_update NO_TRANSLATE of an L1", untranslated, 1, kBoth, 0, 0, 0},
    {"mmu_update NO_TRANSLATE of an L3", untranslated, 3, kBoth, 0, 0, 0},
    {"mmu_update MACHPHYS_UPDATE", machphys, 0, kBoth, 0, 0, 0},
    {"mmu_update unknown command", unknown_update, 0, kRefused, 0, 0, 0},
    {"mmu_update list", update_list, 0, kBoth, 0, 0, 0},
    {"update_va_mapping", map, 0, kBoth, 24, 0, 0},
    {"update_va_mapping_otherdomain", map_for_other, 0, kBoth, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};
