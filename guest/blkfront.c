#include "blkfront.h"

#include "planted_bugs.h"
#include "xenbus.h"

enum { kTriesMax = 3, kReconnectsMax = 12 };
static const uint64_t kLookAgain = 2 * kMillisecond;   // without an event: at the ring
static const uint64_t kTellAgain = 10 * kMillisecond;  // the backend, that there are requests
static const uint64_t kTimeout = 50 * kMillisecond;    // for an answer
static const uint64_t kCloseLimit = 20 * kMillisecond;
static const uint64_t kConnectLimit = 100 * kMillisecond;

static int fail(const char* what, const char* where, int error) {
  print("blkfront: %s %s failed: %d\n", what, where, error);
  return 1;
}

static uint64_t bit(unsigned id) { return 1ull << id; }

// --- Requests ---

// Pages that the backend only reads from are granted for reading.
static void grant_pages(struct blk_slot* slot) {
  const int read_only = slot->request.operation == BLKIF_OP_WRITE;
  for (unsigned i = 0; i < slot->request.segment_count; ++i) {
    const struct blk_segment* segment = &slot->request.segments[i];
    slot->grants[i] = segment->grant ? segment->grant : grant_page(segment->page, read_only);
  }
}

static int pages_in_use(const struct blk_slot* slot) {
  for (unsigned i = 0; i < slot->request.segment_count; ++i) {
    if (!slot->request.segments[i].grant && grant_in_use(slot->grants[i])) return 1;
  }
  return 0;
}

static void end_grants(const struct blk_slot* slot) {
  for (unsigned i = 0; i < slot->request.segment_count; ++i) {
    if (!slot->request.segments[i].grant) end_grant(slot->grants[i]);
  }
}

// Into the next place of the ring, where there must be room; nobody sees it there until it is published.
static void put_in_ring(struct blkfront* front, unsigned id) {
  struct blk_slot* slot = &front->slots[id];
  struct blkif_request* request = RING_GET_REQUEST(&front->ring, front->ring.req_prod_pvt);
  request->operation = slot->request.operation;
  request->nr_segments = slot->request.segment_count;
  request->handle = 0;
  request->id = id;
  request->sector_number = slot->request.sector;
  for (unsigned i = 0; i < slot->request.segment_count; ++i) {
    request->seg[i] = (struct blkif_request_segment){.gref = slot->grants[i],
                                                     .first_sect = slot->request.segments[i].first,
                                                     .last_sect = slot->request.segments[i].last};
  }
  if (slot->request.spoil) slot->request.spoil(request);
  front->ring.req_prod_pvt++;
  front->in_ring |= bit(id);
  slot->put_at = 0;
  slot->told_again = 0;
}

static void publish(struct blkfront* front, int always) {
  int wanted;
  RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->ring, wanted);  // has the barrier before req_prod
  // Where Xen refuses, the clock will make us tell again.
  if (wanted || always || BUG_NO_BARRIER) try_notify(front->port);
}

// --- Responses. All this with events masked. ---

static void complete(struct blkfront* front, unsigned id, int16_t status) {
  front->busy &= ~bit(id);
  front->in_ring &= ~bit(id);
  --front->in_flight;
  front->done(front->done_data, id, status);
}

static void take_response(struct blkfront* front, const struct blkif_response* response) {
  const unsigned id = (unsigned)response->id;
  if (response->id >= kBlkRequestsMax || (!BUG_DOUBLE_COMPLETION && !(front->in_ring & bit(id)))) {
    // The answer to nothing, or a second one. The backend and we do not count alike from here on.
    ++front->strays;
    front->broken = 1;
    return;
  }
  struct blk_slot* slot = &front->slots[id];
  ++front->room;  // what is made again below takes it, which this count forgets
  // An answer to something else under this id, or while the backend still has our pages: a lie. Without a
  // spoilt request, that is: of that the backend may have understood another operation.
  const int other = response->operation != slot->request.operation && !slot->request.spoil;
  if (!BUG_DOUBLE_COMPLETION && (other || pages_in_use(slot))) {
    ++front->lies;
    front->broken = 1;
    return;
  }
  int16_t status = response->status;
  if (BUG_ERROR_IGNORED && !slot->request.spoil) status = BLKIF_RSP_OKAY;
  // Every backend reads and writes; what else one may not do stays so.
  const int refused = status == BLKIF_RSP_EOPNOTSUPP && slot->request.operation > BLKIF_OP_WRITE;
  if (status == BLKIF_RSP_OKAY || refused || slot->request.spoil || ++slot->tries == kTriesMax) {
    end_grants(slot);
    complete(front, id, status);
    return;
  }
  ++front->retries;
  if (BUG_GRANT_LEAK_ON_ERROR) grant_pages(slot);
  // This response has just made room, unless there have been responses to nothing.
  if (RING_FULL(&front->ring)) {
    front->broken = 1;
  } else {
    put_in_ring(front, id);
  }
}

static void take_responses(struct blkfront* front) {
  const RING_IDX published = front->ring.req_prod_pvt;
  int more;
  do {
    const RING_IDX produced = front->ring.sring->rsp_prod;
    xen_rmb();  // The index before the responses.
    // More than were asked for: whatever lies there, it is no answer.
    if (produced - front->ring.rsp_cons > front->ring.req_prod_pvt - front->ring.rsp_cons) {
      ++front->strays;
      front->broken = 1;
    }
    while (!front->broken && front->ring.rsp_cons != produced) {
      // Copied once: what is checked is what is used, whatever the backend writes there later.
      const struct blkif_response response =
          *(const volatile struct blkif_response*)RING_GET_RESPONSE(&front->ring, front->ring.rsp_cons);
      front->ring.rsp_cons++;
      take_response(front, &response);
    }
    if (front->broken) front->ring.rsp_cons = produced;  // thrown away: the requests are made again
    RING_FINAL_CHECK_FOR_RESPONSES(&front->ring, more);
  } while (more);
  if (front->ring.req_prod_pvt != published && !front->broken) publish(front, 0);  // what is made again
}

static void on_event(void* data) { take_responses(data); }

// --- Connecting ---

static int share_ring(struct blkfront* front) {
  if (!front->shared) front->shared = allocate_page();
  SHARED_RING_INIT(front->shared);
  if (!BUG_OLD_INDICES || !front->ring.sring) FRONT_RING_INIT(&front->ring, front->shared, GUEST_PAGE_SIZE);
  front->ring_grant = grant_page(front->shared, 0);
  front->room = RING_SIZE(&front->ring);
  front->port = allocate_port();
  bind_handler(front->port, on_event, front);
  front->broken = 0;
  return xenbus_write_number(front->frontend, "ring-ref", front->ring_grant) ||
         xenbus_write_number(front->frontend, "event-channel", front->port);
}

static int connect_once(struct blkfront* front) {
  char path[160], value[24];
  const unsigned ended = XENBUS_STATE(Closing) | XENBUS_STATE(Closed);
  if (xenbus_backend_state(front->backend, XENBUS_STATE(InitWait), kConnectLimit) != XenbusStateInitWait)
    return fail("waiting for", front->backend, XenbusStateInitWait);
  if (share_ring(front)) return 1;
  format_text(path, sizeof path, "%s/protocol", front->frontend);
  if (xenstore_write(path, "x86_64-abi")) return fail("writing", path, 1);
  if (front->persistent && xenbus_write_number(front->frontend, "feature-persistent", 1)) return 1;
  if (xenbus_switch_state(front->frontend, XenbusStateInitialised)) return 1;
  if (xenbus_backend_state(front->backend, XENBUS_STATE(Connected) | ended, kConnectLimit) !=
      XenbusStateConnected)
    return fail("waiting for", front->backend, XenbusStateConnected);
  if (xenbus_read(front->backend, "sectors", value, sizeof value)) return 1;
  front->sectors = parse_number(value);
  if (xenbus_read(front->backend, "info", value, sizeof value)) return 1;
  front->info = (unsigned)parse_number(value);
  front->state_events = xenstore_events('b');
  return xenbus_switch_state(front->frontend, XenbusStateConnected);
}

// After it the backend has no page of ours any more, unless it is stuck: then the ring's page stays with it.
static int disconnect(struct blkfront* front) {
  // Unknown: it is not there at all.
  const unsigned ended = XENBUS_STATE(Closed) | XENBUS_STATE(InitWait) | XENBUS_STATE(Unknown);
  if (xenbus_switch_state(front->frontend, XenbusStateClosing)) return 1;
  xenbus_backend_state(front->backend, XENBUS_STATE(Closing) | ended, kCloseLimit);
  if (xenbus_switch_state(front->frontend, XenbusStateClosed)) return 1;
  xenbus_backend_state(front->backend, ended, kCloseLimit);
  if (front->port) close_port(front->port);
  front->port = 0;
  if (front->ring_grant && !end_grant(front->ring_grant)) front->shared = 0;
  front->ring_grant = 0;
  return 0;
}

static void put_again(struct blkfront* front) {
  uint64_t left = front->in_ring;
  while (left != 0) {
    unsigned first = (unsigned)__builtin_ctzll(left);
    for (uint64_t others = left; others != 0; others &= others - 1) {
      const unsigned id = (unsigned)__builtin_ctzll(others);
      if (front->slots[id].number < front->slots[first].number) first = id;
    }
    put_in_ring(front, first);
    left &= ~bit(first);
  }
  publish(front, 1);
}

static void give_up(struct blkfront* front) {
  print("blkfront: %s is gone\n", front->frontend);
  front->gone = 1;
  for (uint64_t left = front->in_ring; left != 0; left &= left - 1) {
    const unsigned id = (unsigned)__builtin_ctzll(left);
    end_grants(&front->slots[id]);
    complete(front, id, BLKIF_RSP_ERROR);
  }
}

static int never(void* data) {
  (void)data;
  return 0;
}

static void reconnect(struct blkfront* front) {
  for (uint64_t wait = kLookAgain; front->reconnects < kReconnectsMax; wait *= 2) {
    // The disk may still be busy with what is under way; no backend connects before that is done.
    if (front->reconnects++ != 0) wait_until_time(never, 0, system_time() + wait);
    if (disconnect(front) || xenbus_switch_state(front->frontend, XenbusStateInitialising) ||
        connect_once(front))
      continue;
    lock_events();
    put_again(front);
    unlock_events();
    return;
  }
  lock_events();
  give_up(front);
  unlock_events();
}

static int find(struct blkfront* front) {
  char path[160];
  if (xenbus_read(front->frontend, "backend", front->backend, sizeof front->backend)) return 1;
  format_text(path, sizeof path, "%s/state", front->backend);
  const int error = xenstore_watch(path, "backend");
  return error && error != kXenstoreExists ? fail("watching", path, error) : 0;
}

int blkfront_connect(struct blkfront* front, const char* device, blk_done done, void* done_data) {
  front->done = done;
  front->done_data = done_data;
  format_text(front->frontend, sizeof front->frontend, "device/vbd/%s", device);
  for (unsigned tries = 1; find(front); ++tries) {
    if (tries == kTriesMax) return 1;
  }
  if (connect_once(front)) reconnect(front);
  return front->gone;
}

// --- What programs do ---

// Whether the backend has left. It may come back by itself and go on with the ring as it finds it; we do not.
static int has_left(struct blkfront* front) {
  const unsigned events = xenstore_events('b');
  if (events == front->state_events) return 0;
  front->state_events = events;
  return xenbus_backend_state(front->backend, XENBUS_STATE(Connected), 0) != XenbusStateConnected;
}

// What must not be left to events: they may be lost. Whether the device has to be connected anew.
static int look_by_the_clock(struct blkfront* front) {
  int tell = 0, overdue = 0;
  lock_events();
  take_responses(front);
  const uint64_t now = system_time();
  for (uint64_t left = front->in_ring; left != 0; left &= left - 1) {
    struct blk_slot* slot = &front->slots[__builtin_ctzll(left)];
    if (slot->put_at == 0) slot->put_at = now;
    if (now - slot->put_at >= kTellAgain && !slot->told_again) tell = slot->told_again = 1;
    if (now - slot->put_at < kTimeout) continue;
    overdue = 1;
    if (BUG_TIMEOUT_FREES_PAGE) {
      const unsigned id = (unsigned)(slot - front->slots);
      for (unsigned i = 0; i < slot->request.segment_count; ++i) revoke_grant(slot->grants[i]);
      complete(front, id, BLKIF_RSP_ERROR);
    }
  }
  unlock_events();
  if (overdue) {
    ++front->timeouts;
  } else if (tell) {
    try_notify(front->port);
  }
  return overdue || front->broken || has_left(front);
}

struct waiting {
  struct blkfront* front;
  int (*condition)(void* data);
  void* data;
};

static int has_something(void* data) {
  const struct waiting* waiting = data;
  return waiting->condition(waiting->data) || (waiting->front->broken && !waiting->front->gone);
}

void blkfront_wait(struct blkfront* front, int (*condition)(void* data), void* data) {
  struct waiting waiting = {front, condition, data};
  if (BUG_LOST_COMPLETION) return wait_until(condition, data);
  for (;;) {
    wait_until_time(has_something, &waiting, system_time() + kLookAgain);
    if (condition(data)) return;
    if (look_by_the_clock(front) && !front->gone) reconnect(front);
  }
}

static int has_free_id(void* data) { return ~((struct blkfront*)data)->busy << (64 - kBlkRequestsMax) != 0; }

// A broken ring has none: what stands in it has to go into the next one.
static int has_room(void* data) {
  const struct blkfront* front = data;
  const int full = BUG_RING_FULL_MISCOUNTED ? front->room == 0 : RING_FULL(&front->ring);
  return front->gone || (!front->broken && !full);
}

unsigned blkfront_id(struct blkfront* front) {
  if (!has_free_id(front)) {
    blkfront_kick(front);
    blkfront_wait(front, has_free_id, front);
  }
  lock_events();
  const unsigned id = (unsigned)__builtin_ctzll(~front->busy);
  front->busy |= bit(id);
  unlock_events();
  return id;
}

void blkfront_put(struct blkfront* front, unsigned id, const struct blk_request* request) {
  if (!has_room(front)) {
    blkfront_kick(front);
    blkfront_wait(front, has_room, front);
  }
  struct blk_slot* slot = &front->slots[id];
  // What a missing barrier allows, drawn out to be seen: the index goes first, the request follows.
  if (BUG_NO_BARRIER && !front->gone) {
    front->ring.sring->req_prod = front->ring.req_prod_pvt + 1;
    for (volatile unsigned i = 0; i < 500; ++i) {
    }
  }
  lock_events();
  if (++front->in_flight > front->in_flight_max) front->in_flight_max = front->in_flight;
  slot->request = *request;
  slot->number = front->requests_made++;
  slot->tries = 0;
  if (front->gone) {
    complete(front, id, BLKIF_RSP_ERROR);
  } else {
    grant_pages(slot);
    put_in_ring(front, id);
    --front->room;
  }
  unlock_events();
}

void blkfront_kick(struct blkfront* front) {
  lock_events();
  if (!front->gone && !front->broken) publish(front, 0);
  unlock_events();
}

static int is_idle(void* data) { return ((struct blkfront*)data)->in_flight == 0; }

void blkfront_drain(struct blkfront* front) {
  blkfront_kick(front);
  blkfront_wait(front, is_idle, front);
}

void blkfront_close(struct blkfront* front) {
  for (unsigned tries = 0; tries < kTriesMax && disconnect(front); ++tries) {
  }
}
