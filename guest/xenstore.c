// A client of XenStore over its shared ring (public/io/xs_wire.h): one request at a time, each waits for its
// reply. Watch events that come in between are only counted; who waits for one looks again at what it
// watches.
#include "internal.h"

static volatile struct xenstore_domain_interface* ring;
static unsigned watch_events;
static unsigned events_by_token[256];

static void on_event(void* data) { (void)data; }

void xenstore_start(void) {
  ring = address_of_frame(start_info->store_mfn);
  bind_handler(start_info->store_evtchn, on_event, 0);
}

static int has_room(void* data) {
  (void)data;
  return ring->req_prod - ring->req_cons < XENSTORE_RING_SIZE;
}

static int has_input(void* data) {
  (void)data;
  return ring->rsp_prod != ring->rsp_cons;
}

static void send(const void* bytes, size_t length) {
  const char* from = bytes;
  while (length-- != 0) {
    if (!has_room(0)) {
      notify(start_info->store_evtchn);
      wait_until(has_room, 0);
    }
    ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = *from++;
    xen_wmb();  // The byte before the index that says it is there.
    ring->req_prod = ring->req_prod + 1;
  }
}

// Takes `length` bytes; what does not fit into `size` is dropped.
static void receive(void* into, size_t size, size_t length) {
  char* bytes = into;
  for (size_t i = 0; i < length; ++i) {
    if (!has_input(0)) {
      notify(start_info->store_evtchn);  // The server may wait for room.
      wait_until(has_input, 0);
    }
    xen_rmb();  // The index before the byte.
    const char byte = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
    if (i < size) bytes[i] = byte;
    xen_mb();  // The byte is read before its place is given back.
    ring->rsp_cons = ring->rsp_cons + 1;
  }
}

// Counts an event by the first character of its token.
static void count_event(size_t length) {
  char body[512];
  receive(body, sizeof body - 1, length);
  body[length < sizeof body - 1 ? length : sizeof body - 1] = 0;
  const char* token = body + strlen(body) + 1;
  ++watch_events;
  if (token < body + sizeof body) ++events_by_token[(unsigned char)*token];
}

// Takes one message. Returns its type; the body, cut to fit and ended by a 0, is in `body`, except an
// event's.
static uint32_t take_message(char* body, size_t size) {
  struct xsd_sockmsg header;
  receive(&header, sizeof header, sizeof header);
  if (header.type == XS_WATCH_EVENT) {
    count_event(header.len);
    return header.type;
  }
  receive(body, size - 1, header.len);
  body[header.len < size - 1 ? header.len : size - 1] = 0;
  return header.type;
}

static int error_number(const char* name) {
  static const struct {
    int errnum;
    const char* errstring;
  } errors[] = {{1, "EINVAL"},    {2, "EACCES"},   {3, "EEXIST"}, {4, "EISDIR"},
                {5, "ENOENT"},    {6, "ENOMEM"},   {7, "ENOSPC"}, {8, "EIO"},
                {9, "ENOTEMPTY"}, {10, "ENOSYS"},  {11, "EROFS"}, {12, "EBUSY"},
                {13, "EAGAIN"},   {14, "EISCONN"}, {15, "E2BIG"}, {16, "EPERM"}};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; ++i) {
    if (strcmp(errors[i].errstring, name) == 0) return errors[i].errnum;
  }
  return 99;
}

// Both texts end with a 0 in the message, except for a value that is written.
int xenstore_request(uint32_t type, uint32_t transaction, const char* first, const char* second,
                     size_t second_length, char* reply, size_t size) {
  const size_t first_length = strlen(first) + 1;
  const struct xsd_sockmsg header = {
      .type = type, .tx_id = transaction, .len = (uint32_t)(first_length + second_length)};
  send(&header, sizeof header);
  send(first, first_length);
  send(second, second_length);
  notify(start_info->store_evtchn);
  uint32_t got;
  do {
    got = take_message(reply, size);
  } while (got == XS_WATCH_EVENT);
  notify(start_info->store_evtchn);  // There is room again.
  return got == XS_ERROR ? error_number(reply) : 0;
}

int xenstore_read(const char* path, char* value, size_t size) {
  return xenstore_request(XS_READ, 0, path, "", 0, value, size);
}

int xenstore_write(const char* path, const char* value) {
  char reply[16];
  return xenstore_request(XS_WRITE, 0, path, value, strlen(value), reply, sizeof reply);
}

int xenstore_watch(const char* path, const char* token) {
  char reply[16];
  return xenstore_request(XS_WATCH, 0, path, token, strlen(token) + 1, reply, sizeof reply);
}

void xenstore_wait_for_watch(void) {
  char body[256];
  while (watch_events == 0) take_message(body, sizeof body);
  watch_events = 0;
}

unsigned xenstore_events(char token) {
  while (has_input(0)) {
    char body[16];
    take_message(body, sizeof body);
  }
  return events_by_token[(unsigned char)token];
}
