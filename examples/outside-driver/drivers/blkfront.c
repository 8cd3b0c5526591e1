#include "blkfront.h"

#include "text.h"
#include "xen.h"

#include <xen/io/blkif.h>

struct blkfront {
  char folder[48], backend[96];
  struct blkif_sring* shared;
  struct blkif_front_ring ring;
  int ring_grant, port;
  uint64_t sectors;
  unsigned in_flight, most_in_flight;
  struct request {
    int grant; /* 0: free */
    blk_done done;
    void* data;
  } requests[BLK_IN_FLIGHT];
};

/* --- Responses: with events masked --- */

static void take_response(struct blkfront* front, const struct blkif_response* response) {
  if (response->id >= BLK_IN_FLIGHT || !front->requests[response->id].grant) {
    rs_print("blkfront: a response to nothing: id %lu\n", (unsigned long)response->id);
    return;
  }
  struct request* request = &front->requests[response->id];
  if (rs_grant_end(request->grant)) rs_panic("blkfront: the backend keeps a page that it has answered for");
  request->grant = 0;
  --front->in_flight;
#ifdef KNOWN_BUG
  request->done(request->data, 0); /* disks do not fail, do they? */
#else
  request->done(request->data, response->status);
#endif
}

static void on_event(void* data) {
  struct blkfront* front = data;
  int more;
  do {
    const RING_IDX end = front->ring.sring->rsp_prod;
    rs_rmb(); /* the index before the responses */
    while (front->ring.rsp_cons != end) {
      /* Copied: the backend may still write there. */
      const struct blkif_response response = *RING_GET_RESPONSE(&front->ring, front->ring.rsp_cons);
      front->ring.rsp_cons++;
      take_response(front, &response);
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&front->ring, more);
  } while (more);
}

/* --- Requests --- */

static int has_room(void* data) { return ((struct blkfront*)data)->in_flight < BLK_IN_FLIGHT; }

static void submit(struct blkfront* front, uint8_t operation, uint64_t sector, const void* page,
                   blk_done done, void* data) {
  unsigned id = 0;
  int wanted;
  if (!has_room(front)) rs_wait_until(has_room, front, RS_FOREVER);
  const unsigned long flags = rs_irq_save();
  while (front->requests[id].grant) ++id;
  const int grant = rs_grant(page, DOMAIN_0, operation == BLKIF_OP_WRITE);
  if (grant <= 0) rs_panic("blkfront: no grant: %d", grant);
  front->requests[id] = (struct request){grant, done, data};
  struct blkif_request* request = RING_GET_REQUEST(&front->ring, front->ring.req_prod_pvt);
  request->operation = operation;
  request->nr_segments = 1;
  request->handle = 0;
  request->id = id;
  request->sector_number = sector;
  request->seg[0].gref = (grant_ref_t)grant;
  request->seg[0].first_sect = 0;
  request->seg[0].last_sect = BLK_SECTORS_PER_PAGE - 1;
  front->ring.req_prod_pvt++;
  if (++front->in_flight > front->most_in_flight) front->most_in_flight = front->in_flight;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->ring, wanted); /* has the barrier before the index */
  if (wanted) rs_event_notify((unsigned)front->port);
  rs_irq_restore(flags);
}

void blk_read(struct blkfront* front, uint64_t sector, void* page, blk_done done, void* data) {
  submit(front, BLKIF_OP_READ, sector, page, done, data);
}

void blk_write(struct blkfront* front, uint64_t sector, const void* page, blk_done done, void* data) {
  submit(front, BLKIF_OP_WRITE, sector, page, done, data);
}

static int is_idle(void* data) { return ((struct blkfront*)data)->in_flight == 0; }

void blk_drain(struct blkfront* front) { rs_wait_until(is_idle, front, RS_FOREVER); }

uint64_t blk_sectors(const struct blkfront* front) { return front->sectors; }
unsigned blk_most_in_flight(const struct blkfront* front) { return front->most_in_flight; }

/* --- XenBus --- */

static void share_ring(struct blkfront* front) {
  front->shared = rs_alloc_pages(1);
  if (!front->shared) rs_panic("blkfront: no page");
  SHARED_RING_INIT(front->shared);
  FRONT_RING_INIT(&front->ring, front->shared, RS_PAGE_SIZE);
  front->ring_grant = rs_grant(front->shared, DOMAIN_0, 0);
  front->port = rs_event_alloc(DOMAIN_0);
  if (front->ring_grant <= 0 || front->port <= 0) rs_panic("blkfront: no grant, or no event channel");
  rs_event_bind((unsigned)front->port, on_event, front);
}

static int set_state(struct blkfront* front, unsigned state) {
  return rs_xenbus_write_number(front->folder, "state", state);
}

static int connect(struct blkfront* front) {
  char path[128];
  if (rs_xenstore_read(JOIN(path, front->folder, "/backend"), front->backend, sizeof front->backend) < 0)
    return RS_ENODEV;
  if (rs_xenstore_watch(JOIN(path, front->backend, "/state"), "backend")) return RS_EIO;
  if (rs_xenbus_wait_state(front->backend, STATE(InitWait), rs_now_ns() + XENBUS_LIMIT) !=
      XenbusStateInitWait)
    return RS_ETIMEDOUT;
  share_ring(front);
  if (rs_xenbus_write_number(front->folder, "ring-ref", (uint64_t)front->ring_grant) ||
      rs_xenbus_write_number(front->folder, "event-channel", (uint64_t)front->port) ||
      rs_xenstore_write(JOIN(path, front->folder, "/protocol"), "x86_64-abi") ||
      set_state(front, XenbusStateInitialised))
    return RS_EIO;
  if (rs_xenbus_wait_state(front->backend, STATE(Connected), rs_now_ns() + XENBUS_LIMIT) !=
      XenbusStateConnected)
    return RS_ETIMEDOUT;
  if (rs_xenbus_read_number(front->backend, "sectors", &front->sectors)) return RS_EIO;
  return set_state(front, XenbusStateConnected);
}

struct blkfront* blk_open(const char* device) {
  static struct blkfront front;
  memset(&front, 0, sizeof front);
  JOIN(front.folder, "device/vbd/", device);
  const int error = connect(&front);
  if (!error) return &front;
  rs_print("blkfront: %s does not connect: %d\n", front.folder, error);
  return NULL;
}

void blk_close(struct blkfront* front) {
  char path[128];
  blk_drain(front);
  set_state(front, XenbusStateClosing);
  rs_xenbus_wait_state(front->backend, STATE(Closing) | STATE(Closed), rs_now_ns() + XENBUS_LIMIT);
  set_state(front, XenbusStateClosed);
  rs_xenbus_wait_state(front->backend, STATE(Closed), rs_now_ns() + XENBUS_LIMIT);
  rs_xenstore_unwatch(JOIN(path, front->backend, "/state"), "backend");
  rs_event_close((unsigned)front->port);
  if (rs_grant_end(front->ring_grant)) rs_panic("blkfront: the backend keeps the ring");
  rs_free_pages(front->shared, 1);
}
