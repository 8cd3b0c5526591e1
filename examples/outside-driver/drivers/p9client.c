#include "p9client.h"

#include "text.h"
#include "xen.h"

#include <xen/io/9pfs.h>

enum { ORDER = 4, PAGES = 1 << ORDER, HALF = PAGES * RS_PAGE_SIZE / 2, HEADER = 7, MESSAGE_MAX = 1024 };
enum { Rlerror = 7, Tlopen = 12, Tversion = 100, Tattach = 104, Twalk = 110, Tread = 116, Tclunk = 120 };
static const uint16_t NOTAG = 0xffff;
static const uint32_t NOFID = 0xffffffff, ROOT = 0;

struct message {
  uint8_t bytes[MESSAGE_MAX];
  uint32_t size;
};

struct p9 {
  char folder[48], backend[96];
  struct xen_9pfs_data_intf* shared;
  uint8_t* in; /* and out, HALF behind it */
  uint8_t* out;
  int shared_grant, grants[PAGES], port;
  struct message answer; /* of call() */
  int answered;
  unsigned in_flight, most_in_flight;
  struct read {
    void* into; /* NULL: free */
    uint32_t length;
    p9_done done;
    void* data;
  } reads[P9_IN_FLIGHT]; /* by tag */
};

/* --- Messages: numbers are little-endian, as the processor's --- */

static void put(struct message* message, uint64_t number, unsigned bytes) {
  memcpy(message->bytes + message->size, &number, bytes);
  message->size += bytes;
}

static void put_text(struct message* message, const char* text) {
  const uint32_t length = (uint32_t)__builtin_strlen(text);
  put(message, length, 2);
  memcpy(message->bytes + message->size, text, length);
  message->size += length;
}

static struct message begin(uint8_t type, uint16_t tag) {
  struct message message;
  message.size = 4;
  put(&message, type, 1);
  put(&message, tag, 2);
  return message;
}

static uint64_t number_at(const uint8_t* bytes, unsigned count) {
  uint64_t number = 0;
  memcpy(&number, bytes, count);
  return number;
}

/* --- The ring --- */

static void copy_out(struct p9* p9, RING_IDX at, const uint8_t* from, uint32_t length) {
  const uint32_t place = at & (HALF - 1), row = HALF - place < length ? HALF - place : length;
  memcpy(p9->out + place, from, row);
  memcpy(p9->out, from + row, length - row);
}

static void copy_in(struct p9* p9, RING_IDX at, uint8_t* into, uint32_t length) {
  const uint32_t place = at & (HALF - 1), row = HALF - place < length ? HALF - place : length;
  memcpy(into, p9->in + place, row);
  memcpy(into + row, p9->in, length - row);
}

struct room {
  struct p9* p9;
  uint32_t length;
};

static int has_room(void* data) {
  const struct room* room = data;
  const volatile struct xen_9pfs_data_intf* shared = room->p9->shared;
  return HALF - (shared->out_prod - shared->out_cons) >= room->length;
}

static void send(struct p9* p9, struct message* message) {
  struct room room = {p9, message->size};
  memcpy(message->bytes, &message->size, 4);
  if (!has_room(&room)) rs_wait_until(has_room, &room, RS_FOREVER);
  copy_out(p9, p9->shared->out_prod, message->bytes, message->size);
  rs_wmb(); /* the bytes before the index */
  p9->shared->out_prod += message->size;
  rs_event_notify((unsigned)p9->port);
}

static void take_answer(struct p9* p9, const struct message* answer) {
  const uint16_t tag = (uint16_t)number_at(answer->bytes + 5, 2);
  if (tag >= P9_IN_FLIGHT || !p9->reads[tag].into) { /* of call() */
    p9->answer = *answer;
    p9->answered = 1;
    return;
  }
  struct read* read = &p9->reads[tag];
  int got = -(int)number_at(answer->bytes + HEADER, 4);
  if (answer->bytes[4] == Tread + 1) {
    got = -got;
    if ((uint32_t)got > read->length) rs_panic("p9: more came than was asked for");
    memcpy(read->into, answer->bytes + HEADER + 4, (size_t)got);
  }
  read->into = NULL;
  --p9->in_flight;
  read->done(read->data, got);
}

static void on_event(void* data) {
  struct p9* p9 = data;
  static struct message answer;
  for (;;) {
    const RING_IDX produced = *(volatile RING_IDX*)&p9->shared->in_prod, consumed = p9->shared->in_cons;
    rs_rmb(); /* the index before the bytes */
    if (produced - consumed < HEADER) return;
    copy_in(p9, consumed, (uint8_t*)&answer.size, 4);
    if (answer.size < HEADER || answer.size > MESSAGE_MAX) rs_panic("p9: an answer of %u bytes", answer.size);
    if (produced - consumed < answer.size) return;
    copy_in(p9, consumed, answer.bytes, answer.size);
    rs_mb(); /* they are read before their room is given away */
    p9->shared->in_cons = consumed + answer.size;
    take_answer(p9, &answer);
  }
}

/* --- Requests --- */

static int is_answered(void* data) { return ((struct p9*)data)->answered; }

/* Sends it and sleeps until it is answered: 0, or minus the server's errno. */
static int call(struct p9* p9, struct message* message) {
  const uint8_t type = message->bytes[4];
  p9->answered = 0;
  send(p9, message);
  rs_wait_until(is_answered, p9, RS_FOREVER);
  if (p9->answer.bytes[4] == Rlerror) return -(int)number_at(p9->answer.bytes + HEADER, 4);
  return p9->answer.bytes[4] == type + 1 ? 0 : RS_EIO;
}

static int may_read(void* data) { return ((struct p9*)data)->in_flight < P9_IN_FLIGHT; }

void p9_read(struct p9* p9, uint32_t fid, uint64_t offset, void* into, uint32_t length, p9_done done,
             void* data) {
  if (!may_read(p9)) rs_wait_until(may_read, p9, RS_FOREVER);
  const unsigned long flags = rs_irq_save();
  uint16_t tag = 0;
  while (p9->reads[tag].into) ++tag;
  p9->reads[tag] = (struct read){into, length, done, data};
  if (++p9->in_flight > p9->most_in_flight) p9->most_in_flight = p9->in_flight;
  rs_irq_restore(flags);
  struct message message = begin(Tread, tag);
  put(&message, fid, 4);
  put(&message, offset, 8);
  put(&message, length, 4);
  send(p9, &message);
}

static int is_idle(void* data) { return ((struct p9*)data)->in_flight == 0; }

void p9_drain(struct p9* p9) { rs_wait_until(is_idle, p9, RS_FOREVER); }

unsigned p9_most_in_flight(const struct p9* p9) { return p9->most_in_flight; }

int p9_open(struct p9* p9, const char* name, uint32_t fid) {
  struct message walk = begin(Twalk, P9_IN_FLIGHT);
  put(&walk, ROOT, 4);
  put(&walk, fid, 4);
  put(&walk, 1, 2);
  put_text(&walk, name);
  const int error = call(p9, &walk);
  if (error) return error;
  struct message open = begin(Tlopen, P9_IN_FLIGHT);
  put(&open, fid, 4);
  put(&open, 0, 4); /* O_RDONLY */
  return call(p9, &open);
}

int p9_clunk(struct p9* p9, uint32_t fid) {
  struct message message = begin(Tclunk, P9_IN_FLIGHT);
  put(&message, fid, 4);
  return call(p9, &message);
}

static int attach(struct p9* p9) {
  struct message version = begin(Tversion, NOTAG);
  put(&version, MESSAGE_MAX * 8, 4);
  put_text(&version, "9P2000.L");
  const int error = call(p9, &version);
  if (error) return error;
  struct message message = begin(Tattach, P9_IN_FLIGHT);
  put(&message, ROOT, 4);
  put(&message, NOFID, 4);
  put_text(&message, "root");
  put_text(&message, "");
  put(&message, 0, 4);
  return call(p9, &message);
}

/* --- XenBus --- */

static void share_ring(struct p9* p9) {
  p9->shared = rs_alloc_pages(1);
  p9->in = rs_alloc_pages(PAGES);
  if (!p9->shared || !p9->in) rs_panic("p9: no pages");
  p9->out = p9->in + HALF;
  p9->shared->ring_order = ORDER;
  for (unsigned i = 0; i < PAGES; ++i) {
    p9->grants[i] = rs_grant(p9->in + i * RS_PAGE_SIZE, DOMAIN_0, 0);
    if (p9->grants[i] <= 0) rs_panic("p9: no grant: %d", p9->grants[i]);
    p9->shared->ref[i] = (grant_ref_t)p9->grants[i];
  }
  p9->shared_grant = rs_grant(p9->shared, DOMAIN_0, 0);
  p9->port = rs_event_alloc(DOMAIN_0);
  if (p9->shared_grant <= 0 || p9->port <= 0) rs_panic("p9: no grant, or no event channel");
  rs_event_bind((unsigned)p9->port, on_event, p9);
}

static int set_state(struct p9* p9, unsigned state) {
  return rs_xenbus_write_number(p9->folder, "state", state);
}

static int connect(struct p9* p9) {
  char path[128];
  if (rs_xenstore_read(JOIN(path, p9->folder, "/backend"), p9->backend, sizeof p9->backend) < 0)
    return RS_ENODEV;
  if (rs_xenstore_watch(JOIN(path, p9->backend, "/state"), "backend")) return RS_EIO;
  if (rs_xenbus_wait_state(p9->backend, STATE(InitWait), rs_now_ns() + XENBUS_LIMIT) != XenbusStateInitWait)
    return RS_ETIMEDOUT;
  share_ring(p9);
  if (rs_xenbus_write_number(p9->folder, "version", 1) ||
      rs_xenbus_write_number(p9->folder, "num-rings", 1) ||
      rs_xenbus_write_number(p9->folder, "ring-ref0", (uint64_t)p9->shared_grant) ||
      rs_xenbus_write_number(p9->folder, "event-channel-0", (uint64_t)p9->port) ||
      set_state(p9, XenbusStateInitialised))
    return RS_EIO;
  if (rs_xenbus_wait_state(p9->backend, STATE(Connected), rs_now_ns() + XENBUS_LIMIT) != XenbusStateConnected)
    return RS_ETIMEDOUT;
  return set_state(p9, XenbusStateConnected);
}

struct p9* p9_mount(const char* device) {
  static struct p9 p9;
  memset(&p9, 0, sizeof p9);
  JOIN(p9.folder, "device/9pfs/", device);
  int error = connect(&p9);
  if (!error) error = attach(&p9);
  if (!error) return &p9;
  rs_print("p9: %s does not mount: %d\n", p9.folder, error);
  return NULL;
}

void p9_unmount(struct p9* p9) {
  char path[128];
  p9_clunk(p9, ROOT);
  set_state(p9, XenbusStateClosing);
  rs_xenbus_wait_state(p9->backend, STATE(Closing) | STATE(Closed), rs_now_ns() + XENBUS_LIMIT);
  set_state(p9, XenbusStateClosed);
  rs_xenbus_wait_state(p9->backend, STATE(Closed), rs_now_ns() + XENBUS_LIMIT);
  rs_xenstore_unwatch(JOIN(path, p9->backend, "/state"), "backend");
  rs_event_close((unsigned)p9->port);
  if (rs_grant_end(p9->shared_grant)) rs_panic("p9: the backend keeps the ring");
  for (unsigned i = 0; i < PAGES; ++i) {
    if (rs_grant_end(p9->grants[i])) rs_panic("p9: the backend keeps a page");
  }
  rs_free_pages(p9->shared, 1);
  rs_free_pages(p9->in, PAGES);
}
