#include "blkring.h"

#include "xenbus.h"

int blkring_connect(struct blkring* ring, const char* device, event_handler handler, void* data) {
  char path[160], value[24];
  format_text(ring->frontend, sizeof ring->frontend, "device/vbd/%s", device);
  if (xenbus_read(ring->frontend, "backend", ring->backend, sizeof ring->backend)) return 1;
  format_text(path, sizeof path, "%s/state", ring->backend);
  if (xenstore_watch(path, "backend")) return 1;
  if (xenbus_wait_for_backend(ring->backend, XenbusStateInitWait)) return 1;
  struct blkif_sring* shared = allocate_page();
  SHARED_RING_INIT(shared);
  FRONT_RING_INIT(&ring->front, shared, GUEST_PAGE_SIZE);
  ring->ring_grant = grant_page(shared, 0);
  ring->port = allocate_port();
  bind_handler(ring->port, handler, data);
  if (xenbus_write_number(ring->frontend, "ring-ref", ring->ring_grant)) return 1;
  if (xenbus_write_number(ring->frontend, "event-channel", ring->port)) return 1;
  format_text(path, sizeof path, "%s/protocol", ring->frontend);
  if (xenstore_write(path, "x86_64-abi")) return 1;
  if (xenbus_switch_state(ring->frontend, XenbusStateInitialised)) return 1;
  if (xenbus_wait_for_backend(ring->backend, XenbusStateConnected)) return 1;
  if (xenbus_read(ring->backend, "sectors", value, sizeof value)) return 1;
  ring->sectors = parse_number(value);
  return xenbus_switch_state(ring->frontend, XenbusStateConnected);
}

void blkring_put_read(struct blkring* ring, uint64_t id, uint64_t sector, unsigned sectors,
                      grant_ref_t grant) {
  struct blkif_request* request = RING_GET_REQUEST(&ring->front, ring->front.req_prod_pvt);
  request->operation = BLKIF_OP_READ;
  request->nr_segments = 1;
  request->handle = 0;
  request->id = id;
  request->sector_number = sector;
  request->seg[0] =
      (struct blkif_request_segment){.gref = grant, .first_sect = 0, .last_sect = (uint8_t)(sectors - 1)};
  ring->front.req_prod_pvt++;
}

void blkring_publish(struct blkring* ring) {
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&ring->front, wanted);
  if (wanted) notify(ring->port);
}

int blkring_close(struct blkring* ring) {
  if (xenbus_switch_state(ring->frontend, XenbusStateClosing)) return 1;
  if (xenbus_wait_for_backend(ring->backend, XenbusStateClosing)) return 1;
  if (xenbus_switch_state(ring->frontend, XenbusStateClosed)) return 1;
  if (xenbus_wait_for_backend(ring->backend, XenbusStateClosed)) return 1;
  close_port(ring->port);
  return !end_grant(ring->ring_grant);
}
