#include "blkfront.h"

#include "xenbus.h"

static int fail(const char* what, const char* where, int error) {
  print("blkfront: %s %s failed: %d\n", what, where, error);
  return 1;
}

static void take_responses(struct blkfront* front) {
  int more;
  do {
    const RING_IDX produced = front->ring.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    while (front->ring.rsp_cons != produced) {
      const struct blkif_response response = *RING_GET_RESPONSE(&front->ring, front->ring.rsp_cons);
      front->ring.rsp_cons++;
      const unsigned id = (unsigned)response.id;
      if (response.id >= kBlkRequestsMax || !(front->busy & 1u << id)) {
        guest_panic("a response for id %lu, which is not in flight", (unsigned long)response.id);
      }
      front->busy &= ~(1u << id);
      --front->in_flight;
      front->done(front->done_data, id, response.status);
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&front->ring, more);
  } while (more);
}

static void on_event(void* data) { take_responses(data); }

static int share_ring(struct blkfront* front) {
  struct blkif_sring* shared = allocate_page();
  SHARED_RING_INIT(shared);
  FRONT_RING_INIT(&front->ring, shared, GUEST_PAGE_SIZE);
  if (RING_SIZE(&front->ring) != kBlkRequestsMax)
    guest_panic("the ring has %u slots", RING_SIZE(&front->ring));
  front->ring_grant = grant_page(shared, 0);
  front->port = allocate_port();
  bind_handler(front->port, on_event, front);
  return xenbus_write_number(front->frontend, "ring-ref", front->ring_grant) ||
         xenbus_write_number(front->frontend, "event-channel", front->port);
}

int blkfront_connect(struct blkfront* front, const char* device, blk_done done, void* done_data) {
  char path[160], value[24];
  front->done = done;
  front->done_data = done_data;
  format_text(front->frontend, sizeof front->frontend, "device/vbd/%s", device);
  if (xenbus_read(front->frontend, "backend", front->backend, sizeof front->backend)) return 1;
  format_text(path, sizeof path, "%s/state", front->backend);
  const int error = xenstore_watch(path, "backend");
  if (error) return fail("watching", path, error);
  if (xenbus_wait_for_backend(front->backend, XenbusStateInitWait)) return 1;
  if (share_ring(front)) return 1;
  format_text(path, sizeof path, "%s/protocol", front->frontend);
  if (xenstore_write(path, "x86_64-abi")) return fail("writing", path, 1);
  if (front->persistent && xenbus_write_number(front->frontend, "feature-persistent", 1)) return 1;
  if (xenbus_write_number(front->frontend, "state", XenbusStateInitialised)) return 1;
  if (xenbus_wait_for_backend(front->backend, XenbusStateConnected)) return 1;
  if (xenbus_read(front->backend, "sectors", value, sizeof value)) return 1;
  front->sectors = parse_number(value);
  if (xenbus_read(front->backend, "info", value, sizeof value)) return 1;
  front->info = (unsigned)parse_number(value);
  return xenbus_write_number(front->frontend, "state", XenbusStateConnected);
}

static int has_free_id(void* data) { return ~((struct blkfront*)data)->busy != 0; }

unsigned blkfront_id(struct blkfront* front) {
  if (!has_free_id(front)) {
    blkfront_kick(front);
    wait_until(has_free_id, front);
  }
  lock_events();
  const unsigned id = (unsigned)__builtin_ctz(~front->busy);
  front->busy |= 1u << id;
  if (++front->in_flight > front->in_flight_max) front->in_flight_max = front->in_flight;
  unlock_events();
  return id;
}

void blkfront_put(struct blkfront* front, unsigned id, struct blkif_request request) {
  request.id = id;
  *RING_GET_REQUEST(&front->ring, front->ring.req_prod_pvt) = request;
  front->ring.req_prod_pvt++;
}

void blkfront_kick(struct blkfront* front) {
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->ring, wanted);
  if (wanted) notify(front->port);
}

static int is_idle(void* data) { return ((struct blkfront*)data)->in_flight == 0; }

void blkfront_drain(struct blkfront* front) {
  blkfront_kick(front);
  wait_until(is_idle, front);
}

void blkfront_close(struct blkfront* front) {
  if (xenbus_write_number(front->frontend, "state", XenbusStateClosing)) return;
  if (xenbus_wait_for_backend(front->backend, XenbusStateClosing)) return;
  if (xenbus_write_number(front->frontend, "state", XenbusStateClosed)) return;
  xenbus_wait_for_backend(front->backend, XenbusStateClosed);
}
