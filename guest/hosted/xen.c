// What of the runtime for paravirtual domains is another on the host: start, and pages. The machine's memory
// is where the host has it, frame behind frame, and everything that is shared lies there.
#include "guest/hosted/hosted.h"
#include "guest/internal.h"

static uint64_t pages_used RUNTIME_STATE;

__attribute__((noreturn)) void runtime_start(start_info_t* info);

void hosted_xen_run(void) { runtime_start(hosted_domain->start_info); }
void hosted_upcall(void) { handle_events(); }

// The driver gets the first half of the pool, what is written for the runtime itself the second.
unsigned pool_page_count(void) {
  const uint64_t half = hosted_domain->pool_pages / 2;
  return half < 4096 ? (unsigned)half : 4096;
}
void* pool_of_pages(void) { return address_of_frame(hosted_domain->pool / GUEST_PAGE_SIZE); }

void* allocate_page(void) {
  const uint64_t first = hosted_domain->pool_pages / 2;
  if (first + pages_used >= hosted_domain->pool_pages) guest_panic("out of pages");
  void* page = address_of_frame(hosted_domain->pool / GUEST_PAGE_SIZE + first + pages_used++);
  native->pages_given(page, 1);
  return page;
}

uint64_t frame_of(const void* address) {
  return (hosted_domain->memory_base + (uint64_t)((const uint8_t*)address - hosted_domain->memory)) /
         GUEST_PAGE_SIZE;
}

void* address_of_frame(uint64_t frame) {
  return hosted_domain->memory + (frame * GUEST_PAGE_SIZE - hosted_domain->memory_base);
}

void* frame_at(uint64_t frame) {
  void* page = address_of_frame(frame);
  const uint64_t entry = frame * GUEST_PAGE_SIZE | 0x63;
  const long result = update_va_mapping(page, entry, UVMF_INVLPG);
  if (result != 0) guest_panic("mapping frame 0x%lx failed: %ld", frame, result);
  native->pages_given(page, 1);
  return page;
}
