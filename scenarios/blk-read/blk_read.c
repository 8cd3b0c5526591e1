// Reads, writes and checks a disk with a full ring. README.md says what it shows and what it cannot. The
// command line may say: quick (some fifty requests, none of them wrong, for campaigns), batch=N (tells the
// backend after every N requests, 8), rest=N (goes so often round an empty loop then, as a program does
// something else).
#include "guest/blkfront.h"
#include "scenarios/blk-read/pattern.h"

enum {
  kPagesPerRequest = 4,
  kSectorsPerPage = 8,
  kBufferSectors = kPagesPerRequest * kSectorsPerPage,
  kChunksMax = kDiskSectors / kSectorsPerPage,
  kMistakes = 11,
};

// How much is done.
static struct load {
  unsigned chunk_sectors;  // what a request reads or writes in the long rows
  unsigned reads, singles, writes, mistakes;
} load = {kBufferSectors, kDiskSectors / kBufferSectors, 128, kDiskSectors / kBufferSectors / 2, kMistakes};
static const struct load quick_load = {kSectorsPerPage, 36, 5, 5, 0};

static struct blkfront disk;
static unsigned batch, rest;
static uint64_t random_state = 20240101;
static unsigned reads, writes, flushes, refusals, failures, out_of_order;
static uint64_t next_to_finish, order_of[kBlkRequestsMax], requests_made;

// What is under way by each id.
static struct work {
  char* pages[kPagesPerRequest];
  uint64_t sector;
  unsigned first, count;  // sectors: where in the buffer they start, and how many
  int checks_data;
  int16_t expected;
  const char* what;
} works[kBlkRequestsMax];

static uint8_t generation_of[kDiskSectors];

static uint64_t random_below(uint64_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state % bound;
}

static void fail(const char* what, uint64_t sector, int64_t found, int64_t expected) {
  if (failures++ < 10)
    print("blk-read: wrong: %s at sector %lu: found %ld, expected %ld\n", what, sector, found, expected);
}

static uint16_t order[kChunksMax];

// `first` of `count` chunks, drawn at random.
static void shuffle(unsigned first, unsigned count) {
  for (unsigned i = 0; i < count; ++i) order[i] = (uint16_t)i;
  for (unsigned i = 0; i < first; ++i) {
    const unsigned other = i + (unsigned)random_below(count - i);
    const uint16_t swapped = order[i];
    order[i] = order[other];
    order[other] = swapped;
  }
}

static uint64_t* buffer_sector(struct work* work, unsigned index) {
  return (uint64_t*)(work->pages[index / kSectorsPerPage] + index % kSectorsPerPage * 512);
}

static unsigned first_page(const struct work* work) { return work->first / kSectorsPerPage; }
static unsigned end_page(const struct work* work) {
  return (work->first + work->count + kSectorsPerPage - 1) / kSectorsPerPage;
}

// How many words of a sector are not `word`, that and a step, and so on.
static unsigned count_wrong(const uint64_t* words, uint64_t word, uint64_t step) {
  unsigned wrong = 0;
  for (unsigned i = 0; i < kPatternWords; ++i, word += step) wrong += words[i] != word;
  return wrong;
}

// The sectors that were read hold their pattern, and the rest of their pages the zeros that it was cleared
// to.
static unsigned wrong_words(struct work* work) {
  unsigned wrong = 0;
  for (unsigned index = first_page(work) * kSectorsPerPage; index < end_page(work) * kSectorsPerPage;
       ++index) {
    const int inside = index >= work->first && index < work->first + work->count;
    const uint64_t sector = work->sector + index - work->first;
    wrong += inside ? count_wrong(buffer_sector(work, index), pattern_start(sector, generation_of[sector]),
                                  kPatternStep)
                    : count_wrong(buffer_sector(work, index), 0, 0);
  }
  return wrong;
}

static unsigned finished[kBlkRequestsMax], finished_count;  // by the driver, not yet checked
static int16_t statuses[kBlkRequestsMax];
static uint64_t held;     // ids whose data has not been checked yet
static uint64_t pending;  // ids that the driver has not finished

// With events masked: only notes what came; checking is the program's.
static void on_response(void* data, unsigned id, int16_t status) {
  (void)data;
  if (!(pending & 1ull << id)) return fail("answered twice", works[id].sector, id, 0);
  pending &= ~(1ull << id);
  statuses[id] = status;
  if (order_of[id] != next_to_finish) ++out_of_order;
  if (order_of[id] >= next_to_finish) next_to_finish = order_of[id] + 1;
  finished[finished_count++] = id;
}

static void check(unsigned id) {
  struct work* work = &works[id];
  if (statuses[id] != work->expected) {
    fail(work->what, work->sector, statuses[id], work->expected);
  } else if (work->checks_data && statuses[id] == BLKIF_RSP_OKAY) {
    const unsigned wrong = wrong_words(work);
    if (wrong != 0) fail("words", work->sector, wrong, 0);
  }
  held &= ~(1ull << id);
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
    if (~held << (64 - kBlkRequestsMax) != 0) {
      const unsigned id = blkfront_id(&disk);
      check_finished();  // an event since the last look may have freed this very id
      held |= 1ull << id;
      order_of[id] = requests_made++;
      return id;
    }
    blkfront_kick(&disk);
    blkfront_wait(&disk, something_finished, 0);
  }
}

// Tells the backend after every few.
static void put(unsigned id, const struct blk_request* request) {
  pending |= 1ull << id;
  blkfront_put(&disk, id, request);
  if (requests_made % batch != 0) return;
  blkfront_kick(&disk);
  for (volatile unsigned i = 0; i < rest; ++i) {
  }
}

static void drain(void) {
  blkfront_drain(&disk);
  check_finished();
}

static struct blk_request transfer(unsigned id, uint8_t operation, uint64_t sector, unsigned first,
                                   unsigned count) {
  struct work* work = &works[id];
  work->sector = sector;
  work->first = first;
  work->count = count;
  work->checks_data = operation == BLKIF_OP_READ;
  work->expected = BLKIF_RSP_OKAY;
  work->what = operation == BLKIF_OP_READ ? "read" : "write";
  struct blk_request request = {.operation = operation, .sector = sector};
  for (unsigned at = first; at < first + count;) {
    const unsigned page = at / kSectorsPerPage;
    const unsigned page_end = (page + 1) * kSectorsPerPage;
    const unsigned end = page_end < first + count ? page_end : first + count;
    request.segments[request.segment_count++] =
        (struct blk_segment){.page = work->pages[page],
                             .first = (uint8_t)(at % kSectorsPerPage),
                             .last = (uint8_t)((end - 1) % kSectorsPerPage)};
    at = end;
  }
  return request;
}

static void read_sectors(uint64_t sector, unsigned first, unsigned count) {
  const unsigned id = take_id();
  const struct blk_request request = transfer(id, BLKIF_OP_READ, sector, first, count);
  for (unsigned page = first_page(&works[id]); page < end_page(&works[id]); ++page)
    memset(works[id].pages[page], 0, GUEST_PAGE_SIZE);
  put(id, &request);
  ++reads;
}

static void write_chunk(unsigned chunk) {
  const unsigned id = take_id();
  const uint64_t sector = (uint64_t)chunk * load.chunk_sectors;
  for (unsigned index = 0; index < load.chunk_sectors; ++index) {
    generation_of[sector + index] = 1;
    uint64_t* words = buffer_sector(&works[id], index);
    uint64_t word = pattern_start(sector + index, 1);
    for (unsigned i = 0; i < kPatternWords; ++i, word += kPatternStep) words[i] = word;
  }
  const struct blk_request request = transfer(id, BLKIF_OP_WRITE, sector, 0, load.chunk_sectors);
  put(id, &request);
  ++writes;
}

static void read_chunks(unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    read_sectors((uint64_t)order[i] * load.chunk_sectors, 0, load.chunk_sectors);
  drain();
}

static void read_single_sectors(void) {
  for (unsigned i = 0; i < load.singles; ++i) {
    const unsigned count = 1 + (unsigned)random_below(11);
    read_sectors(random_below(kDiskSectors - count), (unsigned)random_below(kBufferSectors - count), count);
  }
  drain();
}

static void write_chunks(void) {
  for (unsigned i = 0; i < load.writes; ++i) write_chunk(order[i]);
  drain();
}

static void flush(void) {
  const unsigned id = take_id();
  const struct blk_request request = {.operation = BLKIF_OP_FLUSH_DISKCACHE};
  works[id].sector = 0;
  works[id].checks_data = 0;
  works[id].expected = BLKIF_RSP_OKAY;
  works[id].what = "flush";
  put(id, &request);
  ++flushes;
  drain();
}

// --- Mistakes: each starts as a read of one page that would be served, and has one thing wrong. ---
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

static const struct mistake {
  const char* what;
  int16_t expected;
  void (*spoil)(struct blkif_request* request);
} mistakes[kMistakes] = {
    {"read past the end", BLKIF_RSP_ERROR, past_the_end},
    {"unknown operation", BLKIF_RSP_EOPNOTSUPP, unknown_operation},
    {"no segments", BLKIF_RSP_ERROR, no_segments},
    {"read near sector 2^64", BLKIF_RSP_ERROR, near_2_to_64},
    {"too many segments", BLKIF_RSP_ERROR, too_many_segments},
    {"segment backwards", BLKIF_RSP_ERROR, segment_backwards},
    {"segment too long", BLKIF_RSP_ERROR, segment_too_long},
    {"no such grant", BLKIF_RSP_ERROR, no_such_grant},
    {"grant out of the table", BLKIF_RSP_ERROR, grant_out_of_table},
    {"read into a read-only grant", BLKIF_RSP_ERROR, grant_read_only},
    {"barrier", BLKIF_RSP_EOPNOTSUPP, barrier},
};

static void make_mistakes(void) {
  const char* page = allocate_page();
  read_only_grant = grant_page(page, 1);
  for (unsigned i = 0; i < load.mistakes; ++i) {
    const unsigned id = take_id();
    struct blk_request request = transfer(id, BLKIF_OP_READ, 64, 0, kSectorsPerPage);
    request.spoil = mistakes[i].spoil;
    works[id].what = mistakes[i].what;
    works[id].expected = mistakes[i].expected;
    put(id, &request);
    ++refusals;
    drain();
  }
  if (!end_grant(read_only_grant)) fail("the read-only grant is still in use", 0, 1, 0);
}

void guest_main(void) {
  const int quick = option("quick") != 0;
  if (quick) load = quick_load;
  batch = option_number("batch=", 8);
  rest = option_number("rest=", 0);
  if (blkfront_connect(&disk, "51712", on_response, 0)) {
    print("blk-read: FAIL: no disk\n");
    return;
  }
  print("blk-read: %lu sectors\n", disk.sectors);
  if (disk.sectors != kDiskSectors) fail("size of the disk", 0, (int64_t)disk.sectors, kDiskSectors);
  for (unsigned id = 0; id < kBlkRequestsMax; ++id) {
    for (unsigned page = 0; page < kPagesPerRequest; ++page) works[id].pages[page] = allocate_page();
  }
  shuffle(load.reads, kDiskSectors / load.chunk_sectors);
  read_chunks(load.reads);
  read_single_sectors();
  write_chunks();
  flush();
  // What was written, and where there is time for it everything.
  read_chunks(quick ? load.writes : load.reads);
  make_mistakes();
  if (rest == 0 && disk.in_flight_max != RING_SIZE(&disk.ring))
    fail("requests in flight", 0, disk.in_flight_max, RING_SIZE(&disk.ring));
  if (out_of_order == 0) fail("responses out of order", 0, 0, 1);
  blkfront_close(&disk);
  print(
      "blk-read: %u reads, %u writes, %u flushes, %u refused as they must be; %u in flight at most, %u out "
      "of order\n",
      reads, writes, flushes, refusals, disk.in_flight_max, out_of_order);
  if (disk.strays + disk.lies + disk.retries + disk.timeouts + disk.reconnects != 0) {
    print("blk-read: mended: %u stray responses, %u lies, %u retries, %u late answers, %u connections\n",
          disk.strays, disk.lies, disk.retries, disk.timeouts, disk.reconnects);
  }
  print(failures == 0 ? "blk-read: PASS\n" : "blk-read: FAIL\n");
}
