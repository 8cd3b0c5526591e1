// A client of XenStore over its shared ring (public/io/xs_wire.h): one request at a time, each waits for its
// reply. Watch events that come in between are only counted; who waits for one looks again at what it
// watches.
//
// Events may be lost and messages may be lost or broken: a request that is not answered in time, or as one
// that was spoilt on its way, is sent again under another number, and what comes for the old one is passed
// over. So a request may be done twice, which changes nothing for those that are used here.
#include "internal.h"

enum { kTries = 4, kValueMax = 4096 };
static const uint64_t kPatience = 5 * kMillisecond;

static volatile struct xenstore_domain_interface* ring RUNTIME_STATE;
static uint32_t request_number RUNTIME_STATE;
static uint64_t deadline RUNTIME_STATE;  // of what is waited for now; 0: none
static unsigned watch_events RUNTIME_STATE;
static unsigned events_by_token[256] RUNTIME_STATE;

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

// Tells the server first: it may wait for us.
static int wait_for(int (*condition)(void* data)) {
  try_notify(start_info->store_evtchn);
  if (deadline != 0) return wait_until_time(condition, 0, deadline);
  wait_until(condition, 0);
  return 1;
}

static unsigned smaller(size_t a, size_t b) { return (unsigned)(a < b ? a : b); }

// 0 when the server has made no room in time.
static int send(const void* bytes, size_t length) {
  const char* from = bytes;
  while (length != 0) {
    if (!has_room(0) && !wait_for(has_room)) return 0;
    const uint32_t place = MASK_XENSTORE_IDX(ring->req_prod);
    const unsigned room =
        smaller(XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons), XENSTORE_RING_SIZE - place);
    const unsigned part = smaller(length, room);
    memcpy((char*)ring->req + place, from, part);
    xen_wmb();  // The bytes before the index that says they are there.
    ring->req_prod = ring->req_prod + part;
    from += part;
    length -= part;
  }
  return 1;
}

// Takes `length` bytes; what does not fit into `size` is dropped. 0 when they have not come in time.
static int receive(void* into, size_t size, size_t length) {
  char* bytes = into;
  while (length != 0) {
    if (!has_input(0) && !wait_for(has_input)) return 0;
    xen_rmb();  // The index before the bytes.
    const uint32_t place = MASK_XENSTORE_IDX(ring->rsp_cons);
    const unsigned part =
        smaller(length, smaller(ring->rsp_prod - ring->rsp_cons, XENSTORE_RING_SIZE - place));
    const unsigned kept = smaller(part, size);
    memcpy(bytes, (const char*)ring->rsp + place, kept);
    xen_mb();  // The bytes are read before their place is given back.
    ring->rsp_cons = ring->rsp_cons + part;
    bytes += kept;
    size -= kept;
    length -= part;
  }
  return 1;
}

// Counts an event by the first character of its token.
static int take_event(size_t length) {
  char body[512];
  if (!receive(body, sizeof body - 1, length)) return 0;
  body[length < sizeof body - 1 ? length : sizeof body - 1] = 0;
  const char* token = body + strlen(body) + 1;
  ++watch_events;
  if (token < body + sizeof body) ++events_by_token[(unsigned char)*token];
  return 1;
}

// Takes one message; the body, cut to fit and ended by a 0, is in `body`, except an event's. 0: none has come
// in time, or none that can be one. What lies in the ring then has no beginning, and is thrown away.
static int take_message(struct xsd_sockmsg* header, char* body, size_t size) {
  if (receive(header, sizeof *header, sizeof *header) && header->len <= kValueMax) {
    if (header->type == XS_WATCH_EVENT) {
      if (take_event(header->len)) return 1;
    } else if (receive(body, size - 1, header->len)) {
      body[header->len < size - 1 ? header->len : size - 1] = 0;
      return 1;
    }
  }
  ring->rsp_cons = ring->rsp_prod;
  return 0;
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

// The error's number, 0 for none; kXenstoreSilent when there was no answer.
static int ask(struct xsd_sockmsg header, const char* first, const char* second, char* reply, size_t size) {
  deadline = system_time() + kPatience;
  header.req_id = ++request_number;
  const size_t first_length = strlen(first) + 1;
  if (!send(&header, sizeof header) || !send(first, first_length) || !send(second, header.len - first_length))
    return kXenstoreSilent;
  try_notify(start_info->store_evtchn);
  struct xsd_sockmsg got;
  do {
    if (!take_message(&got, reply, size)) return kXenstoreSilent;
  } while (got.type == XS_WATCH_EVENT || got.req_id != header.req_id);
  if (got.type == XS_ERROR) return error_number(reply);
  return got.type == header.type ? 0 : kXenstoreSilent;
}

// What may go better the next time: nobody answered, somebody else was at it, the request was no request when
// it arrived.
static int may_go_better(int error) {
  return error == kXenstoreSilent || error == kXenstoreAgain || error == kXenstoreInvalid ||
         error == kXenstoreIo || error == kXenstoreUnknown;
}

// Both texts end with a 0 in the message, except for a value that is written.
int xenstore_request(uint32_t type, uint32_t transaction, const char* first, const char* second,
                     size_t second_length, char* reply, size_t size) {
  const struct xsd_sockmsg header = {
      .type = type, .tx_id = transaction, .len = (uint32_t)(strlen(first) + 1 + second_length)};
  int error = kXenstoreSilent, silent = 0;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    error = ask(header, first, second, reply, size);
    silent |= error == kXenstoreSilent;
    // Within a transaction the caller has to begin anew.
    if (!may_go_better(error) || (transaction != 0 && error != kXenstoreSilent)) break;
  }
  deadline = 0;
  try_notify(start_info->store_evtchn);  // There is room again.
  // The first one was done after all; only its answer was lost.
  return silent && type == XS_WATCH && error == kXenstoreExists ? 0 : error;
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
  struct xsd_sockmsg header;
  char body[256];
  while (watch_events == 0) take_message(&header, body, sizeof body);
  watch_events = 0;
}

int xenstore_wait_for_watch_until(uint64_t time) {
  struct xsd_sockmsg header;
  char body[256];
  deadline = time;
  while (watch_events == 0 && take_message(&header, body, sizeof body)) {
  }
  deadline = 0;
  const int fired = watch_events != 0;
  watch_events = 0;
  return fired;
}

unsigned xenstore_events(char token) {
  struct xsd_sockmsg header;
  char body[16];
  deadline = system_time() + kPatience;  // of a message that has come in part
  while (has_input(0)) take_message(&header, body, sizeof body);
  deadline = 0;
  return events_by_token[(unsigned char)token];
}
