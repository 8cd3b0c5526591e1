// Reads the first sectors of a disk, writes some, and reads them again: with "first" in its command line in
// one way, otherwise in another way, with other sizes, order and number of requests in flight. Both print a
// sum of what they read, which must be the same. "more" adds what the first way never asks for.
#include "guest/blkfront.h"

enum { kSectors = 64, kWriteAt = 16, kWritten = 16, kPages = kSectors / 8 };

static struct blkfront disk;
static char* pages[kPages];  // of all sectors, in their order
static char* spare;
static unsigned failures, finished;
static int16_t last_status;

static void on_response(void* data, unsigned id, int16_t status) {
  (void)data;
  (void)id;
  last_status = status;
  ++finished;
  if (status != BLKIF_RSP_OKAY) ++failures;
}

// Whole pages, or the sectors of one.
static void put(uint8_t operation, uint64_t sector, unsigned count) {
  struct blk_request request = {.operation = operation, .sector = sector};
  for (unsigned at = 0; at < count;) {
    const unsigned place = (unsigned)sector + at, first = place % 8;
    const unsigned last = first + (count - at) - 1 < 7 ? first + (count - at) - 1 : 7;
    request.segments[request.segment_count++] =
        (struct blk_segment){.page = pages[place / 8], .first = (uint8_t)first, .last = (uint8_t)last};
    at += last - first + 1;
  }
  blkfront_put(&disk, blkfront_id(&disk), &request);
}

static void wait_for_all(void) {
  blkfront_kick(&disk);
  blkfront_drain(&disk);
}

static uint64_t sum(void) {
  uint64_t value = 0;
  for (unsigned page = 0; page < kPages; ++page) {
    const uint64_t* words = (const uint64_t*)pages[page];
    for (unsigned i = 0; i < GUEST_PAGE_SIZE / 8; ++i) value = value * 31 + words[i];
  }
  return value;
}

static void clear(void) {
  for (unsigned page = 0; page < kPages; ++page) memset(pages[page], 0, GUEST_PAGE_SIZE);
}

static void fill(void) {
  for (unsigned page = kWriteAt / 8; page < (kWriteAt + kWritten) / 8; ++page)
    memset(pages[page], 'w' + (int)page, GUEST_PAGE_SIZE);
}

static void flush(void) {
  const struct blk_request request = {.operation = BLKIF_OP_FLUSH_DISKCACHE};
  blkfront_put(&disk, blkfront_id(&disk), &request);
  wait_for_all();
}

static void first_way(void) {
  for (unsigned sector = 0; sector < kSectors; sector += 16) {
    put(BLKIF_OP_READ, sector, 16);
    wait_for_all();
  }
  print("blk-otherwise: before %lx\n", sum());
  fill();
  put(BLKIF_OP_WRITE, kWriteAt, kWritten);
  wait_for_all();
  flush();
  clear();
  for (unsigned sector = 0; sector < kSectors; sector += 32) put(BLKIF_OP_READ, sector, 32);
  wait_for_all();
  print("blk-otherwise: after %lx\n", sum());
}

static void other_way(void) {
  // From the end, in pieces that lie across those of the first way, all in flight at once.
  put(BLKIF_OP_READ, 61, 3);
  put(BLKIF_OP_READ, 37, 24);
  put(BLKIF_OP_READ, 5, 32);
  put(BLKIF_OP_READ, 0, 5);
  wait_for_all();
  print("blk-otherwise: before %lx\n", sum());
  fill();
  put(BLKIF_OP_WRITE, kWriteAt + 8, kWritten - 8);
  put(BLKIF_OP_WRITE, kWriteAt, 8);
  wait_for_all();
  flush();
  clear();
  for (unsigned sector = 0; sector < kSectors; sector += 4) put(BLKIF_OP_READ, sector, 4);
  wait_for_all();
  print("blk-otherwise: after %lx\n", sum());
}

static void refused(const char* what) {
  wait_for_all();
  if (last_status == BLKIF_RSP_ERROR && failures != 0) {
    failures = 0;
    print("blk-otherwise: refused: %s\n", what);
    return;
  }
  ++failures;
  print("blk-otherwise: %s was answered\n", what);
}

// What no recording of the first way has.
static void more(void) {
  struct blk_request request = {.operation = BLKIF_OP_READ, .sector = 200, .segment_count = 1};
  request.segments[0] = (struct blk_segment){.page = spare, .first = 0, .last = 7};
  blkfront_put(&disk, blkfront_id(&disk), &request);
  refused("a read of what nobody has read");
  memset(pages[kWriteAt / 8], 'x', GUEST_PAGE_SIZE);
  put(BLKIF_OP_WRITE, kWriteAt, 8);
  refused("a write of other data");
}

void guest_main(void) {
  if (blkfront_connect(&disk, "51712", on_response, 0)) {
    print("blk-otherwise: FAIL: no disk\n");
    return;
  }
  for (unsigned page = 0; page < kPages; ++page) pages[page] = allocate_page();
  spare = allocate_page();
  if (option("first")) {
    first_way();
  } else {
    other_way();
  }
  if (option("more")) more();
  blkfront_close(&disk);
  print(failures == 0 ? "blk-otherwise: PASS\n" : "blk-otherwise: FAIL\n");
}
