// Event channels, 2-level: Xen sets a bit for the port, one for its word, and calls event_entry.
#include "internal.h"

MAPPED_PAGE(char, shared_info_page);

enum { kPortsMax = 256, kBitsPerWord = 64, kPollPortsMax = 128 };
static struct {
  event_handler handler;
  void* data;
} handlers[kPortsMax] RUNTIME_STATE;
// Those that have a handler: whom a poll listens to.
static evtchn_port_t bound[kPollPortsMax] RUNTIME_STATE;
static unsigned bound_count RUNTIME_STATE;

static volatile vcpu_info_t* vcpu(void) { return &HYPERVISOR_shared_info->vcpu_info[0]; }

void events_start(void) {
  MAP_FRAME(shared_info_page, start_info->shared_info / GUEST_PAGE_SIZE);
  for (unsigned word = 0; word < kBitsPerWord; ++word) HYPERVISOR_shared_info->evtchn_mask[word] = ~0ul;
}

// Called by boot.S and, with events masked, by unlock_events().
void handle_events(void) {
  vcpu()->evtchn_upcall_pending = 0;
  xen_mb();  // Cleared before the words are looked at, so that an event after that calls again.
  unsigned long words =
      __atomic_exchange_n(&HYPERVISOR_shared_info->vcpu_info[0].evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
  while (words != 0) {
    const unsigned word = (unsigned)__builtin_ctzl(words);
    words &= words - 1;
    unsigned long ports =
        HYPERVISOR_shared_info->evtchn_pending[word] & ~HYPERVISOR_shared_info->evtchn_mask[word];
    while (ports != 0) {
      const unsigned bit = (unsigned)__builtin_ctzl(ports);
      ports &= ports - 1;
      __atomic_fetch_and(&HYPERVISOR_shared_info->evtchn_pending[word], ~(1ul << bit), __ATOMIC_SEQ_CST);
      const unsigned port = word * kBitsPerWord + bit;
      if (port < kPortsMax && handlers[port].handler) handlers[port].handler(handlers[port].data);
    }
  }
}

int try_bind_handler(evtchn_port_t port, event_handler handler, void* data) {
  if (port == 0 || port >= kPortsMax || bound_count == kPollPortsMax) return 0;
  if (!handlers[port].handler) bound[bound_count++] = port;
  handlers[port].handler = handler;
  handlers[port].data = data;
  struct evtchn_unmask unmask = {.port = port};
  return event_channel_op(EVTCHNOP_unmask, &unmask) == 0;
}

void bind_handler(evtchn_port_t port, event_handler handler, void* data) {
  if (!try_bind_handler(port, handler, data)) guest_panic("port %u cannot be bound", port);
}

int try_notify(evtchn_port_t port) {
  struct evtchn_send send = {.port = port};
  return event_channel_op(EVTCHNOP_send, &send) == 0;
}

void notify(evtchn_port_t port) {
  if (!try_notify(port)) guest_panic("sending to port %u failed", port);
}

void close_port(evtchn_port_t port) {
  lock_events();
  handlers[port].handler = 0;
  for (unsigned i = 0; i < bound_count; ++i) {
    if (bound[i] == port) bound[i--] = bound[--bound_count];
  }
  unlock_events();
  struct evtchn_close close = {.port = port};
  event_channel_op(EVTCHNOP_close, &close);
}

evtchn_port_t allocate_port(void) {
  struct evtchn_alloc_unbound allocate = {.dom = DOMID_SELF, .remote_dom = 0};
  const long result = event_channel_op(EVTCHNOP_alloc_unbound, &allocate);
  if (result != 0) guest_panic("allocating a port failed: %ld", result);
  return allocate.port;
}

void lock_events(void) {
  vcpu()->evtchn_upcall_mask = 1;
  xen_mb();
}

void unlock_events(void) {
  // Xen does not call for what came while we were masked: look before and after.
  for (;;) {
    xen_mb();
    while (vcpu()->evtchn_upcall_pending) handle_events();
    vcpu()->evtchn_upcall_mask = 0;
    xen_mb();
    if (!vcpu()->evtchn_upcall_pending) return;
    vcpu()->evtchn_upcall_mask = 1;
  }
}

// With events held back: what is pending already makes Xen return at once. A port that is masked would do so
// for ever, since nobody takes its event.
void poll_ports(uint64_t deadline) {
  evtchn_port_t open[kPollPortsMax];
  struct sched_poll poll = {.timeout = deadline};
  for (unsigned i = 0; i < bound_count; ++i) {
    const unsigned long mask = HYPERVISOR_shared_info->evtchn_mask[bound[i] / kBitsPerWord];
    if (!(mask & 1ul << bound[i] % kBitsPerWord)) open[poll.nr_ports++] = bound[i];
  }
  set_xen_guest_handle(poll.ports, open);
  sched_op(SCHEDOP_poll, &poll);
}

void wait_until(int (*condition)(void* data), void* data) {
  for (;;) {
    lock_events();
    if (condition(data)) break;
    sched_op(SCHEDOP_block, 0);  // Unmasks events, and returns at once when one is there.
  }
  unlock_events();
}
