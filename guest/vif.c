#include "vif.h"

#include "planted_bugs.h"
#include "xenbus.h"

enum { kTriesMax = 3, kReconnectsMax = 12 };
static const uint64_t kLookAgain = 2 * kMillisecond;   // without an event: at the rings
static const uint64_t kTellAgain = 10 * kMillisecond;  // the backend, that there are frames
static const uint64_t kTimeout = 50 * kMillisecond;    // for its response
static const uint64_t kCloseLimit = 20 * kMillisecond;
static const uint64_t kConnectLimit = 100 * kMillisecond;

static int fail(const char* what, const char* where, int error) {
  print("vif: %s %s failed: %d\n", what, where, error);
  return 1;
}

// --- Sending ---

static void put_tx(struct vif* vif, unsigned frame, unsigned length) {
  vif->tx_grants[frame] = grant_page(vif->tx_pages[frame], 1);
  *RING_GET_REQUEST(&vif->tx, vif->tx.req_prod_pvt) = (struct netif_tx_request){
      .gref = vif->tx_grants[frame], .id = (uint16_t)frame, .size = (uint16_t)length};
  vif->tx.req_prod_pvt++;
  vif->tx_in_ring |= 1u << frame;
  vif->tx_put_at[frame] = 0;
}

static void publish_tx(struct vif* vif) {
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&vif->tx, wanted);  // has the barrier before req_prod
  if (wanted || BUG_NO_BARRIER) try_notify(vif->port);
}

static void free_tx(struct vif* vif, unsigned frame) {
  ++vif->completed;
  vif->tx_in_ring &= ~(1u << frame);
  vif->tx_free |= 1u << frame;
}

static void take_tx_response(struct vif* vif, const struct netif_tx_response* response) {
  const unsigned frame = response->id;
  if (frame >= kVifTxFrames || (!BUG_DOUBLE_COMPLETION && !(vif->tx_in_ring & 1u << frame))) {
    // The answer to nothing, or a second one. The backend and we do not count alike from here on.
    ++vif->strays;
    vif->broken = 1;
    return;
  }
  if (response->status != NETIF_RSP_OKAY) {
    ++vif->tx_errors;
    if (BUG_GRANT_LEAK_ON_ERROR) return free_tx(vif, frame);
  }
  // It is refused while the backend has the page: the response is a lie then.
  if (!end_grant(vif->tx_grants[frame])) {
    ++vif->lies;
    vif->broken = 1;
    return;
  }
  free_tx(vif, frame);
}

static void take_tx_responses(struct vif* vif) {
  int more;
  do {
    const RING_IDX produced = vif->tx.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    // More than were asked for: whatever lies there, it is no answer.
    const int too_many = produced - vif->tx.rsp_cons > vif->tx.req_prod_pvt - vif->tx.rsp_cons;
    if (too_many && !BUG_DOUBLE_COMPLETION) {
      ++vif->strays;
      vif->broken = 1;
    }
    while (!vif->broken && vif->tx.rsp_cons != produced) {
      // Copied once: what is checked is what is used, whatever the backend writes there later.
      const struct netif_tx_response response =
          *(const volatile struct netif_tx_response*)RING_GET_RESPONSE(&vif->tx, vif->tx.rsp_cons);
      vif->tx.rsp_cons++;
      take_tx_response(vif, &response);
    }
    if (vif->broken) vif->tx.rsp_cons = produced;  // thrown away
    RING_FINAL_CHECK_FOR_RESPONSES(&vif->tx, more);
  } while (more);
}

// --- Receiving ---

// The next place gets the page that belongs to it.
static void put_rx(struct vif* vif) {
  const unsigned place = vif->rx.req_prod_pvt % kVifRxFrames;
  vif->rx_grants[place] = grant_page(vif->rx_pages[place], 0);
  *RING_GET_REQUEST(&vif->rx, vif->rx.req_prod_pvt) =
      (struct netif_rx_request){.id = (uint16_t)place, .gref = vif->rx_grants[place]};
  vif->rx.req_prod_pvt++;
}

static void publish_rx(struct vif* vif) {
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&vif->rx, wanted);
  if (wanted) try_notify(vif->port);
}

static void take_rx_response(struct vif* vif, unsigned place, const struct netif_rx_response* response) {
  // The page is ours alone before anybody looks into it.
  if (response->id != place || !end_grant(vif->rx_grants[place])) {
    ++vif->lies;
    vif->broken = 1;
    return;
  }
  const unsigned length = (uint16_t)response->status;
  const int whole = !(response->flags & (NETRXF_more_data | NETRXF_extra_info));
  const int fits = response->status >= kVifHeader && length <= vif->mtu + kVifHeader &&
                   response->offset + length <= GUEST_PAGE_SIZE;
  if (response->status <= 0 && !BUG_ERROR_IGNORED) {
    ++vif->rx_errors;
    if (BUG_RING_FULL_MISCOUNTED) put_rx(vif);
  } else if ((whole && fits) || (BUG_ERROR_IGNORED && response->status < 0)) {
    ++vif->received;
    vif->receive(vif->data, vif->rx_pages[place] + response->offset, length);
  } else {
    ++vif->refused;
  }
  put_rx(vif);
}

static void take_rx_responses(struct vif* vif) {
  const RING_IDX published = vif->rx.req_prod_pvt;
  int more;
  do {
    const RING_IDX produced = vif->rx.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    if (produced - vif->rx.rsp_cons > vif->rx.req_prod_pvt - vif->rx.rsp_cons) {
      ++vif->strays;
      vif->broken = 1;
    }
    while (!vif->broken && vif->rx.rsp_cons != produced) {
      const unsigned place = vif->rx.rsp_cons % kVifRxFrames;
      const struct netif_rx_response response =
          *(const volatile struct netif_rx_response*)RING_GET_RESPONSE(&vif->rx, vif->rx.rsp_cons);
      vif->rx.rsp_cons++;
      take_rx_response(vif, place, &response);
    }
    if (vif->broken) vif->rx.rsp_cons = produced;  // thrown away
    RING_FINAL_CHECK_FOR_RESPONSES(&vif->rx, more);
  } while (more);
  if (vif->rx.req_prod_pvt != published && !vif->broken) publish_rx(vif);
}

static void take_responses(struct vif* vif) {
  take_tx_responses(vif);
  take_rx_responses(vif);
}

static void on_event(void* data) { take_responses(data); }

// --- Connecting ---

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

static int share_rings(struct vif* vif) {
  if (!vif->tx_shared) vif->tx_shared = allocate_page();
  if (!vif->rx_shared) vif->rx_shared = allocate_page();
  SHARED_RING_INIT(vif->tx_shared);
  SHARED_RING_INIT(vif->rx_shared);
  if (!BUG_OLD_INDICES || !vif->tx.sring) FRONT_RING_INIT(&vif->tx, vif->tx_shared, GUEST_PAGE_SIZE);
  FRONT_RING_INIT(&vif->rx, vif->rx_shared, GUEST_PAGE_SIZE);
  vif->tx_ring_grant = grant_page(vif->tx_shared, 0);
  vif->rx_ring_grant = grant_page(vif->rx_shared, 0);
  vif->port = allocate_port();
  bind_handler(vif->port, on_event, vif);
  vif->tx_free = (1u << kVifTxFrames) - 1;
  vif->tx_in_ring = 0;
  vif->broken = 0;
  return xenbus_write_number(vif->frontend, "tx-ring-ref", vif->tx_ring_grant) ||
         xenbus_write_number(vif->frontend, "rx-ring-ref", vif->rx_ring_grant) ||
         xenbus_write_number(vif->frontend, "event-channel", vif->port) ||
         xenbus_write_number(vif->frontend, "request-rx-copy", 1) ||
         xenbus_write_number(vif->frontend, "feature-rx-notify", 1) ||
         xenbus_write_number(vif->frontend, "feature-sg", 0) ||
         xenbus_write_number(vif->frontend, "feature-no-csum-offload", 1);
}

static int connect_once(struct vif* vif) {
  const unsigned ended = XENBUS_STATE(Closing) | XENBUS_STATE(Closed);
  if (xenbus_backend_state(vif->backend, XENBUS_STATE(InitWait), kConnectLimit) != XenbusStateInitWait)
    return fail("waiting for", vif->backend, XenbusStateInitWait);
  if (share_rings(vif)) return 1;
  lock_events();
  for (unsigned i = 0; i < kVifRxFrames; ++i) put_rx(vif);
  unlock_events();
  if (xenbus_switch_state(vif->frontend, XenbusStateConnected)) return 1;
  if (xenbus_backend_state(vif->backend, XENBUS_STATE(Connected) | ended, kConnectLimit) !=
      XenbusStateConnected)
    return fail("waiting for", vif->backend, XenbusStateConnected);
  vif->state_events = xenstore_events('b');
  lock_events();
  publish_rx(vif);
  unlock_events();
  return 0;
}

// The page of a grant that the backend does not let go of, even closed, stays with it: another takes its
// place.
static void take_back(grant_ref_t* grant, uint8_t** page) {
  if (*grant && !end_grant(*grant)) *page = allocate_page();
  *grant = 0;
}

static int disconnect(struct vif* vif) {
  // Unknown: it is not there at all.
  const unsigned ended = XENBUS_STATE(Closed) | XENBUS_STATE(InitWait) | XENBUS_STATE(Unknown);
  if (xenbus_switch_state(vif->frontend, XenbusStateClosing)) return 1;
  xenbus_backend_state(vif->backend, XENBUS_STATE(Closing) | ended, kCloseLimit);
  if (xenbus_switch_state(vif->frontend, XenbusStateClosed)) return 1;
  xenbus_backend_state(vif->backend, ended, kCloseLimit);
  if (vif->port) close_port(vif->port);
  vif->port = 0;
  for (unsigned i = 0; i < kVifRxFrames; ++i) take_back(&vif->rx_grants[i], &vif->rx_pages[i]);
  for (unsigned i = 0; i < kVifTxFrames; ++i) {
    if (vif->tx_in_ring & 1u << i) take_back(&vif->tx_grants[i], &vif->tx_pages[i]);
  }
  take_back(&vif->tx_ring_grant, (uint8_t**)&vif->tx_shared);
  take_back(&vif->rx_ring_grant, (uint8_t**)&vif->rx_shared);
  return 0;
}

static int never(void* data) {
  (void)data;
  return 0;
}

void vif_reconnect(struct vif* vif) {
  for (uint64_t wait = kLookAgain; vif->reconnects < kReconnectsMax; wait *= 2) {
    if (vif->reconnects++ != 0) wait_until_time(never, 0, system_time() + wait);
    if (disconnect(vif) || xenbus_switch_state(vif->frontend, XenbusStateInitialising) || connect_once(vif))
      continue;
    return;
  }
  if (!vif->gone) print("vif: %s is gone\n", vif->frontend);
  vif->gone = 1;
}

static int find(struct vif* vif) {
  char path[160], value[24];
  if (xenbus_read(vif->frontend, "backend", vif->backend, sizeof vif->backend)) return 1;
  if (xenbus_read(vif->frontend, "mac", value, sizeof value)) return 1;
  if (parse_mac(value, vif->mac)) return fail("understanding the mac of", vif->frontend, 0);
  vif->mtu = 1500;
  format_text(path, sizeof path, "%s/mtu", vif->frontend);
  if (xenstore_read(path, value, sizeof value) == 0) vif->mtu = (unsigned)parse_number(value);
  format_text(path, sizeof path, "%s/state", vif->backend);
  const int error = xenstore_watch(path, "backend");
  return error && error != kXenstoreExists ? fail("watching", path, error) : 0;
}

int vif_connect(struct vif* vif, const char* device, vif_receive receive, void* data) {
  vif->receive = receive;
  vif->data = data;
  format_text(vif->frontend, sizeof vif->frontend, "device/vif/%s", device);
  for (unsigned tries = 1; find(vif); ++tries) {
    if (tries == kTriesMax) return 1;
  }
  for (unsigned i = 0; i < kVifTxFrames; ++i) vif->tx_pages[i] = allocate_page();
  for (unsigned i = 0; i < kVifRxFrames; ++i) vif->rx_pages[i] = allocate_page();
  if (connect_once(vif)) vif_reconnect(vif);
  return vif->gone;
}

// --- What programs do ---

// Whether the backend has left. It may come back by itself and go on with the ring as it finds it; we do not.
static int has_left(struct vif* vif) {
  const unsigned events = xenstore_events('b');
  if (events == vif->state_events) return 0;
  vif->state_events = events;
  return xenbus_backend_state(vif->backend, XENBUS_STATE(Connected), 0) != XenbusStateConnected;
}

// What must not be left to events: they may be lost. Whether the device has to be connected anew.
static int look_by_the_clock(struct vif* vif) {
  int waits = 0, overdue = 0;
  lock_events();
  take_responses(vif);
  const uint64_t now = system_time();
  for (unsigned frame = 0; frame < kVifTxFrames; ++frame) {
    if (!(vif->tx_in_ring & 1u << frame)) continue;
    if (vif->tx_put_at[frame] == 0) vif->tx_put_at[frame] = now;
    const uint64_t age = now - vif->tx_put_at[frame];
    waits |= age >= kTellAgain;
    if (age < kTimeout) continue;
    overdue = 1;
    if (BUG_TIMEOUT_FREES_PAGE) {
      revoke_grant(vif->tx_grants[frame]);
      free_tx(vif, frame);
    }
  }
  unlock_events();
  if (waits && !overdue && !vif->told_again) try_notify(vif->port);
  vif->told_again = waits;
  vif->timeouts += (unsigned)overdue;
  return (overdue && !BUG_TIMEOUT_FREES_PAGE) || vif->broken || has_left(vif);
}

struct waiting {
  struct vif* vif;
  int (*condition)(void* data);
  void* data;
};

static int has_something(void* data) {
  const struct waiting* waiting = data;
  return waiting->condition(waiting->data) || (waiting->vif->broken && !waiting->vif->gone);
}

int vif_wait(struct vif* vif, int (*condition)(void* data), void* data, uint64_t deadline) {
  struct waiting waiting = {vif, condition, data};
  if (BUG_LOST_COMPLETION) return wait_until_time(condition, data, deadline);
  for (;;) {
    const uint64_t soon = system_time() + kLookAgain;
    wait_until_time(has_something, &waiting, soon < deadline ? soon : deadline);
    if (condition(data)) return 1;
    if (vif->gone || system_time() >= deadline) return 0;
    if (look_by_the_clock(vif)) vif_reconnect(vif);
  }
}

static int has_frame(void* data) {
  const struct vif* vif = data;
  return vif->tx_free != 0 || vif->gone;
}

unsigned vif_frame(struct vif* vif) {
  while (!has_frame(vif)) vif_wait(vif, has_frame, vif, system_time() + kTimeout);
  lock_events();
  const unsigned frame = (unsigned)__builtin_ctz(vif->gone ? 1 : vif->tx_free);
  vif->tx_free &= ~(1u << frame);
  unlock_events();
  return frame;
}

void vif_send(struct vif* vif, unsigned frame, unsigned length) {
  // What a missing barrier allows, drawn out to be seen: the index goes first, the request follows.
  if (BUG_NO_BARRIER && !vif->gone && !vif->broken) {
    vif->tx.sring->req_prod = vif->tx.req_prod_pvt + 1;
    for (volatile unsigned i = 0; i < 500; ++i) {
    }
  }
  lock_events();
  // Into a broken ring goes nothing any more: the frame is lost, as those are that lie in it.
  if (vif->gone || vif->broken) {
    vif->tx_free |= 1u << frame;
  } else {
    put_tx(vif, frame, length);
    publish_tx(vif);
    ++vif->sent;
  }
  unlock_events();
}

static int has_sent_all(void* data) { return ((struct vif*)data)->tx_in_ring == 0; }

void vif_close(struct vif* vif) {
  vif_wait(vif, has_sent_all, vif, system_time() + kTimeout);
  for (unsigned tries = 0; tries < kTriesMax && disconnect(vif); ++tries) {
  }
}
