// Mounts a share in both dialects of 9P and reads its files. README.md says what it shows and what it cannot.
#include "guest/9pfront.h"

enum { kLongBytes = 20000 };

static struct p9_front share;
static unsigned failures, messages;
static char buffer[kLongBytes];

static int check(const char* what, int error, int expected) {
  ++messages;
  if (error == expected) return 0;
  ++failures;
  print("share-read: %s: found %d, expected %d\n", what, error, expected);
  return 1;
}

// A file's bytes, as many as a message holds at a time; how many there are.
static uint32_t read_file(uint32_t fid, uint32_t step) {
  uint32_t length = 0, got;
  do {
    if (check("reading", p9_read(&share, fid, length, buffer + length, step, &got), 0)) return 0;
    length += got;
  } while (got != 0 && length + step <= kLongBytes);
  return length;
}

static void check_text(const char* what, uint32_t length, const char* expected) {
  if (length == strlen(expected) && memcmp(buffer, expected, length) == 0) return;
  ++failures;
  print("share-read: %s: found %u bytes\n", what, length);
}

static void use(unsigned dialect) {
  check("version", p9_version(&share, dialect, 8192), 0);
  check("attach", p9_attach(&share, dialect, 0), 0);
  check("walking to a file", p9_walk(&share, 0, 1, "hello.txt"), 0);
  check("opening a file", p9_open(&share, dialect, 1), 0);
  check_text("hello.txt", read_file(1, 4096), "Hello from a share!\n");
  check_text("hello.txt, five bytes at a time", read_file(1, 5), "Hello from a share!\n");
  check("walking to a folder", p9_walk(&share, 0, 2, "folder"), 0);
  check("walking on", p9_walk(&share, 2, 3, "deep.txt"), 0);
  check("opening that", p9_open(&share, dialect, 3), 0);
  check_text("deep.txt", read_file(3, 4096), "deep\n");
  // ENOENT is 2; 9P2000 has a text in its place.
  check("walking to nothing", p9_walk(&share, 0, 4, "nothing"), dialect == k9pLinux ? 2 : 1);
  check("clunk", p9_clunk(&share, 1), 0);
  check("reading a fid that is clunked", p9_read(&share, 1, 0, buffer, 10, &(uint32_t){0}) != 0, 1);
}

void guest_main(void) {
  if (p9_connect(&share, "0", 2, 2)) {
    print("share-read: FAIL: no share\n");
    return;
  }
  print("share-read: tag '%s', %u rings of %u bytes each way\n", share.tag, share.rings, share.ring[0].size);
  use(k9pLinux);
  use(k9pBase);
  if (p9_close(&share)) {
    ++failures;
    print("share-read: a grant is still in use\n");
  }
  print("share-read: %u messages\n", messages);
  print(failures == 0 ? "share-read: PASS\n" : "share-read: FAIL\n");
}
