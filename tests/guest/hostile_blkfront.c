// A block frontend that lies: each attack is made over a fresh connection, and behind it an honest one must
// work. It writes its nodes and its ring by hand; only runtime.h helps.
#include "guest/runtime.h"

enum { kDataPages = 12, kRingPages = 4, kDelayReads = 60, kAny = 99, kDiskSectors = 4096 };

static char frontend[] = "device/vbd/51728";
static char backend[96];
static struct blkif_sring* shared[kRingPages];
static grant_ref_t ring_grants[kRingPages], grants[kDataPages], list_grant, read_only_grant;
static uint64_t* data[kDataPages];
static struct blkif_request_segment* list;
static struct blkif_front_ring ring;
static evtchn_port_t port;
static unsigned failures, responses, attacks;
static int16_t last_status;
static uint64_t first_word;  // of sector 8
static uint64_t random_state = 20240101;

static uint64_t random_number(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void fail(const char* attack, const char* what, int64_t found, int64_t expected) {
  if (failures++ < 20)
    print("hostile-blkfront: %s: %s: found %ld, expected %ld\n", attack, what, found, expected);
}

// --- XenStore ---
static void node(const char* name, const char* value) {
  char path[96];
  format_text(path, sizeof path, "%s/%s", frontend, name);
  if (xenstore_write(path, value)) guest_panic("writing %s failed", path);
}
static void number(const char* name, uint64_t value) {
  char text[24];
  format_text(text, sizeof text, "%lu", value);
  node(name, text);
}
static unsigned backend_state(void) {
  char path[128], value[16];
  format_text(path, sizeof path, "%s/state", backend);
  if (xenstore_read(path, value, sizeof value)) guest_panic("the backend has no state");
  return (unsigned)parse_number(value);
}
static void wait_for(unsigned state) {
  while (backend_state() != state) xenstore_wait_for_watch();
}
// Time passes: each read is a way to XenStore and back.
static void delay(void) {
  for (unsigned i = 0; i < kDelayReads; ++i) (void)backend_state();
}

// --- The connection ---
static void take_responses(void* unused) {
  (void)unused;
  int more;
  do {
    const RING_IDX produced = ring.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    // One that has been lied about may be anything.
    for (unsigned guard = 0; ring.rsp_cons != produced && guard < 64; ++guard) {
      last_status = RING_GET_RESPONSE(&ring, ring.rsp_cons)->status;
      ring.rsp_cons++;
      ++responses;
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&ring, more);
  } while (more && ring.rsp_cons != ring.sring->rsp_prod);
}

static void offer(void) {
  for (unsigned page = 0; page < kRingPages; ++page) memset(shared[page], 0, GUEST_PAGE_SIZE);
  SHARED_RING_INIT(shared[0]);
  FRONT_RING_INIT(&ring, shared[0], GUEST_PAGE_SIZE);
  port = allocate_port();
  bind_handler(port, take_responses, 0);
  node("protocol", "x86_64-abi");
  number("multi-queue-num-queues", 1);
  number("ring-page-order", 0);
  number("feature-persistent", 0);
  number("ring-ref0", ring_grants[0]);
  number("event-channel", port);
  responses = 0;
}
static void connect(void) {
  offer();
  number("state", XenbusStateInitialised);
  wait_for(XenbusStateConnected);
  number("state", XenbusStateConnected);
}
static void come_back(void) {
  number("state", XenbusStateClosed);
  wait_for(XenbusStateClosed);
  struct evtchn_close closed = {.port = port};
  if (event_channel_op(EVTCHNOP_close, &closed) != 0) guest_panic("closing port %u failed", port);
  number("state", XenbusStateInitialising);
  wait_for(XenbusStateInitWait);
}

static void put(struct blkif_request request) {
  *RING_GET_REQUEST(&ring, ring.req_prod_pvt) = request;
  ring.req_prod_pvt++;
}
static void shout(void) {
  ring.sring->req_prod = ring.req_prod_pvt;
  notify(port);
}
static struct blkif_request read_of(uint64_t sector) {
  struct blkif_request request = {.operation = BLKIF_OP_READ, .nr_segments = 1, .sector_number = sector};
  request.seg[0].gref = grants[0];
  request.seg[0].last_sect = 7;
  return request;
}
static struct blkif_request indirect(uint8_t operation, uint16_t segments, grant_ref_t gref) {
  struct blkif_request request = {0};
  struct blkif_request_indirect* made = (struct blkif_request_indirect*)&request;
  made->operation = BLKIF_OP_INDIRECT;
  made->indirect_op = operation;
  made->nr_segments = segments;
  made->indirect_grefs[0] = gref;
  for (unsigned i = 0; i < 512; ++i)
    list[i] = (struct blkif_request_segment){.gref = grants[i % kDataPages], .first_sect = 0, .last_sect = 0};
  return request;
}

static unsigned wanted;
static int enough(void* unused) {
  (void)unused;
  return responses >= wanted;
}
static void wait_for_responses(unsigned count) {
  wanted = count;
  wait_until(enough, 0);
}

static void honest(const char* after) {
  connect();
  data[0][0] = 0;
  put(read_of(8));
  shout();
  wait_for_responses(1);
  if (last_status != BLKIF_RSP_OKAY) fail(after, "status of an honest read", last_status, 0);
  // The first one says what there is to find.
  if (first_word == 0) first_word = data[0][0];
  if (data[0][0] != first_word || first_word == 0)
    fail(after, "what an honest read brings", (int64_t)data[0][0], (int64_t)first_word);
  come_back();
}

// --- Attacks over a connection ---
static void prod_jumps(void) {
  ring.sring->req_prod += 1000;
  notify(port);
}
static void prod_backwards(void) {
  ring.sring->req_prod -= 3;
  notify(port);
}
static void prod_half_round(void) {
  ring.sring->req_prod += 0x80000000u;
  notify(port);
}
static void rewritten_slot(void) {
  put(read_of(8));
  shout();
  memset(RING_GET_REQUEST(&ring, 0), 0xff, sizeof(struct blkif_request));
}
static void rewritten_list(void) {
  put(indirect(BLKIF_OP_READ, 12, list_grant));
  shout();
  memset(list, 0xff, GUEST_PAGE_SIZE);
}
static void rsp_prod_rewritten(void) {
  ring.sring->rsp_prod = 77;
  put(read_of(8));
  shout();
}
static void spoilt(int which) {
  struct blkif_request request = read_of(8);
  switch (which) {
    case 0: request.nr_segments = 0; break;
    case 1: request.nr_segments = 255; break;
    case 2: request.seg[0].last_sect = 8; break;
    case 3: request.seg[0].first_sect = 255; break;
    case 4: request.sector_number = ~7ull; break;
    case 5: request.sector_number = kDiskSectors - 7; break;
    case 6: request.seg[0].gref = 500; break;
    case 7: request.seg[0].gref = 0xffffffff; break;
    case 8: request.seg[0].gref = read_only_grant; break;
    case 9: request.seg[0].gref = 1; break;  // XenStore's own
    default: break;
  }
  put(request);
}
static void each_spoilt(void) {
  for (int which = 0; which < 9; ++which) spoilt(which);
  shout();
}
static void a_ring_of_mistakes(void) {
  for (int i = 0; i < 32; ++i) spoilt(i % 9);
  shout();
}
static void bad_indirect(void) {
  put(indirect(BLKIF_OP_READ, 0, list_grant));
  put(indirect(BLKIF_OP_READ, 257, list_grant));
  put(indirect(BLKIF_OP_READ, 0xffff, list_grant));
  put(indirect(BLKIF_OP_INDIRECT, 12, list_grant));
  put(indirect(BLKIF_OP_FLUSH_DISKCACHE, 12, list_grant));
  put(indirect(BLKIF_OP_READ, 12, 500));
  put(indirect(BLKIF_OP_READ, 12, 0xffffffff));
  shout();
}
static void list_is_data(void) {
  put(indirect(BLKIF_OP_READ, 12, list_grant));
  list[11].gref = list_grant;
  shout();
}
static void random_requests(void) {
  for (unsigned i = 0; i < 32; ++i) {
    struct blkif_request request = {0};
    uint64_t* words = (uint64_t*)&request;
    for (unsigned word = 0; word < sizeof request / sizeof *words; ++word) words[word] = random_number();
    // Nothing that would change the disk.
    request.operation = random_number() % 2 ? BLKIF_OP_READ : 200;
    if (random_number() % 2) request.nr_segments %= 12;
    if (random_number() % 2) request.sector_number %= kDiskSectors;
    put(request);
  }
  shout();
}

static const struct attack {
  const char* name;
  void (*make)(void);
  unsigned responses;
  int16_t status;  // of the last one
} kAttacks[] = {
    {"req_prod jumps", prod_jumps, 0, 0},
    {"req_prod runs backwards", prod_backwards, 0, 0},
    {"req_prod jumps by 2^31", prod_half_round, 0, 0},
    {"a slot is rewritten", rewritten_slot, 1, kAny},
    {"a list of segments is rewritten", rewritten_list, 1, kAny},
    {"rsp_prod is rewritten", rsp_prod_rewritten, 0, 0},
    {"each mistake", each_spoilt, 9, BLKIF_RSP_ERROR},
    {"a ring full of mistakes", a_ring_of_mistakes, 32, BLKIF_RSP_ERROR},
    {"indirect mistakes", bad_indirect, 7, BLKIF_RSP_ERROR},
    {"a list of segments is one of them", list_is_data, 1, kAny},
    {"random requests", random_requests, 32, kAny},
};

static void attack(const struct attack* made, int persistent) {
  offer();
  number("feature-persistent", persistent);
  number("state", XenbusStateInitialised);
  wait_for(XenbusStateConnected);
  made->make();
  if (made->responses) wait_for_responses(made->responses);
  delay();
  if (made->responses && made->status != kAny && last_status != made->status)
    fail(made->name, "status", last_status, made->status);
  if (made->responses && responses != made->responses)
    fail(made->name, "responses", responses, made->responses);
  come_back();
  honest(made->name);
  ++attacks;
}

// --- Attacks by what the nodes say: the backend goes to Closing ---
static void refused(const char* what) {
  number("state", XenbusStateInitialised);
  wait_for(XenbusStateClosing);
  come_back();
  honest(what);
  ++attacks;
}

static void bad_nodes(void) {
  offer(), number("ring-page-order", 9), refused("a ring beyond the order");
  offer(), number("ring-page-order", 0xffffffff), refused("a ring of order 2^32 - 1");
  offer(), number("ring-page-order", 2), number("ring-ref1", 500), number("ring-ref2", 500),
      number("ring-ref3", 500), refused("a ring whose pages are no grants");
  offer(), number("ring-ref0", 500), refused("a ring that is no grant");
  offer(), number("ring-ref0", read_only_grant), refused("a read-only ring");
  offer(), number("event-channel", 3000), refused("an event channel that is none");
  offer(), node("event-channel", ""), refused("no event channel");
  offer(), node("protocol", "z80-abi"), refused("an unknown layout");
  offer(), number("multi-queue-num-queues", 99), refused("too many queues");
  offer(), number("multi-queue-num-queues", 0), refused("no queue");
  offer(), number("multi-queue-num-queues", 2);
  for (unsigned queue = 0; queue < 2; ++queue) {
    char name[32];
    format_text(name, sizeof name, "queue-%u/ring-ref", queue);
    number(name, ring_grants[0]);
    format_text(name, sizeof name, "queue-%u/event-channel", queue);
    number(name, port);
  }
  refused("queues that share ring and event channel");
  offer(), ring.sring->req_prod = 33, refused("indices that jump before the start");
}

// One ring page twice in one ring, and slots that lie over its indices: its own fault, and nobody else's.
static void one_page_four_times(void) {
  offer();
  number("ring-page-order", 2);
  for (unsigned page = 1; page < 4; ++page) {
    char name[16];
    format_text(name, sizeof name, "ring-ref%u", page);
    number(name, ring_grants[0]);
  }
  number("state", XenbusStateInitialised);
  wait_for(XenbusStateConnected);
  for (unsigned i = 0; i < 100; ++i) {
    ((volatile uint32_t*)shared[0])[random_number() % 1024] = (uint32_t)random_number();
    ring.sring->req_prod = i;
    notify(port);
    (void)backend_state();
  }
  come_back();
  honest("one page four times");
  ++attacks;
}

static void storm(void) {
  offer();
  for (unsigned i = 0; i < 200; ++i) number("state", 1 + random_number() % 8);  // 0 would give the device up
  delay();
  come_back();
  honest("a storm of states");
  ++attacks;
}

void guest_main(void) {
  char path[160];
  format_text(path, sizeof path, "%s/backend", frontend);
  if (xenstore_read(path, backend, sizeof backend)) guest_panic("no disk");
  format_text(path, sizeof path, "%s/state", backend);
  if (xenstore_watch(path, "backend")) guest_panic("no watch");
  for (unsigned page = 0; page < kRingPages; ++page) {
    shared[page] = allocate_page();
    ring_grants[page] = grant_page(shared[page], 0);
  }
  for (unsigned page = 0; page < kDataPages; ++page) {
    data[page] = allocate_page();
    grants[page] = grant_page(data[page], 0);
  }
  list = allocate_page();
  list_grant = grant_page(list, 0);
  read_only_grant = grant_page(allocate_page(), 1);
  wait_for(XenbusStateInitWait);
  honest("the start");
  for (int persistent = 0; persistent < 2; ++persistent) {
    for (unsigned i = 0; i < sizeof kAttacks / sizeof kAttacks[0]; ++i) attack(&kAttacks[i], persistent);
  }
  bad_nodes();
  one_page_four_times();
  for (unsigned i = 0; i < 5; ++i) storm();
  for (unsigned page = 0; page < kDataPages; ++page) {
    if (!end_grant(grants[page])) fail("all", "a data page is still in use", page, 0);
  }
  for (unsigned page = 0; page < kRingPages; ++page) {
    if (!end_grant(ring_grants[page])) fail("all", "a ring page is still in use", page, 0);
  }
  print("hostile-blkfront: %u attacks\n", attacks);
  print(failures == 0 ? "hostile-blkfront: PASS\n" : "hostile-blkfront: FAIL\n");
}
