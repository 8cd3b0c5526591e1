// Mounts a share, walks to a file, reads it, and walks to what is not there. README.md says what it shows and
// what it cannot.
#include "guest/9pfront.h"

enum { kRoot = 0, kFile = 1, kSecond = 2, kNever = 3, kENOENT = 2, kPiece = 16, kBytes = 64 };

static struct p9_front share;
static unsigned failures;

static void check(const char* what, unsigned found, unsigned expected) {
  if (found == expected) return;
  ++failures;
  print("9p-walk: %s: found %u, expected %u\n", what, found, expected);
}

// Twalk with several names at once, which is what makes it a walk. How many of them were found; 0 and an
// error's number if not even the first was.
static unsigned walk(uint32_t fid, uint32_t newfid, const char* const* names, unsigned count, int* error) {
  static struct p9_message message;
  static uint16_t tag = 100;
  p9_begin(&message, k9pTwalk, tag++);
  p9_number(&message, fid, 4);
  p9_number(&message, newfid, 4);
  p9_number(&message, count, 2);
  for (unsigned i = 0; i < count; ++i) p9_text(&message, names[i]);
  *error = p9_call(&share, 0, &message);
  if (*error) return 0;
  uint32_t at = 7;
  return (unsigned)p9_get(&message, &at, 2);
}

static void put_read(uint32_t fid, uint16_t tag, uint64_t offset, uint32_t count) {
  static struct p9_message message;
  p9_begin(&message, k9pTread, tag);
  p9_number(&message, fid, 4);
  p9_number(&message, offset, 8);
  p9_number(&message, count, 4);
  p9_put(&share.ring[0], message.bytes, message.size);
}

// Takes one answer; its tag.
static unsigned take_answer(void) {
  uint8_t head[7];
  const uint32_t size = p9_wait_answer(&share.ring[0]);
  p9_peek(&share.ring[0], 0, head, sizeof head);
  p9_drop(&share.ring[0], size);
  return head[5] | (unsigned)head[6] << 8;
}

static void read_whole_file(void) {
  static char text[kBytes + 1];
  uint32_t length = 0, got = 0;
  do {
    check("reading", (unsigned)p9_read(&share, kFile, length, text + length, kPiece, &got), 0);
    length += got;
  } while (got != 0 && length + kPiece <= kBytes);
  text[length] = 0;
  print("9p-walk: docs/xen/rings.txt says: %s", text);
}

static void read_two_at_once(void) {
  put_read(kFile, 200, 0, kPiece);
  put_read(kFile, 201, kPiece, kPiece);
  p9_kick(&share.ring[0]);
  check("tags of two answers", take_answer() + take_answer(), 200 + 201);
}

void guest_main(void) {
  static const char* const path[] = {"docs", "xen", "rings.txt"};
  static const char* const half[] = {"docs", "vmware", "rings.txt"};
  static const char* const none[] = {"nothing"};
  int error;
  if (p9_connect(&share, "0", 1, 1)) {
    print("9p-walk: FAIL: no share\n");
    return;
  }
  check("version", (unsigned)p9_version(&share, k9pLinux, 8192), 0);
  check("attach", (unsigned)p9_attach(&share, k9pLinux, kRoot), 0);
  check("names that were found", walk(kRoot, kFile, path, 3, &error), 3);
  check("walking nowhere", walk(kRoot, kSecond, path, 0, &error), 0);
  check("open", (unsigned)p9_open(&share, k9pLinux, kFile), 0);
  read_whole_file();
  read_two_at_once();
  check("names of half a path", walk(kSecond, kNever, half, 3, &error), 1);
  check("names of nothing", walk(kSecond, kNever, none, 1, &error), 0);
  check("error", (unsigned)error, kENOENT);
  check("clunk", (unsigned)p9_clunk(&share, kFile), 0);
  check("clunk", (unsigned)p9_clunk(&share, kSecond), 0);
  check("clunk", (unsigned)p9_clunk(&share, kRoot), 0);
  check("grants in use", (unsigned)p9_close(&share), 0);
  print(failures == 0 ? "9p-walk: PASS\n" : "9p-walk: FAIL\n");
}
