// Pages and machine frames. A paravirtual guest sees machine frames in its page tables; the list that Xen
// gives it at start translates.
#include "runtime.h"

extern char guest_base[];

enum { kPoolPages = 320 };
static char pool[kPoolPages][GUEST_PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned pool_used;

void* allocate_page(void) {
  if (pool_used == kPoolPages) guest_panic("out of pages");
  return pool[pool_used++];
}

uint64_t frame_of(const void* address) {
  const unsigned long* list = (const unsigned long*)start_info->mfn_list;
  return list[((uint64_t)address - (uint64_t)guest_base) / GUEST_PAGE_SIZE];
}

void* address_of_frame(uint64_t frame) {
  const unsigned long* machine_to_phys = (const unsigned long*)MACH2PHYS_VIRT_START;
  return guest_base + machine_to_phys[frame] * GUEST_PAGE_SIZE;
}

void map_frame(void* page, uint64_t frame) {
  // Present, writable, accessed, dirty; Xen adds what a guest's pages need.
  const uint64_t entry = frame * GUEST_PAGE_SIZE | 0x63;
  const long result = update_va_mapping(page, entry, UVMF_INVLPG);
  if (result != 0) guest_panic("mapping frame 0x%lx failed: %ld", frame, result);
}
