/* What the block driver is asked to do under test: it reads the whole disk, each sector of which begins with
 * its number in eight digits, and writes its last page. */
#include <ringside/hosted.h>
#include <string.h>

#include "blkfront.h"

static unsigned errors, wrong;

struct read {
  uint64_t sector;
  char* page;
  int under_way;
};

static int is_free(void* data) { return !((struct read*)data)->under_way; }

static void on_read(void* data, int status) {
  struct read* read = data;
  read->under_way = 0;
  if (status) {
    ++errors;
    return;
  }
  for (unsigned i = 0; i < BLK_SECTORS_PER_PAGE; ++i) {
    uint64_t expected = read->sector + i, found = 0;
    for (unsigned digit = 0; digit < 8; ++digit) {
      found = found * 10 + (uint64_t)(read->page[i * BLK_SECTOR_BYTES + digit] - '0');
    }
    wrong += found != expected;
  }
}

static void on_written(void* data, int status) {
  *(int*)data = status;
  errors += status != 0;
}

void rs_main(void) {
  static struct read reads[BLK_IN_FLIGHT];
  struct blkfront* front = blk_open("51712");
  if (!front) return;
  errors = wrong = 0;
  char* pages = rs_alloc_pages(BLK_IN_FLIGHT + 1);
  if (!pages) rs_panic("no pages");
  const uint64_t sectors = blk_sectors(front);
  unsigned number = 0;
  for (uint64_t sector = 0; sector < sectors; sector += BLK_SECTORS_PER_PAGE, ++number) {
    struct read* read = &reads[number % BLK_IN_FLIGHT];
    if (read->under_way) rs_wait_until(is_free, read, RS_FOREVER);
    *read = (struct read){sector, pages + number % BLK_IN_FLIGHT * RS_PAGE_SIZE, 1};
    blk_read(front, sector, read->page, on_read, read);
  }
  blk_drain(front);
  int status = -1;
  char* page = pages + BLK_IN_FLIGHT * RS_PAGE_SIZE;
  memset(page, 'w', RS_PAGE_SIZE);
  blk_write(front, sectors - BLK_SECTORS_PER_PAGE, page, on_written, &status);
  blk_drain(front);
  rs_print("blk: %u pages read, %u at once, %u errors, %u wrong sectors, write %s\n", number,
           blk_most_in_flight(front), errors, wrong, status ? "failed" : "ok");
  blk_close(front);
  rs_free_pages(pages, BLK_IN_FLIGHT + 1);
}
