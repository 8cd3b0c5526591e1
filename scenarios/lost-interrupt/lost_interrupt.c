// Two drivers read a disk. The careless one forgets to look once more after it has asked for an event.
// README.md says what it shows and what it cannot. The command line may say: patience=N (milliseconds that
// the program waits for its reads, 5; 0: for ever).
#include "guest/blkring.h"
#include "scenarios/blk-read/pattern.h"

enum { kReadsMax = 2, kSectors = GUEST_PAGE_SIZE / 512 };

static struct blkring disk;
static int careful;
static unsigned patience, wrong, events;
static uint64_t next_sector;

static struct read {
  char* page;
  grant_ref_t grant;
  uint32_t checksum;  // that the data must have
  int done;
} reads[kReadsMax];

// CRC-32 (ISO 3309), four bits at a time: some twenty microseconds for a page.
static uint32_t checksum_of(const char* bytes, unsigned length) {
  static uint32_t table[16];
  for (unsigned i = 1; i < 16 && table[15] == 0; ++i) {
    uint32_t value = i;
    for (unsigned bit = 0; bit < 4; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
    table[i] = value;
  }
  uint32_t sum = ~0u;
  for (unsigned i = 0; i < length; ++i) {
    sum ^= (uint8_t)bytes[i];
    sum = sum >> 4 ^ table[sum & 15];
    sum = sum >> 4 ^ table[sum & 15];
  }
  return ~sum;
}

// --- The driver. All of it runs with events held back. ---

static void finish(const struct blkif_response* response) {
  struct read* read = &reads[response->id];
  end_grant(read->grant);
  if (response->status != BLKIF_RSP_OKAY || checksum_of(read->page, GUEST_PAGE_SIZE) != read->checksum)
    ++wrong;
  read->done = 1;
}

static void take_responses(void) {
  const RING_IDX produced = *(volatile RING_IDX*)&disk.front.sring->rsp_prod;  // the look at the ring
  xen_rmb();  // The index before the responses.
  while (disk.front.rsp_cons != produced) {
    const struct blkif_response response = *RING_GET_RESPONSE(&disk.front, disk.front.rsp_cons);
    disk.front.rsp_cons++;
    finish(&response);
  }
}

// "Tell me of the next one": and the next one may have come since the look.
static void on_event_careless(void) {
  take_responses();
  disk.front.sring->rsp_event = disk.front.rsp_cons + 1;
}

// The same, and then a second look, by the macro that xen/io/ring.h has for it.
static void on_event_careful(void) {
  int more;
  do {
    take_responses();
    RING_FINAL_CHECK_FOR_RESPONSES(&disk.front, more);
  } while (more);
}

static void on_event(void* data) {
  (void)data;
  ++events;
  if (careful) {
    on_event_careful();
  } else {
    on_event_careless();
  }
}

// --- The program ---

static void put(unsigned id) {
  struct read* read = &reads[id];
  uint64_t* words = (uint64_t*)read->page;
  for (unsigned sector = 0; sector < kSectors; ++sector) {
    uint64_t word = pattern_start(next_sector + sector, 0);
    for (unsigned i = 0; i < kPatternWords; ++i, word += kPatternStep) *words++ = word;
  }
  read->checksum = checksum_of(read->page, GUEST_PAGE_SIZE);
  memset(read->page, 0, GUEST_PAGE_SIZE);
  read->done = 0;
  read->grant = grant_page(read->page, 0);
  blkring_put_read(&disk, id, next_sector, kSectors, read->grant);
  next_sector += kSectors;
}

static unsigned reads_done(void) {
  unsigned done = 0;
  for (unsigned id = 0; id < kReadsMax; ++id) done += reads[id].done;
  return done;
}

static int all_done(void* data) { return reads_done() == *(const unsigned*)data; }

// So many reads at once. How many of them were done in time.
static unsigned read_at_once(unsigned count) {
  for (unsigned id = 0; id < kReadsMax; ++id) reads[id].done = 0;
  for (unsigned id = 0; id < count; ++id) put(id);
  blkring_publish(&disk);
  if (patience == 0) {
    wait_until(all_done, &count);
  } else {
    wait_until_time(all_done, &count, system_time() + (uint64_t)patience * kMillisecond);
  }
  return reads_done();
}

static int check(const char* what, unsigned found, unsigned expected) {
  print("lost-interrupt: %s: %u of %u reads\n", what, found, expected);
  return found == expected;
}

void guest_main(void) {
  patience = option_number("patience=", 5);
  for (unsigned id = 0; id < kReadsMax; ++id) reads[id].page = allocate_page();
  if (blkring_connect(&disk, "51712", on_event, 0)) {
    print("lost-interrupt: FAIL: no disk\n");
    return;
  }
  unsigned done = 0;
  for (unsigned i = 0; i < 3; ++i) done += read_at_once(1);
  int right = check("careless, one at a time", done, 3);

  done = read_at_once(2);
  print(
      "lost-interrupt: careless, two at a time: %u of 2 reads in %u ms; rsp_prod is %u, and %u were taken\n",
      done, patience, disk.front.sring->rsp_prod, disk.front.rsp_cons);
  right &= done == 1 && disk.front.sring->rsp_prod == disk.front.rsp_cons + 1;

  // Nobody will tell the driver any more: it has to look of itself.
  careful = 1;
  lock_events();
  on_event_careful();
  unlock_events();

  events = done = 0;
  for (unsigned i = 0; i < 3; ++i) done += read_at_once(2);
  right &= check("careful, two at a time", done, 6);
  print("lost-interrupt: those took %u events\n", events);
  right &= !blkring_close(&disk) && wrong == 0;
  print(right ? "lost-interrupt: PASS\n" : "lost-interrupt: FAIL\n");
}
