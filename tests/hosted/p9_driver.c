/* A 9P client over ringside/hosted.h and Xen's public headers alone: attaches to a share, and reads a file in
 * pieces with 32 reads in flight on one ring. The same source runs hosted and on the core. */
#include <ringside/hosted.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#define xen_mb rs_mb
#define xen_rmb rs_rmb
#define xen_wmb rs_wmb
#include <xen/xen.h>

#include <xen/grant_table.h>
#include <xen/io/9pfs.h>
#include <xen/io/xenbus.h>

enum {
  kOrder = 4,
  kPages = 1 << kOrder,
  kHalf = kPages / 2 * RS_PAGE_SIZE,
  kFlight = 32,
  kPiece = 64,
  kHeader = 7,
  kTversion = 100,
  kTattach = 104,
  kTwalk = 110,
  kTlopen = 12,
  kTread = 116,
  kTclunk = 120,
  kRoot = 1,
  kFile = 2,
};

static struct {
  char backend[96];
  struct xen_9pfs_data_intf* shared;
  char* data; /* the answers, then the requests */
  int shared_grant, grants[kPages], port;
} share;

static uint8_t message[512];
static uint32_t length;

static void check(int error, const char* what) {
  if (error < 0) rs_panic("%s failed: %d", what, error);
}

static void put(uint64_t value, unsigned bytes) {
  for (; bytes != 0; --bytes, value >>= 8) message[length++] = (uint8_t)value;
}

static void begin(uint8_t type, uint16_t tag) {
  length = 4;
  put(type, 1);
  put(tag, 2);
}

static void put_text(const char* text) {
  unsigned count = 0;
  while (text[count]) ++count;
  put(count, 2);
  while (*text) put((uint8_t)*text++, 1);
}

/* Into the ring, where there is room: nobody waits for more than fits. */
static void send(void) {
  const uint32_t size = length;
  length = 0;
  put(size, 4);
  RING_IDX produced = share.shared->out_prod;
  for (uint32_t i = 0; i < size; ++i) share.data[kHalf + ((produced + i) & (kHalf - 1))] = (char)message[i];
  rs_wmb(); /* The bytes before the index. */
  share.shared->out_prod = produced + size;
}

static void kick(void) { check(rs_event_notify((unsigned)share.port), "telling the backend"); }

static uint32_t peek(uint32_t at, unsigned bytes) {
  uint32_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    value |= (uint32_t)(uint8_t)share.data[(share.shared->in_cons + at + i) & (kHalf - 1)] << 8 * i;
  }
  return value;
}

static int has_answer(void* data) {
  (void)data;
  const uint32_t there = *(volatile RING_IDX*)&share.shared->in_prod - share.shared->in_cons;
  rs_rmb(); /* The index before the bytes. */
  return there >= kHeader && there >= peek(0, 4);
}

static void drop_answer(void) {
  const uint32_t size = peek(0, 4);
  rs_mb(); /* The bytes are read before their room is given away. */
  share.shared->in_cons += size;
}

static void call(const char* what) {
  const uint8_t type = message[4];
  send();
  kick();
  rs_wait_until(has_answer, 0, RS_FOREVER);
  if (peek(4, 1) != type + 1u) rs_panic("%s was answered by type %u", what, peek(4, 1));
  drop_answer();
}

static void on_event(void* data) { (void)data; }

static void wait_for(unsigned state) {
  if (rs_xenbus_wait_state(share.backend, 1u << state, RS_FOREVER) != state) rs_panic("no state %u", state);
}

static void set_state(unsigned state) {
  check(rs_xenbus_write_number("device/9pfs/0", "state", state), "setting the state");
}

static void connect(void) {
  char path[128];
  unsigned at = 0;
  check(rs_xenstore_read("device/9pfs/0/backend", share.backend, sizeof share.backend),
        "finding the backend");
  for (; share.backend[at]; ++at) path[at] = share.backend[at];
  for (const char* rest = "/state"; *rest; ++rest) path[at++] = *rest;
  path[at] = 0;
  check(rs_xenstore_watch(path, "backend"), "watching the backend");
  wait_for(XenbusStateInitWait);
  share.shared = rs_alloc_pages(1);
  share.data = rs_alloc_pages(kPages);
  share.shared_grant = rs_grant(share.shared, 0, 0);
  share.shared->ring_order = kOrder;
  for (unsigned i = 0; i < kPages; ++i) {
    share.grants[i] = rs_grant(share.data + i * RS_PAGE_SIZE, 0, 0);
    share.shared->ref[i] = (grant_ref_t)share.grants[i];
  }
  share.port = rs_event_alloc(0);
  check(rs_event_bind((unsigned)share.port, on_event, 0), "binding the port");
  check(rs_xenbus_write_number("device/9pfs/0", "version", 1), "version");
  check(rs_xenbus_write_number("device/9pfs/0", "num-rings", 1), "num-rings");
  check(rs_xenbus_write_number("device/9pfs/0", "ring-ref0", (uint64_t)share.shared_grant), "ring-ref0");
  check(rs_xenbus_write_number("device/9pfs/0", "event-channel-0", (uint64_t)share.port), "event-channel-0");
  set_state(XenbusStateInitialised);
  wait_for(XenbusStateConnected);
  set_state(XenbusStateConnected);
}

static void open_file(void) {
  begin(kTversion, 0xffff);
  put(8192, 4);
  put_text("9P2000.L");
  call("Tversion");
  begin(kTattach, 0);
  put(kRoot, 4);
  put(~0u, 4);
  put_text("root");
  put_text("");
  put(0, 4);
  call("Tattach");
  begin(kTwalk, 0);
  put(kRoot, 4);
  put(kFile, 4);
  put(1, 2);
  put_text("file.txt");
  call("Twalk");
  begin(kTlopen, 0);
  put(kFile, 4);
  put(0, 4);
  call("Tlopen");
}

static void clunk(uint32_t fid) {
  begin(kTclunk, 0);
  put(fid, 4);
  call("Tclunk");
}

static void disconnect(void) {
  set_state(XenbusStateClosing);
  wait_for(XenbusStateClosing);
  set_state(XenbusStateClosed);
  wait_for(XenbusStateClosed);
  check(rs_event_close((unsigned)share.port), "closing the port");
  for (unsigned i = 0; i < kPages; ++i) check(rs_grant_end(share.grants[i]), "taking a page back");
  check(rs_grant_end(share.shared_grant), "taking the first page back");
  check(rs_free_pages(share.data, kPages), "freeing the ring");
  check(rs_free_pages(share.shared, 1), "freeing the first page");
}

void rs_main(void) {
  uint32_t read = 0, sum = 0;
  connect();
  open_file();
  for (unsigned round = 0; round < 4; ++round) {
    for (uint16_t tag = 0; tag < kFlight; ++tag) {
      begin(kTread, tag);
      put(kFile, 4);
      put(tag * 2u + round, 8);
      put(kPiece, 4);
      send();
    }
    kick();
    for (unsigned answers = 0; answers < kFlight; ++answers) {
      rs_wait_until(has_answer, 0, RS_FOREVER);
      if (peek(4, 1) != kTread + 1) rs_panic("a read was answered by type %u", peek(4, 1));
      const uint32_t count = peek(kHeader, 4);
      for (uint32_t i = 0; i < count; ++i) sum = sum * 31 + peek(kHeader + 4 + i, 1);
      read += count;
      drop_answer();
    }
    kick(); /* There is room again. */
  }
  clunk(kFile);
  clunk(kRoot);
  disconnect();
  rs_print("9p: %u bytes, sum %x\n", read, sum);
}
