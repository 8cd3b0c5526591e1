#include "9pfront.h"

#include "xenbus.h"

static int fail(const char* what, const char* where, int error) {
  print("9pfront: %s %s failed: %d\n", what, where, error);
  return 1;
}

int p9_set_state(struct p9_front* front, unsigned state) {
  return xenbus_write_number(front->frontend, "state", state);
}

void p9_wait_state(struct p9_front* front, unsigned state) {
  for (;;) {
    char value[16];
    if (xenbus_read(front->backend, "state", value, sizeof value)) return;
    if (parse_number(value) == state) return;
    xenstore_wait_for_watch();
  }
}

int p9_find(struct p9_front* front, const char* device) {
  char path[160], value[24];
  format_text(front->frontend, sizeof front->frontend, "device/9pfs/%s", device);
  if (xenbus_read(front->frontend, "backend", front->backend, sizeof front->backend)) return 1;
  if (xenbus_read(front->frontend, "tag", front->tag, sizeof front->tag)) return 1;
  format_text(path, sizeof path, "%s/state", front->backend);
  const int error = xenstore_watch(path, "9pfs");
  if (error) return fail("watching", path, error);
  p9_wait_state(front, XenbusStateInitWait);
  if (xenbus_read(front->backend, "versions", value, sizeof value)) return 1;
  if (strcmp(value, "1") != 0) return fail("version of", front->backend, (int)parse_number(value));
  if (xenbus_read(front->backend, "max-rings", value, sizeof value)) return 1;
  front->rings_max = (unsigned)parse_number(value);
  if (xenbus_read(front->backend, "max-ring-page-order", value, sizeof value)) return 1;
  front->order_max = (unsigned)parse_number(value);
  return 0;
}

static void on_event(void* data) { (void)data; }  // whoever waits looks at the ring

static void make_ring(struct p9_ring* ring, unsigned order) {
  ring->shared = allocate_page();
  ring->shared_grant = grant_page(ring->shared, 0);
  ring->shared->ring_order = order;
  ring->size = (uint32_t)XEN_FLEX_RING_SIZE(order);
  for (unsigned i = 0; i < 1u << order; ++i) {
    ring->pages[i] = allocate_page();
    ring->grants[i] = grant_page(ring->pages[i], 0);
    ring->shared->ref[i] = ring->grants[i];
  }
}

int p9_publish_rings(struct p9_front* front) {
  char name[32];
  if (xenbus_write_number(front->frontend, "version", 1)) return 1;
  if (xenbus_write_number(front->frontend, "num-rings", front->rings)) return 1;
  for (unsigned i = 0; i < front->rings; ++i) {
    struct p9_ring* ring = &front->ring[i];
    ring->port = allocate_port();
    bind_handler(ring->port, on_event, ring);
    format_text(name, sizeof name, "ring-ref%u", i);
    if (xenbus_write_number(front->frontend, name, ring->shared_grant)) return 1;
    format_text(name, sizeof name, "event-channel-%u", i);
    if (xenbus_write_number(front->frontend, name, ring->port)) return 1;
  }
  return 0;
}

int p9_share_rings(struct p9_front* front, unsigned rings, unsigned order) {
  front->rings = rings < front->rings_max ? rings : front->rings_max;
  if (order > front->order_max) order = front->order_max;
  for (unsigned i = 0; i < front->rings; ++i) make_ring(&front->ring[i], order);
  return p9_publish_rings(front);
}

int p9_wait_connected(struct p9_front* front) {
  if (p9_set_state(front, XenbusStateInitialised)) return 1;
  p9_wait_state(front, XenbusStateConnected);
  return p9_set_state(front, XenbusStateConnected);
}

int p9_connect(struct p9_front* front, const char* device, unsigned rings, unsigned order) {
  return p9_find(front, device) || p9_share_rings(front, rings, order) || p9_wait_connected(front);
}

static int take_back(struct p9_ring* ring) {
  int in_use = 0;
  close_port(ring->port);
  in_use |= !end_grant(ring->shared_grant);
  for (unsigned i = 0; i < 2 * ring->size / GUEST_PAGE_SIZE; ++i) in_use |= !end_grant(ring->grants[i]);
  return in_use;
}

int p9_close(struct p9_front* front) {
  if (p9_set_state(front, XenbusStateClosing)) return 1;
  p9_wait_state(front, XenbusStateClosing);
  if (p9_set_state(front, XenbusStateClosed)) return 1;
  p9_wait_state(front, XenbusStateClosed);
  int in_use = 0;
  for (unsigned i = 0; i < front->rings; ++i) in_use |= take_back(&front->ring[i]);
  return in_use;
}

// --- Bytes ---

static char* byte_of(struct p9_ring* ring, uint32_t half, uint32_t index) {
  const uint32_t place = half * ring->size + (index & (ring->size - 1));
  return ring->pages[place / GUEST_PAGE_SIZE] + place % GUEST_PAGE_SIZE;
}

// As many bytes as lie in a row there.
static uint32_t run_at(struct p9_ring* ring, uint32_t index, uint32_t length) {
  const uint32_t span = ring->size < GUEST_PAGE_SIZE ? ring->size : GUEST_PAGE_SIZE;
  const uint32_t row = span - (index & (span - 1));
  return row < length ? row : length;
}

struct room {
  struct p9_ring* ring;
  uint32_t length;
};

static int has_room(void* data) {
  const struct room* room = data;
  const uint32_t consumed = *(volatile RING_IDX*)&room->ring->shared->out_cons;
  return room->ring->size - (room->ring->out_prod - consumed) >= room->length;
}

void p9_put(struct p9_ring* ring, const void* bytes, uint32_t length) {
  struct room room = {ring, length};
  if (!has_room(&room)) {
    p9_kick(ring);
    wait_until(has_room, &room);
  }
  const char* from = bytes;
  while (length != 0) {
    const uint32_t run = run_at(ring, ring->out_prod, length);
    memcpy(byte_of(ring, 1, ring->out_prod), from, run);
    ring->out_prod += run;
    from += run;
    length -= run;
  }
}

void p9_kick(struct p9_ring* ring) {
  xen_wmb();  // The bytes before the index.
  ring->shared->out_prod = ring->out_prod;
  notify(ring->port);
}

uint32_t p9_available(struct p9_ring* ring) {
  ring->in_prod = *(volatile RING_IDX*)&ring->shared->in_prod;
  xen_rmb();  // The index before the bytes.
  return ring->in_prod - ring->in_cons;
}

void p9_peek(struct p9_ring* ring, uint32_t offset, void* into, uint32_t length) {
  char* to = into;
  uint32_t index = ring->in_cons + offset;
  while (length != 0) {
    const uint32_t run = run_at(ring, index, length);
    memcpy(to, byte_of(ring, 0, index), run);
    to += run;
    index += run;
    length -= run;
  }
}

void p9_drop(struct p9_ring* ring, uint32_t length) {
  xen_mb();  // The bytes are read before their room is given away.
  ring->in_cons += length;
  ring->shared->in_cons = ring->in_cons;
}

static int has_answer(void* data) {
  struct p9_ring* ring = data;
  const uint32_t available = p9_available(ring);
  uint32_t size = 0;
  if (available < sizeof size) return 0;
  p9_peek(ring, 0, &size, sizeof size);
  return available >= size;
}

uint32_t p9_wait_answer(struct p9_ring* ring) {
  wait_until(has_answer, ring);
  uint32_t size;
  p9_peek(ring, 0, &size, sizeof size);
  return size;
}

// --- Messages ---

static void set_size(struct p9_message* message) { memcpy(message->bytes, &message->size, 4); }

void p9_number(struct p9_message* message, uint64_t value, unsigned bytes) {
  if (message->size + bytes > k9pMessageMax) guest_panic("a 9P message is too long");
  memcpy(message->bytes + message->size, &value, bytes);
  message->size += bytes;
  set_size(message);
}

void p9_begin(struct p9_message* message, uint8_t type, uint16_t tag) {
  message->size = 4;
  p9_number(message, type, 1);
  p9_number(message, tag, 2);
}

void p9_text(struct p9_message* message, const char* text) {
  const size_t length = strlen(text);
  p9_number(message, length, 2);
  for (size_t i = 0; i < length; ++i) p9_number(message, (uint8_t)text[i], 1);
}

uint64_t p9_get(const struct p9_message* message, uint32_t* at, unsigned bytes) {
  uint64_t value = 0;
  if (*at + bytes > message->size) guest_panic("an answer of %u bytes is too short", message->size);
  memcpy(&value, message->bytes + *at, bytes);
  *at += bytes;
  return value;
}

int p9_call(struct p9_front* front, unsigned number, struct p9_message* message) {
  struct p9_ring* ring = &front->ring[number % front->rings];
  const uint8_t asked = message->bytes[4];
  p9_put(ring, message->bytes, message->size);
  p9_kick(ring);
  message->size = p9_wait_answer(ring);
  if (message->size < 7 || message->size > k9pMessageMax) guest_panic("an answer of %u bytes", message->size);
  p9_peek(ring, 0, message->bytes, message->size);
  p9_drop(ring, message->size);
  uint32_t at = 7;
  const uint8_t answered = message->bytes[4];
  if (answered == asked + 1) return 0;
  if (answered == k9pRlerror) return (int)p9_get(message, &at, 4);
  if (answered == k9pRerror) return 1;
  guest_panic("a message of type %u was answered by type %u", asked, answered);
}

// --- Calls ---

static struct p9_message message RUNTIME_STATE;

// Calls take the rings in turn.
static int call(struct p9_front* front) { return p9_call(front, front->next_tag, &message); }
static uint16_t next_tag(struct p9_front* front) {
  front->next_tag = (uint16_t)((front->next_tag + 1) & 0xff);
  return front->next_tag;
}

int p9_version(struct p9_front* front, unsigned dialect, uint32_t msize) {
  p9_begin(&message, k9pTversion, k9pNoTag);
  p9_number(&message, msize, 4);
  p9_text(&message, dialect == k9pLinux ? "9P2000.L" : "9P2000");
  return call(front);
}

int p9_attach(struct p9_front* front, unsigned dialect, uint32_t fid) {
  p9_begin(&message, k9pTattach, next_tag(front));
  p9_number(&message, fid, 4);
  p9_number(&message, ~0u, 4);
  p9_text(&message, "root");
  p9_text(&message, "");
  if (dialect == k9pLinux) p9_number(&message, 0, 4);
  return call(front);
}

int p9_walk(struct p9_front* front, uint32_t fid, uint32_t newfid, const char* name) {
  p9_begin(&message, k9pTwalk, next_tag(front));
  p9_number(&message, fid, 4);
  p9_number(&message, newfid, 4);
  p9_number(&message, 1, 2);
  p9_text(&message, name);
  return call(front);
}

int p9_open(struct p9_front* front, unsigned dialect, uint32_t fid) {
  p9_begin(&message, dialect == k9pLinux ? k9pTlopen : k9pTopen, next_tag(front));
  p9_number(&message, fid, 4);
  p9_number(&message, 0, dialect == k9pLinux ? 4 : 1);
  return call(front);
}

int p9_read(struct p9_front* front, uint32_t fid, uint64_t offset, void* into, uint32_t length,
            uint32_t* got) {
  p9_begin(&message, k9pTread, next_tag(front));
  p9_number(&message, fid, 4);
  p9_number(&message, offset, 8);
  p9_number(&message, length, 4);
  const int error = call(front);
  if (error) return error;
  uint32_t at = 7;
  *got = (uint32_t)p9_get(&message, &at, 4);
  if (*got > length || at + *got > message.size) guest_panic("%u bytes were read where %u fit", *got, length);
  memcpy(into, message.bytes + at, *got);
  return 0;
}

int p9_clunk(struct p9_front* front, uint32_t fid) {
  p9_begin(&message, k9pTclunk, next_tag(front));
  p9_number(&message, fid, 4);
  return call(front);
}
