#include "netfront.h"

#include "xenbus.h"

static int fail(const char* what, const char* where, int error) {
  print("netfront: %s %s failed: %d\n", what, where, error);
  return 1;
}

static int parse_mac(const char* text, uint8_t* mac) {
  for (unsigned i = 0; i < 6; ++i) {
    unsigned byte = 0;
    for (unsigned digit = 0; digit < 2; ++digit, ++text) {
      const unsigned lower = (unsigned)*text | 32;
      if (*text >= '0' && *text <= '9') {
        byte = byte * 16 + (unsigned)(*text - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        byte = byte * 16 + lower - 'a' + 10;
      } else {
        return 1;
      }
    }
    mac[i] = (uint8_t)byte;
    if (*text++ != (i == 5 ? 0 : ':')) return 1;
  }
  return 0;
}

// --- Transmitting ---

static void take_tx_responses(struct netfront* front) {
  int more;
  do {
    const RING_IDX produced = front->tx.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    while (front->tx.rsp_cons != produced) {
      const struct netif_tx_response response = *RING_GET_RESPONSE(&front->tx, front->tx.rsp_cons);
      front->tx.rsp_cons++;
      if (response.status == NETIF_RSP_NULL) continue;
      if (response.status != NETIF_RSP_OKAY) ++front->tx_errors;
      if (response.id < kNetTxBuffers) front->tx_free[front->tx_free_count++] = response.id;
    }
    RING_FINAL_CHECK_FOR_RESPONSES(&front->tx, more);
  } while (more);
}

static int has_buffer(void* data) { return ((struct netfront*)data)->tx_free_count != 0; }

unsigned netfront_buffer(struct netfront* front) {
  if (!has_buffer(front)) {
    netfront_kick(front);
    wait_until(has_buffer, front);
  }
  lock_events();
  const unsigned buffer = front->tx_free[--front->tx_free_count];
  unlock_events();
  return buffer;
}

static int has_reserved(void* data) {
  const struct netfront* front = data;
  return front->tx_free_count >= front->reserving;
}

void netfront_reserve(struct netfront* front, unsigned buffers) {
  front->reserving = buffers;
  if (has_reserved(front)) return;
  netfront_kick(front);
  wait_until(has_reserved, front);
}

void netfront_put(struct netfront* front, struct netif_tx_request request) {
  *RING_GET_REQUEST(&front->tx, front->tx.req_prod_pvt) = request;
  front->tx.req_prod_pvt++;
}

void netfront_put_extra(struct netfront* front, struct netif_extra_info extra) {
  memcpy(RING_GET_REQUEST(&front->tx, front->tx.req_prod_pvt), &extra, sizeof extra);
  front->tx.req_prod_pvt++;
}

void netfront_send(struct netfront* front, unsigned buffer, unsigned length, uint16_t flags) {
  netfront_put(front, (struct netif_tx_request){.gref = front->tx_grants[buffer],
                                                .flags = flags,
                                                .id = (uint16_t)buffer,
                                                .size = (uint16_t)length});
  ++front->sent;
}

void netfront_kick(struct netfront* front) {
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->tx, wanted);
  if (wanted) notify(front->tx_port);
}

static int is_idle(void* data) {
  const struct netfront* front = data;
  return front->tx.rsp_cons == front->tx.req_prod_pvt;
}

void netfront_drain(struct netfront* front) {
  netfront_kick(front);
  wait_until(is_idle, front);
}

// --- Receiving ---

static uint8_t assembly[kNetFrameMax];

// The request in a slot names the buffer of the same number: responses keep the places of their requests.
static void give_buffer(struct netfront* front) {
  const unsigned buffer = front->rx.req_prod_pvt % kNetRxBuffers;
  *RING_GET_REQUEST(&front->rx, front->rx.req_prod_pvt) =
      (struct netif_rx_request){.id = (uint16_t)buffer, .gref = front->rx_grants[buffer]};
  front->rx.req_prod_pvt++;
}

// Takes one frame with all its slots, which the backend has put there together. Extra information follows the
// first one.
static void take_frame(struct netfront* front) {
  struct net_frame frame = {.bytes = assembly};
  int good = 1, more_data = 0, more_extra = 0;
  do {
    const RING_IDX index = front->rx.rsp_cons++;
    const struct netif_rx_response response = *RING_GET_RESPONSE(&front->rx, index);
    ++frame.slots;
    if (more_extra) {
      memcpy(&frame.extra, &response, sizeof frame.extra);
      more_extra = (frame.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE) != 0;
      continue;
    }
    const uint8_t* page = front->rx_pages[index % kNetRxBuffers];
    more_data = (response.flags & NETRXF_more_data) != 0;
    if (frame.slots == 1) {
      frame.flags = response.flags;
      more_extra = (response.flags & NETRXF_extra_info) != 0;
    }
    if (response.status < 0 || response.offset + response.status > (int)GUEST_PAGE_SIZE ||
        frame.length + (unsigned)response.status > kNetFrameMax) {
      good = 0;
      continue;
    }
    if (!more_data && frame.length == 0) {
      frame.bytes = page + response.offset;
    } else {
      memcpy(assembly + frame.length, page + response.offset, (size_t)response.status);
    }
    frame.length += (unsigned)response.status;
  } while (more_data || more_extra);
  if (!good) {
    ++front->rx_errors;
  } else {
    ++front->received;
    if (front->receive) front->receive(front->data, &frame);
  }
  for (unsigned i = 0; i < frame.slots; ++i) give_buffer(front);
}

static void take_rx_responses(struct netfront* front) {
  int more;
  do {
    const RING_IDX produced = front->rx.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    while (front->rx.rsp_cons != produced) take_frame(front);
    RING_FINAL_CHECK_FOR_RESPONSES(&front->rx, more);
  } while (more);
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->rx, wanted);
  if (wanted) notify(front->rx_port);
}

static void on_tx_event(void* data) { take_tx_responses(data); }
static void on_rx_event(void* data) { take_rx_responses(data); }
static void on_event(void* data) {
  take_tx_responses(data);
  take_rx_responses(data);
}

// --- Connecting ---

static void make_buffers(struct netfront* front) {
  if (front->tx_pages[0]) return;
  front->tx.sring = allocate_page();
  front->rx.sring = allocate_page();
  for (unsigned i = 0; i < kNetTxBuffers; ++i) front->tx_pages[i] = allocate_page();
  for (unsigned i = 0; i < kNetRxBuffers; ++i) front->rx_pages[i] = allocate_page();
}

static void grant_buffers(struct netfront* front) {
  if (front->tx_ring_grant) return;  // closed by nobody
  front->tx_ring_grant = grant_page(front->tx.sring, 0);
  front->rx_ring_grant = grant_page(front->rx.sring, 0);
  for (unsigned i = 0; i < kNetTxBuffers; ++i) front->tx_grants[i] = grant_page(front->tx_pages[i], 1);
  for (unsigned i = 0; i < kNetRxBuffers; ++i) front->rx_grants[i] = grant_page(front->rx_pages[i], 0);
}

static void end_grants(struct netfront* front) {
  for (unsigned i = 0; i < kNetTxBuffers; ++i) end_grant(front->tx_grants[i]);
  for (unsigned i = 0; i < kNetRxBuffers; ++i) end_grant(front->rx_grants[i]);
  end_grant(front->tx_ring_grant);
  end_grant(front->rx_ring_grant);
  front->tx_ring_grant = 0;
}

static void make_rings(struct netfront* front) {
  make_buffers(front);
  grant_buffers(front);
  struct netif_tx_sring* tx = front->tx.sring;
  struct netif_rx_sring* rx = front->rx.sring;
  SHARED_RING_INIT(tx);
  FRONT_RING_INIT(&front->tx, tx, GUEST_PAGE_SIZE);
  SHARED_RING_INIT(rx);
  FRONT_RING_INIT(&front->rx, rx, GUEST_PAGE_SIZE);
  front->tx_free_count = 0;
  for (unsigned i = 0; i < kNetTxBuffers; ++i) front->tx_free[front->tx_free_count++] = i;
}

static int share(struct netfront* front) {
  make_rings(front);
  front->tx_port = allocate_port();
  front->rx_port = front->single_channel ? front->tx_port : allocate_port();
  if (front->single_channel) {
    bind_handler(front->tx_port, on_event, front);
    if (xenbus_write_number(front->frontend, "event-channel", front->tx_port)) return 1;
  } else {
    bind_handler(front->tx_port, on_tx_event, front);
    bind_handler(front->rx_port, on_rx_event, front);
    if (xenbus_write_number(front->frontend, "event-channel-tx", front->tx_port) ||
        xenbus_write_number(front->frontend, "event-channel-rx", front->rx_port))
      return 1;
  }
  return xenbus_write_number(front->frontend, "tx-ring-ref", front->tx_ring_grant) ||
         xenbus_write_number(front->frontend, "rx-ring-ref", front->rx_ring_grant) ||
         xenbus_write_number(front->frontend, "request-rx-copy", 1) ||
         xenbus_write_number(front->frontend, "feature-rx-notify", 1) ||
         xenbus_write_number(front->frontend, "feature-sg", 1) ||
         xenbus_write_number(front->frontend, "feature-gso-tcpv4", front->gso ? 1 : 0) ||
         xenbus_write_number(front->frontend, "feature-no-csum-offload", front->no_csum_offload ? 1 : 0);
}

int netfront_connect(struct netfront* front, const char* device, net_receive receive, void* data) {
  char path[160], value[24];
  front->receive = receive;
  front->data = data;
  format_text(front->frontend, sizeof front->frontend, "device/vif/%s", device);
  if (xenbus_read(front->frontend, "backend", front->backend, sizeof front->backend)) return 1;
  if (xenbus_read(front->frontend, "mac", value, sizeof value)) return 1;
  if (parse_mac(value, front->mac)) return fail("understanding the mac of", front->frontend, 0);
  front->mtu = 1500;
  format_text(path, sizeof path, "%s/mtu", front->frontend);
  if (xenstore_read(path, value, sizeof value) == 0) front->mtu = (unsigned)parse_number(value);
  format_text(path, sizeof path, "%s/state", front->backend);
  // A second time it is watched already.
  (void)xenstore_watch(path, "backend");
  if (xenbus_write_number(front->frontend, "state", XenbusStateInitialising)) return 1;
  if (xenbus_wait_for_backend(front->backend, XenbusStateInitWait)) return 1;
  if (share(front)) return 1;
  if (xenbus_write_number(front->frontend, "state", XenbusStateConnected)) return 1;
  if (xenbus_wait_for_backend(front->backend, XenbusStateConnected)) return 1;
  lock_events();
  for (unsigned i = 0; i < kNetRxBuffers; ++i) give_buffer(front);
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->rx, wanted);
  unlock_events();
  if (wanted) notify(front->rx_port);
  return 0;
}

void netfront_close(struct netfront* front) {
  if (xenbus_write_number(front->frontend, "state", XenbusStateClosing)) return;
  if (xenbus_wait_for_backend(front->backend, XenbusStateClosing)) return;
  if (xenbus_write_number(front->frontend, "state", XenbusStateClosed)) return;
  xenbus_wait_for_backend(front->backend, XenbusStateClosed);
  close_port(front->tx_port);
  if (!front->single_channel) close_port(front->rx_port);
  end_grants(front);
}
