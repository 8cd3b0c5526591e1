// Another client of the files of scenarios/share-read: other fids, the other dialect first, several names in
// a walk, other sizes of reads, no read of five bytes at a time. What "more" in its command line adds is in
// no recording of share-read.
#include "guest/9pfront.h"

static struct p9_front share;
static struct p9_message message;
static unsigned failures;
static char buffer[256];

static void check(const char* what, int error, int expected) {
  if (error == expected) return;
  ++failures;
  print("share-otherwise: %s: found %d, expected %d\n", what, error, expected);
}

static int walk_two(uint32_t fid, uint32_t newfid, const char* first, const char* second) {
  p9_begin(&message, k9pTwalk, 77);
  p9_number(&message, fid, 4);
  p9_number(&message, newfid, 4);
  p9_number(&message, 2, 2);
  p9_text(&message, first);
  p9_text(&message, second);
  return p9_call(&share, 0, &message);
}

static void read_whole(const char* what, uint32_t fid, uint32_t step, const char* expected) {
  uint32_t length = 0, got = 0;
  do {
    const int error = p9_read(&share, fid, length, buffer + length, step, &got);
    check(what, error, 0);
    if (error) return;
    length += got;
  } while (got != 0 && length + step <= sizeof buffer);
  if (length == strlen(expected) && memcmp(buffer, expected, length) == 0) return;
  ++failures;
  print("share-otherwise: %s: %u bytes are not as expected\n", what, length);
}

static void use(unsigned dialect, uint32_t step) {
  check("version", p9_version(&share, dialect, 6000), 0);
  check("attach", p9_attach(&share, dialect, 1000), 0);
  check("walking two names", walk_two(1000, 2000, "folder", "deep.txt"), 0);
  check("opening deep.txt", p9_open(&share, dialect, 2000), 0);
  read_whole("deep.txt", 2000, step, "deep\n");
  check("walking to hello.txt", p9_walk(&share, 1000, 7, "hello.txt"), 0);
  check("opening hello.txt", p9_open(&share, dialect, 7), 0);
  read_whole("hello.txt", 7, step, "Hello from a share!\n");
  check("walking to nothing", p9_walk(&share, 1000, 8, "nothing"), dialect == k9pLinux ? 2 : 1);
  check("a fid that is in use", p9_walk(&share, 1000, 7, "hello.txt") != 0, 1);
  check("clunk", p9_clunk(&share, 2000), 0);
}

void guest_main(void) {
  if (p9_connect(&share, "0", 1, 1)) {
    print("share-otherwise: FAIL: no share\n");
    return;
  }
  use(k9pBase, 3);
  use(k9pLinux, 100);
  if (option("more")) check("a file that nobody read", p9_walk(&share, 1000, 9, "unknown.txt"), 5);
  p9_close(&share);
  print(failures == 0 ? "share-otherwise: PASS\n" : "share-otherwise: FAIL\n");
}
