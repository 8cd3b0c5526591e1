// A driver reads the same page of memory full eight times. Two reads fail, one in the half where the driver
// forgets its grant when a read fails. README.md says what it shows and what it cannot.
#include "guest/blkring.h"
#include "scenarios/blk-read/pattern.h"

enum { kReads = 8, kSectors = GUEST_PAGE_SIZE / 512 };

static struct blkring disk;
static char* page;
static grant_ref_t grant;
static unsigned done, failed, wrong;
static int careful;

// --- The driver ---

static void start_read(unsigned number) {
  grant = grant_page(page, 0);
  blkring_put_read(&disk, number, (uint64_t)number * kSectors, kSectors, grant);
  blkring_publish(&disk);
}

static void finish_careless(const struct blkif_response* response) {
  if (response->status != BLKIF_RSP_OKAY) {
    ++failed;
    return;  // and domain 0 may use the page for ever
  }
  end_grant(grant);
}

static void finish_careful(const struct blkif_response* response) {
  end_grant(grant);
  if (response->status != BLKIF_RSP_OKAY) ++failed;
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
      if (careful) {
        finish_careful(&response);
      } else {
        finish_careless(&response);
      }
      const uint64_t expected = pattern_start(response.id * kSectors, 0);
      if (response.status == BLKIF_RSP_OKAY && *(const uint64_t*)page != expected) ++wrong;
      ++done;
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&disk.front, more);
  } while (more);
}

// --- The program ---

static int is_done(void* data) { return done == *(const unsigned*)data; }

static void read_some(const char* who, int is_careful, unsigned first, unsigned end) {
  careful = is_careful;
  failed = 0;
  for (unsigned number = first; number < end; ++number) {
    const unsigned wanted = number + 1;
    start_read(number);
    wait_until(is_done, (void*)&wanted);
  }
  print("grant-leak: %s driver: %u reads, %u failed\n", who, end - first, failed);
}

void guest_main(void) {
  page = allocate_page();
  if (blkring_connect(&disk, "51712", on_event, 0)) {
    print("grant-leak: FAIL: no disk\n");
    return;
  }
  read_some("careless", 0, 0, kReads / 2);
  read_some("careful", 1, kReads / 2, kReads);
  const int left = blkring_close(&disk);
  print(left || wrong ? "grant-leak: FAIL\n" : "grant-leak: PASS\n");
}
