// Grants (public/grant_table.h, version 1): one shared frame with 512 entries, of which Xen keeps the first
// eight.
#include "internal.h"

enum { kEntries = GUEST_PAGE_SIZE / sizeof(grant_entry_v1_t), kTriesMax = 3 };
static MAPPED_PAGE(grant_entry_v1_t, table);
// Free references, the one that has been free for longest first: what still uses one that was ended finds
// nothing there for as long as possible.
static grant_ref_t free_references[kEntries] RUNTIME_STATE;
static unsigned free_first RUNTIME_STATE, free_count RUNTIME_STATE;
static uint8_t given_out[kEntries] RUNTIME_STATE;

static void put_free(grant_ref_t reference) {
  free_references[(free_first + free_count++) % kEntries] = reference;
}

void grants_start(void) {
  xen_pfn_t frame = 0;
  for (unsigned tries = 1;; ++tries) {
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    set_xen_guest_handle(setup.frame_list, &frame);
    const long result = grant_table_op(GNTTABOP_setup_table, &setup, 1);
    if (result == 0 && setup.status == GNTST_okay) break;
    if (tries == kTriesMax) guest_panic("setting up grants failed: %ld, status %d", result, setup.status);
  }
  MAP_FRAME(table, frame);
  for (grant_ref_t reference = GNTTAB_NR_RESERVED_ENTRIES; reference < kEntries; ++reference)
    put_free(reference);
}

grant_ref_t grant_page(const void* page, int read_only) { return grant_page_to(page, 0, read_only); }

int grants_left(void) { return free_count != 0; }

grant_ref_t grant_page_to(const void* page, uint16_t domain, int read_only) {
  if (free_count == 0) guest_panic("out of grants");
  const grant_ref_t reference = free_references[free_first];
  free_first = (free_first + 1) % kEntries;
  --free_count;
  given_out[reference] = 1;
  table[reference].domid = domain;
  table[reference].frame = (uint32_t)frame_of(page);
  xen_wmb();  // The entry is valid from here on: its other fields must be there.
  table[reference].flags = GTF_permit_access | (read_only ? GTF_readonly : 0);
  return reference;
}

int grant_in_use(grant_ref_t reference) {
  return (*(volatile uint16_t*)&table[reference].flags & (GTF_reading | GTF_writing)) != 0;
}

int end_grant(grant_ref_t reference) {
  if (reference >= kEntries || !given_out[reference]) return 1;
  uint16_t flags = table[reference].flags;
  // In one step, or Xen could begin to use the page between the look and the end.
  do {
    if (flags & (GTF_reading | GTF_writing)) return 0;
  } while (!__atomic_compare_exchange_n(&table[reference].flags, &flags, 0, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
  given_out[reference] = 0;
  put_free(reference);
  return 1;
}

void revoke_grant(grant_ref_t reference) {
  table[reference].flags = 0;
  given_out[reference] = 0;
  put_free(reference);
}
