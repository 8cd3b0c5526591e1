/* A block frontend over ringside/hosted.h and Xen's public headers alone: reads "requests" pages with
 * "flight" requests at a time, each in a page of its own, and prints what it has found. The same source runs
 * hosted and on the core. It trusts its backend; guest/blkfront.c is how one does it that does not. */
#include <ringside/hosted.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#define xen_mb rs_mb
#define xen_rmb rs_rmb
#define xen_wmb rs_wmb
#include <xen/xen.h>

#include <xen/io/blkif.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>

enum { kFlightMax = 32, kSectorsPerPage = RS_PAGE_SIZE / 512 };

static struct {
  char backend[96];
  struct blkif_front_ring ring;
  void* shared;
  int ring_grant, port;
  uint64_t sectors;
  void* pages[kFlightMax];
  int grants[kFlightMax];
  unsigned in_flight, failed, answered;
  uint64_t sum;
} disk;

static void take_responses(void* data) {
  int more;
  (void)data;
  do {
    const RING_IDX produced = disk.ring.sring->rsp_prod;
    rs_rmb(); /* The index before the responses. */
    while (disk.ring.rsp_cons != produced) {
      const struct blkif_response response = *RING_GET_RESPONSE(&disk.ring, disk.ring.rsp_cons);
      const unsigned id = (unsigned)response.id;
      disk.ring.rsp_cons++;
      if (response.status != BLKIF_RSP_OKAY) {
        ++disk.failed;
      } else {
        const uint64_t* words = disk.pages[id];
        disk.sum = disk.sum * 31 + words[0] + words[RS_PAGE_SIZE / 8 - 1];
      }
      if (rs_grant_end(disk.grants[id]) != 0) rs_panic("request %u is answered, and its page in use", id);
      --disk.in_flight;
      ++disk.answered;
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&disk.ring, more);
  } while (more);
}

static int is_idle(void* data) {
  (void)data;
  return disk.in_flight == 0;
}

static void check(int error, const char* what) {
  if (error < 0) rs_panic("%s failed: %d", what, error);
}

static void set_state(unsigned state) {
  check(rs_xenbus_write_number("device/vbd/51712", "state", state), "setting the state");
}

static void wait_for(unsigned state) {
  const unsigned got = rs_xenbus_wait_state(disk.backend, 1u << state, RS_FOREVER);
  if (got != state) rs_panic("the backend is in state %u, not %u", got, state);
}

static void connect(void) {
  char path[128];
  unsigned length = 0;
  check(rs_xenstore_read("device/vbd/51712/backend", disk.backend, sizeof disk.backend),
        "finding the backend");
  for (; disk.backend[length]; ++length) path[length] = disk.backend[length];
  for (const char* rest = "/state"; *rest; ++rest) path[length++] = *rest;
  path[length] = 0;
  check(rs_xenstore_watch(path, "backend"), "watching the backend");
  wait_for(XenbusStateInitWait);
  disk.shared = rs_alloc_pages(1);
  SHARED_RING_INIT((struct blkif_sring*)disk.shared);
  FRONT_RING_INIT(&disk.ring, (struct blkif_sring*)disk.shared, RS_PAGE_SIZE);
  disk.ring_grant = rs_grant(disk.shared, 0, 0);
  disk.port = rs_event_alloc(0);
  check(disk.ring_grant, "granting the ring");
  check(disk.port, "allocating a port");
  check(rs_event_bind((unsigned)disk.port, take_responses, 0), "binding the port");
  check(rs_xenbus_write_number("device/vbd/51712", "ring-ref", (uint64_t)disk.ring_grant), "ring-ref");
  check(rs_xenbus_write_number("device/vbd/51712", "event-channel", (uint64_t)disk.port), "event-channel");
  check(rs_xenstore_write("device/vbd/51712/protocol", "x86_64-abi"), "protocol");
  set_state(XenbusStateInitialised);
  wait_for(XenbusStateConnected);
  check(rs_xenbus_read_number(disk.backend, "sectors", &disk.sectors), "sectors");
  set_state(XenbusStateConnected);
}

static void put_read(unsigned id, uint64_t page) {
  struct blkif_request* request = RING_GET_REQUEST(&disk.ring, disk.ring.req_prod_pvt);
  disk.grants[id] = rs_grant(disk.pages[id], 0, 0);
  check(disk.grants[id], "granting a page");
  request->operation = BLKIF_OP_READ;
  request->nr_segments = 1;
  request->handle = 0;
  request->id = id;
  request->sector_number = page * kSectorsPerPage % (disk.sectors / kSectorsPerPage * kSectorsPerPage);
  request->seg[0] = (struct blkif_request_segment){
      .gref = (grant_ref_t)disk.grants[id], .first_sect = 0, .last_sect = kSectorsPerPage - 1};
  disk.ring.req_prod_pvt++;
  ++disk.in_flight;
}

static void disconnect(void) {
  set_state(XenbusStateClosing);
  wait_for(XenbusStateClosing);
  set_state(XenbusStateClosed);
  wait_for(XenbusStateClosed);
  check(rs_event_close((unsigned)disk.port), "closing the port");
  check(rs_grant_end(disk.ring_grant), "taking the ring back");
  check(rs_free_pages(disk.shared, 1), "freeing the ring");
}

void rs_main(void) {
  const uint64_t requests = rs_option_number("requests", 256);
  unsigned flight = (unsigned)rs_option_number("flight", kFlightMax);
  if (flight > kFlightMax) flight = kFlightMax;
  disk.sum = 0;
  disk.in_flight = disk.failed = disk.answered = 0;
  connect();
  for (unsigned id = 0; id < kFlightMax; ++id) disk.pages[id] = rs_alloc_pages(1);
  for (uint64_t made = 0; made < requests;) {
    int notify;
    const unsigned long before = rs_irq_save();
    for (unsigned id = 0; id < flight && made < requests; ++id, ++made) put_read(id, made * 7);
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&disk.ring, notify);
    if (notify) rs_event_notify((unsigned)disk.port);
    rs_irq_restore(before);
    rs_wait_until(is_idle, 0, RS_FOREVER);
  }
  disconnect();
  for (unsigned id = 0; id < kFlightMax; ++id) rs_free_pages(disk.pages[id], 1);
  rs_print("blk: %u requests, %u failed, sum %lx\n", disk.answered, disk.failed, disk.sum);
}
