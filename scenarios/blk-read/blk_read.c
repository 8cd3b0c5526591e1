// Reads, writes and checks a whole disk with a full ring. README.md says what it shows and what it cannot.
#include "guest/blkfront.h"
#include "scenarios/blk-read/pattern.h"

enum {
  kPagesPerRequest = 4,
  kSectorsPerPage = 8,
  kChunkSectors = kPagesPerRequest * kSectorsPerPage,
  kChunks = kDiskSectors / kChunkSectors,
};

static struct blkfront disk;
static uint64_t random_state = 20240101;
static unsigned reads, writes, flushes, refusals, failures, out_of_order;
static uint64_t next_to_finish, order_of[kBlkRequestsMax], requests_made;

// What is in flight under each id.
static struct work {
  char* pages[kPagesPerRequest];
  grant_ref_t grants[kPagesPerRequest];
  uint64_t sector;
  unsigned first, count;  // sectors: where in the buffer they start, and how many
  int checks_data;
  int16_t expected;
  const char* what;
} works[kBlkRequestsMax];

static uint8_t generation_of[kChunks];  // by chunk

static uint64_t random_below(uint64_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % bound;
}

static void fail(const char* what, uint64_t sector, int64_t found, int64_t expected) {
  if (failures++ < 10)
    print("blk-read: %s at sector %lu: found %ld, expected %ld\n", what, sector, found, expected);
}

static void shuffle(uint16_t* order, unsigned count) {
  for (unsigned i = 0; i < count; ++i) order[i] = (uint16_t)i;
  for (unsigned i = count; i > 1; --i) {
    const unsigned other = (unsigned)random_below(i);
    const uint16_t swapped = order[i - 1];
    order[i - 1] = order[other];
    order[other] = swapped;
  }
}

static uint64_t* buffer_sector(struct work* work, unsigned index) {
  return (uint64_t*)(work->pages[index / kSectorsPerPage] + index % kSectorsPerPage * 512);
}

// The sectors that were read hold their pattern, and the rest of the buffer the zeros that it was cleared to.
static unsigned wrong_words(struct work* work) {
  unsigned wrong = 0;
  for (unsigned index = 0; index < kChunkSectors; ++index) {
    const uint64_t* words = buffer_sector(work, index);
    const int inside = index >= work->first && index < work->first + work->count;
    const uint64_t sector = work->sector + index - work->first;
    for (unsigned i = 0; i < kPatternWords; ++i) {
      const uint64_t expected = inside ? pattern_word(sector, i, generation_of[sector / kChunkSectors]) : 0;
      if (words[i] != expected) ++wrong;
    }
  }
  return wrong;
}

static unsigned finished[kBlkRequestsMax], finished_count;  // by the handler, not yet checked
static int16_t statuses[kBlkRequestsMax];
static unsigned held;  // ids whose data has not been checked yet

// With events masked: only notes what came; checking is the program's.
static void on_response(void* data, unsigned id, int16_t status) {
  (void)data;
  statuses[id] = status;
  if (order_of[id] != next_to_finish) ++out_of_order;
  if (order_of[id] >= next_to_finish) next_to_finish = order_of[id] + 1;
  if (finished_count < kBlkRequestsMax) finished[finished_count++] = id;
}

static void check(unsigned id) {
  struct work* work = &works[id];
  if (statuses[id] != work->expected) fail(work->what, work->sector, statuses[id], work->expected);
  if (work->checks_data && statuses[id] == BLKIF_RSP_OKAY) {
    const unsigned wrong = wrong_words(work);
    if (wrong != 0) fail("wrong words", work->sector, wrong, 0);
  }
  held &= ~(1u << id);
}

static void check_finished(void) {
  for (;;) {
    lock_events();
    const int any = finished_count != 0;
    const unsigned id = any ? finished[--finished_count] : 0;
    unlock_events();
    if (!any) return;
    check(id);
  }
}

static int something_finished(void* data) {
  (void)data;
  return finished_count != 0;
}

// An id that is neither in flight nor waiting to be checked.
static unsigned take_id(void) {
  for (;;) {
    check_finished();
    if (~held != 0) {
      const unsigned id = blkfront_id(&disk);
      held |= 1u << id;
      order_of[id] = requests_made++;
      return id;
    }
    blkfront_kick(&disk);
    wait_until(something_finished, 0);
  }
}

static void drain(void) {
  blkfront_drain(&disk);
  check_finished();
}

static struct blkif_request transfer(unsigned id, uint8_t operation, uint64_t sector, unsigned first,
                                     unsigned count) {
  struct work* work = &works[id];
  work->sector = sector;
  work->first = first;
  work->count = count;
  work->checks_data = operation == BLKIF_OP_READ;
  work->expected = BLKIF_RSP_OKAY;
  work->what = operation == BLKIF_OP_READ ? "read" : "write";
  struct blkif_request request = {.operation = operation, .sector_number = sector};
  for (unsigned at = first; at < first + count;) {
    const unsigned page = at / kSectorsPerPage;
    const unsigned page_end = (page + 1) * kSectorsPerPage;
    const unsigned end = page_end < first + count ? page_end : first + count;
    struct blkif_request_segment* segment = &request.seg[request.nr_segments++];
    segment->gref = work->grants[page];
    segment->first_sect = (uint8_t)(at % kSectorsPerPage);
    segment->last_sect = (uint8_t)((end - 1) % kSectorsPerPage);
    at = end;
  }
  return request;
}

static void read_sectors(uint64_t sector, unsigned first, unsigned count) {
  const unsigned id = take_id();
  for (unsigned page = 0; page < kPagesPerRequest; ++page) memset(works[id].pages[page], 0, GUEST_PAGE_SIZE);
  blkfront_put(&disk, id, transfer(id, BLKIF_OP_READ, sector, first, count));
  ++reads;
}

static void write_chunk(unsigned chunk) {
  const unsigned id = take_id();
  const uint64_t sector = (uint64_t)chunk * kChunkSectors;
  generation_of[chunk] = 1;
  for (unsigned index = 0; index < kChunkSectors; ++index) {
    uint64_t* words = buffer_sector(&works[id], index);
    for (unsigned i = 0; i < kPatternWords; ++i) words[i] = pattern_word(sector + index, i, 1);
  }
  blkfront_put(&disk, id, transfer(id, BLKIF_OP_WRITE, sector, 0, kChunkSectors));
  ++writes;
}

static void read_all(void) {
  uint16_t order[kChunks];
  shuffle(order, kChunks);
  for (unsigned i = 0; i < kChunks; ++i) read_sectors((uint64_t)order[i] * kChunkSectors, 0, kChunkSectors);
  drain();
}

static void read_single_sectors(void) {
  for (unsigned i = 0; i < 128; ++i) {
    const unsigned count = 1 + (unsigned)random_below(11);
    read_sectors(random_below(kDiskSectors - count), (unsigned)random_below(kChunkSectors - count), count);
  }
  drain();
}

static void write_half(void) {
  uint16_t order[kChunks];
  shuffle(order, kChunks);
  for (unsigned i = 0; i < kChunks / 2; ++i) write_chunk(order[i]);
  drain();
}

static void flush(void) {
  const unsigned id = take_id();
  works[id] = (struct work){
      .expected = BLKIF_RSP_OKAY,
      .what = "flush",
      .sector = 0,
      .checks_data = 0,
      .pages = {works[id].pages[0], works[id].pages[1], works[id].pages[2], works[id].pages[3]},
      .grants = {works[id].grants[0], works[id].grants[1], works[id].grants[2], works[id].grants[3]}};
  blkfront_put(&disk, id, (struct blkif_request){.operation = BLKIF_OP_FLUSH_DISKCACHE});
  ++flushes;
  drain();
}

// Each starts as a read of one page that would be served, and has one thing wrong.
static void refused(const char* what, int16_t expected, void (*spoil)(struct blkif_request* request)) {
  const unsigned id = take_id();
  struct blkif_request request = transfer(id, BLKIF_OP_READ, 64, 0, kSectorsPerPage);
  spoil(&request);
  works[id].what = what;
  works[id].expected = expected;
  works[id].sector = request.sector_number;
  blkfront_put(&disk, id, request);
  ++refusals;
  drain();
}

static grant_ref_t read_only_grant;

static void past_the_end(struct blkif_request* request) { request->sector_number = disk.sectors - 7; }
static void near_2_to_64(struct blkif_request* request) { request->sector_number = ~7ull; }
static void no_segments(struct blkif_request* request) { request->nr_segments = 0; }
static void too_many_segments(struct blkif_request* request) { request->nr_segments = 12; }
static void segment_backwards(struct blkif_request* request) {
  request->seg[0].first_sect = 3;
  request->seg[0].last_sect = 2;
}
static void segment_too_long(struct blkif_request* request) { request->seg[0].last_sect = 8; }
static void no_such_grant(struct blkif_request* request) { request->seg[0].gref = 500; }
static void grant_out_of_table(struct blkif_request* request) { request->seg[0].gref = 0x7fffffff; }
static void grant_read_only(struct blkif_request* request) { request->seg[0].gref = read_only_grant; }
static void unknown_operation(struct blkif_request* request) { request->operation = 77; }
static void barrier(struct blkif_request* request) { request->operation = BLKIF_OP_WRITE_BARRIER; }

static void make_mistakes(void) {
  read_only_grant = grant_page(allocate_page(), 1);
  refused("read past the end", BLKIF_RSP_ERROR, past_the_end);
  refused("read near sector 2^64", BLKIF_RSP_ERROR, near_2_to_64);
  refused("no segments", BLKIF_RSP_ERROR, no_segments);
  refused("too many segments", BLKIF_RSP_ERROR, too_many_segments);
  refused("segment backwards", BLKIF_RSP_ERROR, segment_backwards);
  refused("segment too long", BLKIF_RSP_ERROR, segment_too_long);
  refused("no such grant", BLKIF_RSP_ERROR, no_such_grant);
  refused("grant out of the table", BLKIF_RSP_ERROR, grant_out_of_table);
  refused("read into a read-only grant", BLKIF_RSP_ERROR, grant_read_only);
  refused("unknown operation", BLKIF_RSP_EOPNOTSUPP, unknown_operation);
  refused("barrier", BLKIF_RSP_EOPNOTSUPP, barrier);
}

// After all, no grant is still mapped: the backend gives back what it used.
static void check_grants(void) {
  for (unsigned id = 0; id < kBlkRequestsMax; ++id) {
    for (unsigned page = 0; page < kPagesPerRequest; ++page) {
      if (!end_grant(works[id].grants[page])) fail("a grant is still in use", id, page, 0);
    }
  }
}

void guest_main(void) {
  if (blkfront_connect(&disk, "51712", on_response, 0)) {
    print("blk-read: FAIL: no disk\n");
    return;
  }
  print("blk-read: %lu sectors\n", disk.sectors);
  if (disk.sectors != kDiskSectors) fail("size of the disk", 0, (int64_t)disk.sectors, kDiskSectors);
  for (unsigned id = 0; id < kBlkRequestsMax; ++id) {
    for (unsigned page = 0; page < kPagesPerRequest; ++page) {
      works[id].pages[page] = allocate_page();
      works[id].grants[page] = grant_page(works[id].pages[page], 0);
    }
  }
  read_all();
  read_single_sectors();
  write_half();
  flush();
  read_all();
  make_mistakes();
  if (disk.in_flight_max != kBlkRequestsMax)
    fail("requests in flight", 0, disk.in_flight_max, kBlkRequestsMax);
  if (out_of_order == 0) fail("responses out of order", 0, 0, 1);
  blkfront_close(&disk);
  check_grants();
  print(
      "blk-read: %u reads, %u writes, %u flushes, %u refused as they must be; %u in flight at most, %u out "
      "of order\n",
      reads, writes, flushes, refusals, disk.in_flight_max, out_of_order);
  print(failures == 0 ? "blk-read: PASS\n" : "blk-read: FAIL\n");
}
