// A frontend of a 9P share that lies: each attack is made over a fresh connection, and behind it an honest
// one must work. It uses the rings of guest/9pfront.h, and spoils what they hold.
#include "guest/9pfront.h"

enum { kRings = 2, kOrder = 2, kMsize = 4096, kDelayReads = 60 };

static struct p9_front share;
static struct p9_ring* ring = &share.ring[0];
static grant_entry_v1_t table[GUEST_PAGE_SIZE / sizeof(grant_entry_v1_t)] __attribute__((aligned(4096)));
static unsigned failures, attacks;
static char text[64];

static void fail(const char* attack, const char* what, int64_t found, int64_t expected) {
  if (failures++ < 20)
    print("hostile-9pfront: %s: %s: found %ld, expected %ld\n", attack, what, found, expected);
}

// --- The connection ---
static void put_refs(struct p9_ring* into) {
  into->shared->ring_order = kOrder;
  for (unsigned i = 0; i < 1u << kOrder; ++i) into->shared->ref[i] = into->grants[i];
}

static void offer(void) {
  share.rings = kRings;
  for (unsigned i = 0; i < kRings; ++i) {
    memset(share.ring[i].shared, 0, GUEST_PAGE_SIZE);
    share.ring[i].out_prod = share.ring[i].in_cons = 0;
    put_refs(&share.ring[i]);
  }
  if (p9_publish_rings(&share)) guest_panic("no nodes");
}

static void connect(void) {
  offer();
  if (p9_wait_connected(&share)) guest_panic("no connection");
}

static void come_back(void) {
  p9_set_state(&share, XenbusStateClosed);
  p9_wait_state(&share, XenbusStateClosed);
  for (unsigned i = 0; i < kRings; ++i) {
    struct evtchn_close closed = {.port = share.ring[i].port};
    if (event_channel_op(EVTCHNOP_close, &closed) != 0) guest_panic("closing a port failed");
  }
  p9_set_state(&share, XenbusStateInitialising);
  p9_wait_state(&share, XenbusStateInitWait);
}

// Time passes: each read is a way to XenStore and back.
static void delay(void) {
  char value[16], path[128];
  format_text(path, sizeof path, "%s/state", share.backend);
  for (unsigned i = 0; i < kDelayReads; ++i) (void)xenstore_read(path, value, sizeof value);
}

static void begin_session(void) {
  if (p9_version(&share, k9pLinux, kMsize) || p9_attach(&share, k9pLinux, 0)) guest_panic("no session");
}

static void honest(const char* after) {
  uint32_t got = 0;
  connect();
  begin_session();
  int error = p9_walk(&share, 0, 1, "hello.txt");
  if (!error) error = p9_open(&share, k9pLinux, 1);
  if (!error) error = p9_read(&share, 1, 0, text, sizeof text, &got);
  if (error) fail(after, "an honest frontend behind it", error, 0);
  if (got != 20 || memcmp(text, "Hello from a share!\n", 20) != 0) fail(after, "what it reads", got, 20);
  p9_set_state(&share, XenbusStateClosing);
  p9_wait_state(&share, XenbusStateClosing);
  come_back();
}

// The backend gives the connection up, and nothing of ours stays in use.
static void given_up(const char* attack) {
  ++attacks;
  p9_wait_state(&share, XenbusStateClosing);
  for (unsigned i = 0; i < kRings; ++i) {
    if (table[share.ring[i].shared_grant].flags & (GTF_reading | GTF_writing))
      fail(attack, "an interface page in use", (int)i, -1);
  }
  come_back();
  honest(attack);
}

// The connection lives on, whatever came back.
static void survived(const char* attack) {
  ++attacks;
  p9_set_state(&share, XenbusStateClosing);
  p9_wait_state(&share, XenbusStateClosing);
  come_back();
  honest(attack);
}

// --- Nodes ---
static void node(const char* name, const char* value) {
  char path[96];
  format_text(path, sizeof path, "%s/%s", share.frontend, name);
  if (xenstore_write(path, value)) guest_panic("writing %s failed", path);
}

static void lie_in_node(const char* name, const char* value) {
  offer();
  node(name, value);
  p9_set_state(&share, XenbusStateInitialised);
  given_up(name);
}

static void lie_in_nodes(void) {
  char value[16];
  lie_in_node("version", "2");
  lie_in_node("version", "");
  lie_in_node("num-rings", "0");
  lie_in_node("num-rings", "9");
  lie_in_node("num-rings", "4294967295");
  lie_in_node("num-rings", "many");
  lie_in_node("num-rings", "3");  // which has no ring-ref2
  lie_in_node("ring-ref0", "500");
  lie_in_node("ring-ref1", "4294967295");
  lie_in_node("ring-ref0", "99999999999");
  lie_in_node("event-channel-0", "0");
  lie_in_node("event-channel-1", "4095");
  offer();
  format_text(value, sizeof value, "%u", share.ring[0].port);
  node("event-channel-1", value);  // one port for two rings
  p9_set_state(&share, XenbusStateInitialised);
  given_up("one port for two rings");
}

// --- The interface page ---
static void lie_in_page(const char* attack, uint32_t order, unsigned index, grant_ref_t ref) {
  offer();
  share.ring[1].shared->ring_order = order;
  share.ring[1].shared->ref[index] = ref;
  p9_set_state(&share, XenbusStateInitialised);
  given_up(attack);
}

static void lie_in_pages(void) {
  lie_in_page("order 10", 10, 0, share.ring[1].grants[0]);
  lie_in_page("order 2^32 - 1", ~0u, 0, share.ring[1].grants[0]);
  // References that were not written are 0, and that one is granted: the console's.
  lie_in_page("an order with a reference that is not there", 9, 100, 500);
  lie_in_page("a reference that is not there", kOrder, 1, 500);
  lie_in_page("a reference out of the table", kOrder, 1, ~0u);
  offer();
  table[ring->shared_grant].flags |= GTF_readonly;
  p9_set_state(&share, XenbusStateInitialised);
  p9_wait_state(&share, XenbusStateClosing);
  table[ring->shared_grant].flags &= (uint16_t)~GTF_readonly;
  given_up("a read-only interface page");
}

// --- Indices ---
static void lie_in_index(const char* attack, RING_IDX* index, RING_IDX value) {
  connect();
  begin_session();
  *index = value;
  notify(ring->port);
  given_up(attack);
}

static void lie_in_indices(void) {
  struct xen_9pfs_data_intf* shared = ring->shared;
  lie_in_index("out_prod jumps", &shared->out_prod, 1 << 20);
  lie_in_index("out_prod runs backwards", &shared->out_prod, 0);
  lie_in_index("in_cons jumps", &shared->in_cons, 1 << 20);
  lie_in_index("in_cons runs far backwards", &shared->in_cons, ~0u << 20);
  lie_in_index("out_cons is written", &shared->out_cons, 5);
  lie_in_index("in_prod is written", &shared->in_prod, 5);
}

// --- Messages ---
static struct p9_message message;

static void send(void) {
  p9_put(ring, message.bytes, message.size);
  p9_kick(ring);
}

static void lie_in_size(const char* attack, uint32_t size) {
  connect();
  begin_session();
  p9_begin(&message, k9pTclunk, 3);
  p9_number(&message, 0, 4);
  memcpy(message.bytes, &size, 4);
  send();
  given_up(attack);
}

static void cut(const char* attack, uint8_t type, unsigned bytes) {
  connect();
  begin_session();
  p9_begin(&message, type, 3);
  for (unsigned i = 0; i < bytes; ++i) p9_number(&message, 0xff, 1);
  send();
  given_up(attack);
}

// Whatever the answer is, there is one.
static void answered(const char* attack) {
  send();
  const uint32_t size = p9_wait_answer(ring);
  if (size < 7 || size > kMsize) fail(attack, "an answer's size", size, 7);
  p9_drop(ring, size);
  survived(attack);
}

static void lie_in_messages(void) {
  lie_in_size("a size of 0", 0);
  lie_in_size("a size of 6", 6);
  lie_in_size("a size above msize", kMsize + 1);
  lie_in_size("a size above the ring's", 1 << 20);
  lie_in_size("a size of 2^32 - 1", ~0u);
  cut("a Twalk that is cut", k9pTwalk, 9);
  cut("a Tattach whose name is longer than it", k9pTattach, 12);
  cut("a Tread that is cut", k9pTread, 3);
  // A part of a message, and never the rest.
  connect();
  begin_session();
  p9_begin(&message, k9pTclunk, 3);
  message.size = 11;
  memcpy(message.bytes, &message.size, 4);
  message.size = 6;
  send();
  delay();
  survived("a message without an end");
  // What the server answers with an error.
  connect();
  begin_session();
  p9_begin(&message, 250, 3);
  answered("a type that is none");
  connect();
  begin_session();
  p9_begin(&message, k9pTread + 1, 3);
  p9_number(&message, 0, 4);
  answered("an answer that nobody asked for");
  connect();
  begin_session();
  p9_begin(&message, 118, 3);  // Twrite
  p9_number(&message, 0, 4);
  p9_number(&message, 0, 8);
  p9_number(&message, 19, 4);
  const uint32_t inner = 19;
  p9_number(&message, inner, 4);
  p9_number(&message, k9pTversion, 1);
  p9_number(&message, k9pNoTag, 2);
  p9_number(&message, 8192, 4);
  p9_text(&message, "9P2000");
  answered("a message within a message");
  connect();
  begin_session();
  p9_begin(&message, k9pTwalk, 3);
  p9_number(&message, 0, 4);
  p9_number(&message, 5, 4);
  p9_number(&message, 16, 2);
  for (unsigned i = 0; i < 16; ++i) p9_text(&message, "..");
  answered("a walk out of the root");
  connect();
  begin_session();
  p9_begin(&message, 108, 3);  // Tflush
  p9_number(&message, 3, 2);
  answered("a flush of itself");
  connect();
  p9_begin(&message, k9pTread, 3);
  p9_number(&message, 0, 4);
  p9_number(&message, 0, 8);
  p9_number(&message, 10, 4);
  answered("a read before any version");
}

// --- Grants and answers ---
static void withdraw_grants(void) {
  connect();
  begin_session();
  for (unsigned i = 0; i < 1u << kOrder; ++i) table[ring->grants[i]].flags = 0;
  table[ring->shared_grant].flags = 0;
  // The backend has them mapped: for Xen they stay what they were.
  const int error = p9_walk(&share, 0, 1, "hello.txt");
  if (error) fail("grants withdrawn in flight", "a walk", error, 0);
  p9_set_state(&share, XenbusStateClosing);
  p9_wait_state(&share, XenbusStateClosing);
  come_back();
  offer();
  p9_set_state(&share, XenbusStateInitialised);
  p9_wait_state(&share, XenbusStateClosing);
  for (unsigned i = 0; i < 1u << kOrder; ++i) table[ring->grants[i]].flags = GTF_permit_access;
  table[ring->shared_grant].flags = GTF_permit_access;
  given_up("grants withdrawn before the connection");
}

// The answers go over the indices: what comes of that is the guest's own business.
static void ring_in_itself(void) {
  offer();
  ring->shared->ref[0] = ring->shared_grant;
  if (p9_wait_connected(&share)) guest_panic("no connection");
  p9_begin(&message, k9pTversion, k9pNoTag);
  p9_number(&message, kMsize, 4);
  p9_text(&message, "9P2000.L");
  p9_put(ring, message.bytes, message.size);
  p9_kick(ring);
  delay();
  notify(ring->port);
  delay();
  survived("a ring in its own interface page");
}

static void never_read(void) {
  connect();
  begin_session();
  p9_begin(&message, k9pTclunk, 3);
  p9_number(&message, 77, 4);
  for (unsigned i = 0; i < 3000; ++i) {
    const uint32_t room = ring->size - (ring->out_prod - *(volatile RING_IDX*)&ring->shared->out_cons);
    memcpy(message.bytes + 5, &(uint16_t){(uint16_t)i}, 2);  // its tag
    if (room >= message.size) send();
  }
  survived("answers that nobody reads");
}

static void shout(void) {
  connect();
  for (unsigned i = 0; i < 2000; ++i) notify(share.ring[i % kRings].port);
  survived("events without a message");
}

static void map_table(void) {
  xen_pfn_t frame = 0;
  struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
  set_xen_guest_handle(setup.frame_list, &frame);
  if (grant_table_op(GNTTABOP_setup_table, &setup, 1) != 0 || setup.status != GNTST_okay)
    guest_panic("no grant table");
  map_frame(table, frame);
}

void guest_main(void) {
  map_table();
  if (p9_connect(&share, "0", kRings, kOrder)) return;
  p9_set_state(&share, XenbusStateClosing);
  p9_wait_state(&share, XenbusStateClosing);
  come_back();
  honest("nothing");
  lie_in_nodes();
  lie_in_pages();
  lie_in_indices();
  lie_in_messages();
  withdraw_grants();
  ring_in_itself();
  never_read();
  shout();
  print("hostile-9pfront: %u attacks\n", attacks);
  print(failures == 0 ? "hostile-9pfront: PASS\n" : "hostile-9pfront: FAIL\n");
}
