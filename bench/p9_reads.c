// Reads of 4 KiB by 9P with 32 messages in flight on one ring, as many as kReads. Of what is read only the
// first and the last byte are looked at: the bench measures the way there and back.
#include "guest/9pfront.h"

enum { kReads = 40000, kDepth = 32, kBytes = 4096, kFileBytes = 64 * 1024, kOrder = 7 };

static struct p9_front share;
static unsigned sent, answered, failures;

static void send_read(uint16_t tag) {
  struct {
    uint32_t size;
    uint8_t type;
    uint16_t tag;
    uint32_t fid;
    uint64_t offset;
    uint32_t count;
  } __attribute__((packed)) read = {23, k9pTread, tag, 1, sent * 7ul * kBytes % kFileBytes, kBytes};
  p9_put(&share.ring[0], &read, sizeof read);
  ++sent;
}

static void take_answer(void) {
  struct {
    uint32_t size;
    uint8_t type;
    uint16_t tag;
    uint32_t count;
    char first;
  } __attribute__((packed)) answer;
  char last;
  struct p9_ring* ring = &share.ring[0];
  p9_peek(ring, 0, &answer, sizeof answer);
  p9_peek(ring, answer.size - 1, &last, 1);
  if (answer.type != k9pTread + 1 || answer.count != kBytes || answer.first != 'x' || last != 'x') ++failures;
  p9_drop(ring, answer.size);
  ++answered;
  if (sent < kReads) send_read(answer.tag);
}

void guest_main(void) {
  if (p9_connect(&share, "0", 1, kOrder)) return;
  if (p9_version(&share, k9pLinux, 8192) || p9_attach(&share, k9pLinux, 0) || p9_walk(&share, 0, 1, "file") ||
      p9_open(&share, k9pLinux, 1)) {
    print("p9-reads: no file\n");
    return;
  }
  for (uint16_t tag = 0; tag < kDepth; ++tag) send_read(tag);
  p9_kick(&share.ring[0]);
  while (answered < kReads) {
    uint32_t size = p9_wait_answer(&share.ring[0]);
    do {
      take_answer();
      size = 0;
      if (p9_available(&share.ring[0]) >= sizeof size) p9_peek(&share.ring[0], 0, &size, sizeof size);
    } while (size != 0 && p9_available(&share.ring[0]) >= size);
    p9_kick(&share.ring[0]);
  }
  p9_close(&share);
  print("p9-reads: %u reads, %u failed\n", answered, failures);
}
