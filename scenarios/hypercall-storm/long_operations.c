// Lists so long that Xen stops in the middle and has the guest go on (continuations). The whole list is three
// pages of our own, mapped again and again over the window.
#include "storm.h"

enum { kListPages = 3, kListBytes = kListPages * GUEST_PAGE_SIZE };
static char list_pages[kListPages][GUEST_PAGE_SIZE] __attribute__((aligned(4096)));

// Fills the pages with copies of an element, whose size divides kListBytes, and maps them over that much of
// the window.
static const char* repeat(const void* element, size_t size, unsigned pages) {
  for (size_t at = 0; at < kListBytes; at += size) memcpy(list_pages[0] + at, element, size);
  for (unsigned slot = 0; slot <= pages; ++slot) {
    set_slot(slot, slot < pages
                       ? frame_of(list_pages[slot % kListPages]) << 12 | kPteP | kPteU | kPteW | kPteA | kPteD
                       : 0);
  }
  return window[0];
}

static long end(unsigned pages, long result) {
  for (unsigned slot = 0; slot < pages; ++slot) set_slot(slot, 0);
  return result;
}

// How many elements to claim: those that are there, or more, which ends in a fault far into the list.
static uint64_t claim(unsigned pages, size_t size, int hostile) {
  const uint64_t there = pages * GUEST_PAGE_SIZE / size;
  return hostile ? there + 1 + random_below(1u << 20) : there;
}

static unsigned pages_of_list(void) {
  return kListPages * (1 + (unsigned)random_below(kPlainPages / kListPages - 1));
}

static long long_mmuext(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* target = frame_in_use(kIdle);
  const struct mmuext_op operation = {.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = target ? target->mfn : 0};
  const unsigned pages = pages_of_list();
  const char* list = repeat(&operation, sizeof operation, pages);
  uint32_t done = 0;
  const uint64_t wanted = claim(pages, sizeof operation, hostile);
  const long result = call(__HYPERVISOR_mmuext_op, (uint64_t)list, wanted, (uint64_t)&done, DOMID_SELF);
  if (result == 0 && done != wanted) note_failure("mmuext_op: %u of %lu done", done, wanted);
  return end(pages, result);
}

static long long_mmu(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* target = frame_in_use(kIdle);
  const struct mmu_update request = {(target ? target->mfn : 0) << 12 | random_below(512) << 3,
                                     random_word()};
  const unsigned pages = pages_of_list();
  const char* list = repeat(&request, sizeof request, pages);
  uint32_t done = 0;
  const uint64_t wanted = claim(pages, sizeof request, hostile);
  const long result = call(__HYPERVISOR_mmu_update, (uint64_t)list, wanted, (uint64_t)&done, DOMID_SELF);
  if (result == 0 && done != wanted) note_failure("mmu_update: %u of %lu done", done, wanted);
  return end(pages, result);
}

static long long_grant(unsigned unused, int hostile) {
  (void)unused;
  const struct gnttab_swap_grant_ref swap = {(grant_ref_t)(400 + random_below(100)),
                                             (grant_ref_t)(400 + random_below(100)), 0};
  const unsigned pages = pages_of_list();
  const char* list = repeat(&swap, sizeof swap, pages);
  const uint64_t wanted = claim(pages, sizeof swap, hostile);
  return end(pages, call(__HYPERVISOR_grant_table_op, GNTTABOP_swap_grant_ref, (uint64_t)list, wanted, 0));
}

static long long_multicall(unsigned unused, int hostile) {
  (void)unused;
  struct multicall_entry entry;
  memset(&entry, 0, sizeof entry);
  entry.op = __HYPERVISOR_xen_version;
  const unsigned pages = pages_of_list();
  const char* list = repeat(&entry, sizeof entry, pages);
  return end(pages, call(__HYPERVISOR_multicall, (uint64_t)list, claim(pages, sizeof entry, hostile), 0, 0));
}

struct operation long_operations[] = {
    {"mmuext_op, a long list", long_mmuext, 0, kBoth, 1, 0, 0},
    {"mmu_update, a long list", long_mmu, 0, kBoth, 1, 0, 0},
    {"grant_table_op, a long list", long_grant, 0, kBoth, 1, 0, 0},
    {"multicall, a long list", long_multicall, 0, kBoth, 1, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};
