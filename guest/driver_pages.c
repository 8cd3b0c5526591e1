// The pages that rs_alloc_pages() gives: first fit in one pool, each allocation with the call that made it,
// so that what is freed twice or not at all can be named.
#include "guest/driver.h"

#ifdef RINGSIDE_HOSTED
#include "machine/hosted/native_calls.h"
extern const struct native_calls* native;
#endif

enum { kPagesMax = 4096 };

// Of each page: how many its allocation has from here on (only its first page has a number), whether it is in
// use, and who allocated or, once it is free, freed it.
static struct page {
  uint16_t count;
  uint8_t used, was_used;
  struct driver_site site;
} pages[kPagesMax] RUNTIME_STATE;
static char* pool RUNTIME_STATE;
static unsigned pool_pages RUNTIME_STATE;
static unsigned first_free RUNTIME_STATE;  // none before it

void driver_pages_start(void* first, unsigned count) {
  pool = first;
  pool_pages = count < kPagesMax ? count : kPagesMax;
}

static unsigned index_of(const void* address) {
  return (unsigned)((uintptr_t)address - (uintptr_t)pool) / RS_PAGE_SIZE;
}

int driver_owns_page(const void* address) {
  if ((uintptr_t)address < (uintptr_t)pool) return 0;
  if ((uintptr_t)address - (uintptr_t)pool >= (uintptr_t)pool_pages * RS_PAGE_SIZE) return 0;
  return pages[index_of(address)].used;
}

static void give(unsigned first, unsigned count) {
  for (unsigned i = first; i < first + count; ++i) pages[i] = (struct page){0, 1, 1, driver_here};
  pages[first].count = (uint16_t)count;
  while (first_free < pool_pages && pages[first_free].used) ++first_free;
  memset(pool + (uintptr_t)first * RS_PAGE_SIZE, 0, (size_t)count * RS_PAGE_SIZE);
#ifdef RINGSIDE_HOSTED
  native->pages_given(pool + (uintptr_t)first * RS_PAGE_SIZE, count);
#endif
}

void* driver_pages_allocate(unsigned count) {
  if (count == 0 || count > pool_pages) return 0;
  unsigned run = 0;
  for (unsigned i = first_free; i < pool_pages; ++i) {
    run = pages[i].used ? 0 : run + 1;
    if (run != count) continue;
    give(i + 1 - count, count);
    return pool + (uintptr_t)(i + 1 - count) * RS_PAGE_SIZE;
  }
  return 0;
}

static int object(const void* address, unsigned count) {
  const uintptr_t offset = (uintptr_t)address - (uintptr_t)pool;
  if ((uintptr_t)address < (uintptr_t)pool || offset >= (uintptr_t)pool_pages * RS_PAGE_SIZE ||
      offset % RS_PAGE_SIZE != 0) {
    driver_violation("freed_not_given", "rs_free_pages() of what rs_alloc_pages() has not given");
    return 1;
  }
  const struct page* page = &pages[index_of(address)];
  if (!page->used && page->was_used) {
    driver_violation("freed_twice", "these pages were freed before, at %s:%d",
                     page->site.file ? page->site.file : "?", page->site.line);
    return 1;
  }
  if (page->count != count) {
    driver_violation("freed_not_given", "rs_free_pages() of %u pages, of which rs_alloc_pages() gave %u here",
                     count, page->count);
    return 1;
  }
  for (unsigned i = 0; i < count; ++i) {
    struct driver_site where;
    if (!driver_side->in_use((const char*)address + (uintptr_t)i * RS_PAGE_SIZE, &where)) continue;
    driver_violation("freed_while_granted", "page %u of these is granted still, by %s:%d", i,
                     where.file ? where.file : "?", where.line);
    return 1;
  }
  return 0;
}

int driver_pages_free(void* address, unsigned count) {
  if (object(address, count)) return RS_EINVAL;
  const unsigned first = index_of(address);
  for (unsigned i = first; i < first + count; ++i) pages[i] = (struct page){0, 0, 1, driver_here};
  if (first < first_free) first_free = first;
#ifdef RINGSIDE_HOSTED
  native->pages_taken(address, count);
#endif
  return 0;
}

void driver_pages_end(void) {
  for (unsigned i = 0; i < pool_pages; ++i) {
    if (pages[i].count == 0) continue;
    driver_violation_at(&pages[i].site, "pages_leaked",
                        "rs_main() returned, and %u pages from here were not freed", pages[i].count);
  }
}
