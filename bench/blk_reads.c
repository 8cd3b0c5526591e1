// Random reads of 4 KiB with 32 requests in flight, as many as the command line says; with persistent grants,
// as Linux's blkfront does it. What is read is not looked at: the bench measures the way there and back.
#include "guest/blkfront.h"

enum { kSectorsPerRequest = 8, kRequests = 40000 };  // unless the command line says: requests=100

static struct blkfront disk;
static grant_ref_t grants[kBlkRequestsMax];
static uint64_t random_state = 20240101;
static unsigned made, failures;

static uint64_t random_below(uint64_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % bound;
}

static void on_response(void* data, unsigned id, int16_t status) {
  (void)data;
  (void)id;
  if (status != BLKIF_RSP_OKAY) ++failures;
}

void guest_main(void) {
  disk.persistent = 1;
  if (blkfront_connect(&disk, "51712", on_response, 0)) return;
  for (unsigned id = 0; id < kBlkRequestsMax; ++id) grants[id] = grant_page(allocate_page(), 0);
  const uint64_t places = disk.sectors / kSectorsPerRequest;
  const unsigned wanted = option_number("requests=", kRequests);
  while (made < wanted) {
    const unsigned id = blkfront_id(&disk);
    const struct blk_request request = {
        .operation = BLKIF_OP_READ,
        .segment_count = 1,
        .sector = random_below(places) * kSectorsPerRequest,
        .segments = {{.grant = grants[id], .last = kSectorsPerRequest - 1}},
    };
    blkfront_put(&disk, id, &request);
    ++made;
  }
  blkfront_drain(&disk);
  blkfront_close(&disk);
  for (unsigned id = 0; id < kBlkRequestsMax; ++id) end_grant(grants[id]);
  print("blk-reads: %u requests, %u failed, %u in flight at most\n", made, failures, disk.in_flight_max);
}
