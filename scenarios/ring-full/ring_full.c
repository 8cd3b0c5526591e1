// A driver with more reads to make than its ring has places for. README.md says what it shows and what it
// cannot.
#include "guest/blkring.h"
#include "scenarios/blk-read/pattern.h"

enum { kReads = 48, kPlaces = 32, kSectors = GUEST_PAGE_SIZE / 512 };

static struct blkring disk;
static unsigned made, done, wrong, sleeps, most;

// By the place in the ring: whoever has the place has the page.
static struct {
  char* page;
  grant_ref_t grant;
  uint64_t sector;
} reads[kPlaces];

// --- The driver ---

static unsigned in_flight(void) { return made - done; }

// As many as there is room for; then one look whether the backend wants to be told.
static void put_what_fits(void) {
  lock_events();
  for (; made < kReads && !RING_FULL(&disk.front); ++made) {
    const unsigned place = made % kPlaces;
    reads[place].sector = (uint64_t)made * kSectors;
    reads[place].grant = grant_page(reads[place].page, 0);
    blkring_put_read(&disk, made, reads[place].sector, kSectors, reads[place].grant);
  }
  if (in_flight() > most) most = in_flight();
  blkring_publish(&disk);
  unlock_events();
}

static void finish(const struct blkif_response* response) {
  const unsigned place = response->id % kPlaces;
  const uint64_t first_word = *(const uint64_t*)reads[place].page;
  end_grant(reads[place].grant);
  if (response->status != BLKIF_RSP_OKAY || first_word != pattern_start(reads[place].sector, 0)) ++wrong;
  ++done;
}

static void on_event(void* data) {
  (void)data;
  int more;
  do {
    const RING_IDX produced = *(volatile RING_IDX*)&disk.front.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    while (disk.front.rsp_cons != produced) {
      const struct blkif_response response = *RING_GET_RESPONSE(&disk.front, disk.front.rsp_cons);
      disk.front.rsp_cons++;
      finish(&response);
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&disk.front, more);
  } while (more);
}

// --- The program ---

static int has_room(void* data) {
  (void)data;
  return !RING_FULL(&disk.front);
}

static int all_done(void* data) {
  (void)data;
  return done == kReads;
}

void guest_main(void) {
  for (unsigned i = 0; i < kPlaces; ++i) reads[i].page = allocate_page();
  if (blkring_connect(&disk, "51712", on_event, 0)) {
    print("ring-full: FAIL: no disk\n");
    return;
  }
  print("ring-full: %u reads to make, and a ring of %u places\n", kReads, RING_SIZE(&disk.front));
  put_what_fits();
  while (made < kReads) {
    ++sleeps;
    wait_until(has_room, 0);
    put_what_fits();
  }
  wait_until(all_done, 0);
  const int left = blkring_close(&disk);
  print("ring-full: %u reads, %u in flight at most; no room %u times\n", done, most, sleeps);
  const int right = !left && wrong == 0 && RING_SIZE(&disk.front) == kPlaces && most == kPlaces &&
                    sleeps == kReads - kPlaces;
  print(right ? "ring-full: PASS\n" : "ring-full: FAIL\n");
}
