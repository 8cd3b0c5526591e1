/* What the 9P client is asked to do under test: it reads a file whose every 512 bytes begin with their number
 * in eight digits, with 32 requests in flight, and asks for a file that is not there. */
#include <ringside/hosted.h>

#include "p9client.h"

static unsigned errors, wrong;
static uint64_t bytes;

struct block {
  uint64_t number;
  char text[P9_READ_MAX];
  int under_way;
};

static int is_free(void* data) { return !((struct block*)data)->under_way; }

static void on_read(void* data, int got) {
  struct block* block = data;
  uint64_t found = 0;
  block->under_way = 0;
  if (got != P9_READ_MAX) {
    ++errors;
    return;
  }
  bytes += (uint64_t)got;
  for (unsigned digit = 0; digit < 8; ++digit) found = found * 10 + (uint64_t)(block->text[digit] - '0');
  wrong += found != block->number;
}

void rs_main(void) {
  static struct block blocks[P9_IN_FLIGHT];
  const uint64_t count = rs_option_number("blocks", 128);
  struct p9* p9 = p9_mount("0");
  if (!p9) return;
  errors = wrong = 0;
  bytes = 0;
  if (p9_open(p9, "numbers.txt", 1)) rs_panic("numbers.txt cannot be opened");
  for (uint64_t number = 0; number < count; ++number) {
    struct block* block = &blocks[number % P9_IN_FLIGHT];
    if (block->under_way) rs_wait_until(is_free, block, RS_FOREVER);
    block->number = number;
    block->under_way = 1;
    p9_read(p9, 1, number * P9_READ_MAX, block->text, P9_READ_MAX, on_read, block);
  }
  p9_drain(p9);
  p9_clunk(p9, 1);
  const int missing = p9_open(p9, "nobody.txt", 2);
  rs_print("p9: %u bytes read, %u reads at once, %u errors, %u wrong, a missing file gives %d\n",
           (unsigned)bytes, p9_most_in_flight(p9), errors, wrong, missing);
  p9_unmount(p9);
}
