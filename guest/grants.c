// Grants (public/grant_table.h, version 1): one shared frame with 512 entries, of which Xen keeps the first
// eight.
#include "internal.h"

static grant_entry_v1_t table[GUEST_PAGE_SIZE / sizeof(grant_entry_v1_t)] __attribute__((aligned(4096)));
static grant_ref_t next_reference = GNTTAB_NR_RESERVED_ENTRIES;

void grants_start(void) {
  xen_pfn_t frame = 0;
  struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
  set_xen_guest_handle(setup.frame_list, &frame);
  const long result = grant_table_op(GNTTABOP_setup_table, &setup, 1);
  if (result != 0 || setup.status != GNTST_okay) {
    guest_panic("setting up grants failed: %ld, status %d", result, setup.status);
  }
  map_frame(table, frame);
}

grant_ref_t grant_page(const void* page, int read_only) {
  if (next_reference == sizeof table / sizeof table[0]) guest_panic("out of grants");
  const grant_ref_t reference = next_reference++;
  table[reference].domid = 0;
  table[reference].frame = (uint32_t)frame_of(page);
  xen_wmb();  // The entry is valid from here on: its other fields must be there.
  table[reference].flags = GTF_permit_access | (read_only ? GTF_readonly : 0);
  return reference;
}

int end_grant(grant_ref_t reference) {
  volatile uint16_t* flags = &table[reference].flags;
  if (*flags & (GTF_reading | GTF_writing)) return 0;
  *flags = 0;
  return 1;
}
