// mmuext_op: pins, roots, flushes, pages.
#include "storm.h"

static long make(const struct mmuext_op* operation, int hostile) {
  uint32_t done = 0;
  const uint64_t list =
      hostile && one_in(3) ? place_badly(operation, sizeof *operation) : place(operation, sizeof *operation);
  const uint64_t domain = hostile && one_in(3) ? one_in(2) ? self : random_word() & 0xffff : DOMID_SELF;
  const uint64_t done_at = one_in(2) ? 0 : hostile ? unreadable_address() : (uint64_t)&done;
  return call(__HYPERVISOR_mmuext_op, list, 1, done_at, domain);
}

// The transport fails: what the operation itself cannot.
static long make_or_misplace(const struct mmuext_op* operation, int hostile) {
  if (!hostile) return make(operation, 0);
  if (one_in(2)) {
    place(operation, sizeof *operation);
    return call(__HYPERVISOR_mmuext_op, unreadable_address(), 1, 0, DOMID_SELF);
  }
  return call(__HYPERVISOR_mmuext_op, place(operation, sizeof *operation), 1, 0, one_in(2) ? self : 0x7ff0);
}

static long pin(unsigned level, int hostile) {
  const enum use use = (enum use)(kTable1 + level - 1);
  struct mmuext_op operation = {.cmd = MMUEXT_PIN_L1_TABLE + level - 1};
  unsigned tables = 0;
  for (unsigned i = 0; i < kPoolFrames; ++i) tables += pool[i].use == use;
  struct frame* frame = 0;
  if (hostile) {
    frame = one_in(2) ? frame_in_use((enum use)random_below(kDescriptors + 1)) : 0;
    operation.arg1.mfn = frame ? frame->mfn : wild_frame();
  } else {
    if (tables > 6) {  // Enough of them: one starts again.
      struct frame* old = frame_in_use(use);
      struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = old->mfn};
      make(&unpin, 0);
      old->use = kIdle;
    }
    frame = build_table(level);
    if (!frame) return -1;
    operation.arg1.mfn = frame->mfn;
  }
  const long result = make(&operation, hostile);
  if (result == 0 && !frame) frame = frame_by_number(operation.arg1.mfn);
  if (result == 0 && frame) frame->use = use;
  return result;
}

static long unpin(unsigned unused, int hostile) {
  (void)unused;
  const unsigned level = (unsigned)random_below(4);
  struct frame* frame = hostile ? 0 : frame_for((enum use)(kTable1 + level));
  struct mmuext_op operation = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = frame ? frame->mfn : wild_frame()};
  const long result = make(&operation, hostile);
  if (result == 0) frame = frame_by_number(operation.arg1.mfn);
  if (result == 0 && frame) frame->use = kIdle;
  return result;
}

// A page of data: its frame is mapped writable, so that it can never become a page table.
static char never_a_table[GUEST_PAGE_SIZE] __attribute__((aligned(4096)));

static long new_root(unsigned unused, int hostile) {
  (void)unused;
  struct mmuext_op operation = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = roots[random_below(2)]};
  if (!hostile) return make(&operation, 0);
  // A root that does not map us would be the end: only frames that cannot become one.
  switch (random_below(4)) {
    case 0: operation.arg1.mfn = frame_of(never_a_table); break;
    case 1: operation.arg1.mfn = 1ul << 40 | random_word(); break;
    case 2: operation.arg1.mfn = slot_entry_address(0) >> 12; break;  // a live L1
    default: operation.arg1.mfn = random_below(1000); break;
  }
  return make(&operation, 0);
}

static long new_user_root(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* frame = frame_for(kTable4);
  struct mmuext_op operation = {.cmd = MMUEXT_NEW_USER_BASEPTR,
                                .arg1.mfn = frame && one_in(2) ? frame->mfn : 0};
  if (hostile) operation.arg1.mfn = one_in(2) ? wild_frame() : frame_of(never_a_table);
  return make(&operation, hostile);
}

static long flush(unsigned command, int hostile) {
  static uint64_t mask;
  mask = random_word();
  struct mmuext_op operation = {.cmd = command};
  operation.arg1.linear_addr = one_in(2) ? wild_address() : (uint64_t)window[random_slot()];
  set_xen_guest_handle(operation.arg2.vcpumask,
                       hostile && one_in(2) ? (void*)unreadable_address() : (void*)&mask);
  return make_or_misplace(&operation, hostile);
}

static long set_ldt(unsigned unused, int hostile) {
  (void)unused;
  struct mmuext_op operation = {.cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (uint64_t)window[random_slot()]};
  operation.arg2.nr_ents = (unsigned)random_below(8193);
  if (hostile) {
    if (one_in(2)) operation.arg1.linear_addr = bend(operation.arg1.linear_addr);
    if (one_in(2)) operation.arg2.nr_ents = 8193 + (unsigned)random_below(1u << 31);
  }
  return make(&operation, hostile);
}

static long page(unsigned command, int hostile) {
  const struct frame* to = frame_in_use(kIdle);
  const struct frame* from = frame_in_use((enum use)random_below(kDescriptors + 1));
  struct mmuext_op operation = {.cmd = command, .arg1.mfn = to ? to->mfn : 0};
  operation.arg2.src_mfn = from ? from->mfn : to ? to->mfn : 0;
  if (hostile) {
    const struct frame* table = frame_in_use(kTable1 + (unsigned)random_below(4));
    operation.arg1.mfn = table && one_in(2) ? table->mfn : wild_frame();
    if (one_in(2)) operation.arg2.src_mfn = wild_frame();
  }
  return make(&operation, hostile);
}

static long refused(unsigned command, int hostile) {
  (void)hostile;
  const struct frame* frame = frame_in_use(kIdle);
  struct mmuext_op operation = {.cmd = command ? command : 22 + (unsigned)random_below(1u << 20)};
  operation.arg1.mfn = frame ? frame->mfn : 0;
  return make(&operation, hostile);
}

struct operation mmuext_operations[] = {
    {"mmuext_op PIN_L1_TABLE", pin, 1, kBoth, 0, 0, 0},
    {"mmuext_op PIN_L2_TABLE", pin, 2, kBoth, 0, 0, 0},
    {"mmuext_op PIN_L3_TABLE", pin, 3, kBoth, 0, 0, 0},
    {"mmuext_op PIN_L4_TABLE", pin, 4, kBoth, 0, 0, 0},
    {"mmuext_op UNPIN_TABLE", unpin, 0, kBoth, 0, 0, 0},
    {"mmuext_op NEW_BASEPTR", new_root, 0, kBoth, 0, 0, 0},
    {"mmuext_op TLB_FLUSH_LOCAL", flush, MMUEXT_TLB_FLUSH_LOCAL, kBoth, 0, 0, 0},
    {"mmuext_op INVLPG_LOCAL", flush, MMUEXT_INVLPG_LOCAL, kBoth, 0, 0, 0},
    {"mmuext_op TLB_FLUSH_MULTI", flush, MMUEXT_TLB_FLUSH_MULTI, kBoth, 0, 0, 0},
    {"mmuext_op INVLPG_MULTI", flush, MMUEXT_INVLPG_MULTI, kBoth, 0, 0, 0},
    {"mmuext_op TLB_FLUSH_ALL", flush, MMUEXT_TLB_FLUSH_ALL, kBoth, 0, 0, 0},
    {"mmuext_op INVLPG_ALL", flush, MMUEXT_INVLPG_ALL, kBoth, 0, 0, 0},
    {"mmuext_op FLUSH_CACHE", refused, MMUEXT_FLUSH_CACHE, kRefused, 0, 0, 0},
    {"mmuext_op SET_LDT", set_ldt, 0, kBoth, 0, 0, 0},
    {"mmuext_op NEW_USER_BASEPTR", new_user_root, 0, kBoth, 0, 0, 0},
    {"mmuext_op CLEAR_PAGE", page, MMUEXT_CLEAR_PAGE, kBoth, 0, 0, 0},
    {"mmuext_op COPY_PAGE", page, MMUEXT_COPY_PAGE, kBoth, 0, 0, 0},
    {"mmuext_op FLUSH_CACHE_GLOBAL", refused, MMUEXT_FLUSH_CACHE_GLOBAL, kRefused, 0, 0, 0},
    {"mmuext_op MARK_SUPER", refused, MMUEXT_MARK_SUPER, kRefused, 0, 0, 0},
    {"mmuext_op UNMARK_SUPER", refused, MMUEXT_UNMARK_SUPER, kRefused, 0, 0, 0},
    {"mmuext_op unknown", refused, 0, kRefused, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};
