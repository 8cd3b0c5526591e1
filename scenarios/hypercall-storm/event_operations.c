// event_channel_op, both forms. Ports are kept and reused; those of the console and of XenStore are bound
// again when a reset has closed them.
#include "storm.h"

enum { kPorts = 48 };
static evtchn_port_t ports[kPorts], store_remote, console_remote;
static unsigned virq_of[kPorts];  // 1 + the virtual interrupt
static evtchn_port_t timer;

static long operate(unsigned command, const void* argument, size_t size, int hostile) {
  const uint64_t at = hostile && one_in(2) ? place_badly(argument, size) : place(argument, size);
  return call(__HYPERVISOR_event_channel_op, command, at, 0, 0);
}

static int is_reserved(uint64_t port) {
  return port == start_info->store_evtchn || port == start_info->console.domU.evtchn;
}

static void keep(evtchn_port_t port, unsigned virq) {
  for (unsigned i = 0; i < kPorts; ++i) {
    if (ports[i] == 0) {
      ports[i] = port;
      virq_of[i] = virq;
      return;
    }
  }
  // There are enough.
  struct evtchn_close close = {.port = port};
  call(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&close, 0, 0);
}

static void forget(evtchn_port_t port) {
  for (unsigned i = 0; i < kPorts; ++i) {
    if (ports[i] == port) ports[i] = 0;
  }
  if (timer == port) timer = 0;
}

static evtchn_port_t allocate_unbound(domid_t remote) {
  struct evtchn_alloc_unbound allocate = {.dom = DOMID_SELF, .remote_dom = remote};
  return call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&allocate, 0, 0) == 0
             ? allocate.port
             : 0;
}

// One of those that we keep.
static evtchn_port_t any_port(void) {
  const unsigned start = (unsigned)random_below(kPorts);
  for (unsigned i = 0; i < kPorts; ++i) {
    if (ports[(start + i) % kPorts] != 0) return ports[(start + i) % kPorts];
  }
  const evtchn_port_t made = allocate_unbound(DOMID_SELF);
  if (made) keep(made, 0);
  return made;
}

static evtchn_port_t wild_port(void) {
  for (;;) {
    const evtchn_port_t port =
        one_in(2) ? (evtchn_port_t)random_below(5000) : (evtchn_port_t)bend(any_port());
    if (!is_reserved(port)) return port;
  }
}

static domid_t domain(int hostile) { return hostile && one_in(2) ? (domid_t)random_word() : DOMID_SELF; }

static long alloc_unbound(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_alloc_unbound op = {.dom = domain(hostile), .remote_dom = one_in(2) ? DOMID_SELF : 0};
  const long result = operate(EVTCHNOP_alloc_unbound, &op, sizeof op, hostile);
  if (result == 0) keep(((struct evtchn_alloc_unbound*)placed)->port, 0);
  return result;
}

static long bind_interdomain(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_bind_interdomain op = {.remote_dom = domain(hostile)};
  op.remote_port = hostile ? wild_port() : allocate_unbound(DOMID_SELF);
  if (!hostile && op.remote_port != 0) keep(op.remote_port, 0);
  const long result = operate(EVTCHNOP_bind_interdomain, &op, sizeof op, hostile);
  if (result == 0) keep(((struct evtchn_bind_interdomain*)placed)->local_port, 0);
  return result;
}

static long bind_virq(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_bind_virq op = {.virq = (uint32_t)random_below(24),
                                .vcpu = hostile && one_in(2) ? (uint32_t)bend(0) : 0};
  if (op.virq == VIRQ_TIMER) op.virq = VIRQ_DEBUG;
  if (hostile && one_in(2)) op.virq = (uint32_t)bend(op.virq);
  if (!hostile) {  // One that is bound already is let go.
    for (unsigned i = 0; i < kPorts; ++i) {
      if (ports[i] == 0 || virq_of[i] != op.virq + 1) continue;
      struct evtchn_close close = {.port = ports[i]};
      call(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&close, 0, 0);
      forget(ports[i]);
    }
  }
  const long result = operate(EVTCHNOP_bind_virq, &op, sizeof op, hostile);
  if (result == 0) keep(((struct evtchn_bind_virq*)placed)->port, op.virq + 1);
  return result;
}

static long bind_pirq(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_bind_pirq op = {.pirq = (uint32_t)random_below(64), .flags = (uint32_t)random_below(2)};
  return operate(EVTCHNOP_bind_pirq, &op, sizeof op, hostile);
}

static long bind_ipi(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_bind_ipi op = {.vcpu = hostile && one_in(2) ? (uint32_t)random_word() : 0};
  const long result = operate(EVTCHNOP_bind_ipi, &op, sizeof op, hostile);
  if (result == 0) keep(((struct evtchn_bind_ipi*)placed)->port, 0);
  return result;
}

static long close_some(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_close op = {.port = hostile ? wild_port() : any_port()};
  const long result = operate(EVTCHNOP_close, &op, sizeof op, hostile);
  if (result == 0) forget(op.port);
  return result;
}

static long send_event(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_send op = {.port = hostile ? wild_port() : allocate_unbound(DOMID_SELF)};
  if (!hostile && op.port != 0) keep(op.port, 0);
  if (!hostile && one_in(2)) op.port = any_port();
  return operate(EVTCHNOP_send, &op, sizeof op, hostile);
}

static long status(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_status op = {.dom = domain(hostile), .port = hostile ? wild_port() : any_port()};
  return operate(EVTCHNOP_status, &op, sizeof op, hostile);
}

static long bind_vcpu(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_bind_vcpu op = {.port = hostile ? wild_port() : any_port()};
  if (hostile && one_in(2)) op.vcpu = (uint32_t)random_word();
  return operate(EVTCHNOP_bind_vcpu, &op, sizeof op, hostile);
}

static long unmask(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_unmask op = {.port = hostile ? wild_port() : any_port()};
  return operate(EVTCHNOP_unmask, &op, sizeof op, hostile);
}

static void bind_again(uint32_t* port, evtchn_port_t remote) {
  struct evtchn_bind_interdomain bind = {.remote_dom = 0, .remote_port = remote};
  if (call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, (uint64_t)&bind, 0, 0) != 0) {
    guest_panic("domain 0's port %u cannot be bound again", remote);
  }
  *port = bind.local_port;
}

static long reset(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_reset op = {.dom = domain(hostile)};
  const long result = operate(EVTCHNOP_reset, &op, sizeof op, hostile);
  if (result != 0) return result;
  for (unsigned i = 0; i < kPorts; ++i) ports[i] = 0;
  timer = 0;
  bind_again(&start_info->store_evtchn, store_remote);
  bind_again(&start_info->console.domU.evtchn, console_remote);
  return result;
}

// What nobody knows.
static long refused(unsigned command, int hostile) {
  uint64_t words[4] = {random_word(), random_word(), random_word(), random_word()};
  return operate(command ? command : 14 + (unsigned)random_below(1u << 30), words, sizeof words, hostile);
}

static long compat(unsigned unused, int hostile) {
  (void)unused;
  struct evtchn_op op = {.cmd = EVTCHNOP_status, .u.status = {.dom = DOMID_SELF, .port = any_port()}};
  if (hostile) {
    if (one_in(2))
      op.cmd = 10 + (uint32_t)random_below(1000);
    else
      op.u.status.port = wild_port() | 0x1000;
  }
  const uint64_t at = hostile && one_in(2) ? place_badly(&op, sizeof op) : place(&op, sizeof op);
  return call(__HYPERVISOR_event_channel_op_compat, at, 0, 0, 0);
}

// --- The FIFO ABI: an episode, which a reset ends ---
static uint32_t fifo_control[GUEST_PAGE_SIZE / 4] __attribute__((aligned(4096)));
static uint32_t fifo_words[GUEST_PAGE_SIZE / 4] __attribute__((aligned(4096)));

// Whatever the words and the control block say, Xen's answers to what follows harm nobody.
static void lie_to_fifo(void) {
  struct evtchn_expand_array expand = {.array_gfn = frame_of(fifo_words)};
  call(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, (uint64_t)&expand, 0, 0);
  for (unsigned i = 0; i < 24; ++i) {
    fifo_words[random_below(GUEST_PAGE_SIZE / 4)] = (uint32_t)random_word();
    fifo_words[any_port() % (GUEST_PAGE_SIZE / 4)] = (uint32_t)random_word();
    fifo_control[random_below(GUEST_PAGE_SIZE / 4)] = (uint32_t)random_word();
    struct evtchn_send send = {.port = any_port()};
    call(__HYPERVISOR_event_channel_op, one_in(2) ? EVTCHNOP_send : EVTCHNOP_unmask, (uint64_t)&send, 0, 0);
  }
}

static long fifo(unsigned command, int hostile) {
  long result = -1;
  struct evtchn_init_control control = {.control_gfn = frame_of(fifo_control)};
  control.offset =
      (uint32_t)random_below((GUEST_PAGE_SIZE - sizeof(evtchn_fifo_control_block_t)) / 8 + 1) * 8;
  const int spoil = hostile && command == EVTCHNOP_init_control;
  if (spoil) {
    switch (random_below(3)) {
      case 0: control.control_gfn = wild_frame(); break;
      case 1: control.offset = (uint32_t)random_word(); break;
      default: control.vcpu = (uint32_t)random_word(); break;
    }
  }
  // The other two fail on the 2-level ABI.
  if (command == EVTCHNOP_init_control || !hostile || one_in(2))
    result = operate(EVTCHNOP_init_control, &control, sizeof control, spoil);
  if (command == EVTCHNOP_expand_array) {
    struct evtchn_expand_array expand = {.array_gfn = hostile ? wild_frame() : frame_of(fifo_words)};
    result = operate(command, &expand, sizeof expand, hostile);
  }
  if (command == EVTCHNOP_set_priority) {
    struct evtchn_set_priority priority = {.port = any_port(), .priority = (uint32_t)random_below(16)};
    if (hostile && one_in(2)) priority.port = wild_port();
    if (hostile) priority.priority = (uint32_t)bend(priority.priority);
    result = operate(command, &priority, sizeof priority, hostile);
  }
  lie_to_fifo();
  events_heal();
  return result;
}

evtchn_port_t timer_port(void) {
  if (timer == 0) {
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};
    if (call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (uint64_t)&bind, 0, 0) != 0) {
      // A hostile call that failed to tell us has it.
      struct evtchn_reset all = {.dom = DOMID_SELF};
      call(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, (uint64_t)&all, 0, 0);
      for (unsigned i = 0; i < kPorts; ++i) ports[i] = 0;
      bind_again(&start_info->store_evtchn, store_remote);
      bind_again(&start_info->console.domU.evtchn, console_remote);
      if (call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (uint64_t)&bind, 0, 0) != 0) return 0;
    }
    timer = bind.port;
  }
  // Pending from before, it could not wake anybody again.
  shared_info_t* shared = (shared_info_t*)shared_info_page;
  __atomic_fetch_and(&shared->evtchn_pending[timer / 64], ~(1ul << timer % 64), __ATOMIC_SEQ_CST);
  __atomic_fetch_and(&shared->vcpu_info[0].evtchn_pending_sel, ~(1ul << timer / 64), __ATOMIC_SEQ_CST);
  struct evtchn_unmask op = {.port = timer};
  call(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (uint64_t)&op, 0, 0);
  return timer;
}

static evtchn_port_t remote_of(evtchn_port_t port) {
  struct evtchn_status op = {.dom = DOMID_SELF, .port = port};
  if (event_channel_op(EVTCHNOP_status, &op) != 0 || op.status != EVTCHNSTAT_interdomain) {
    give_up_all("port %u is not domain 0's", port);
  }
  return op.u.interdomain.port;
}

void events_setup(void) {
  store_remote = remote_of(start_info->store_evtchn);
  console_remote = remote_of(start_info->console.domU.evtchn);
}

// Ports that hostile calls opened and did not tell us of are all closed.
void events_heal(void) {
  struct evtchn_reset all = {.dom = DOMID_SELF};
  call(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, (uint64_t)&all, 0, 0);
  for (unsigned i = 0; i < kPorts; ++i) ports[i] = 0;
  timer = 0;
  bind_again(&start_info->store_evtchn, store_remote);
  bind_again(&start_info->console.domU.evtchn, console_remote);
  // The runtime waits for the console's events.
  struct evtchn_unmask unmask_console = {.port = start_info->console.domU.evtchn};
  call(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (uint64_t)&unmask_console, 0, 0);
}

struct operation event_operations[] = {
    {"event_channel_op bind_interdomain", bind_interdomain, 0, kBoth, 0, 0, 0},
    {"event_channel_op bind_virq", bind_virq, 0, kBoth, 0, 0, 0},
    {"event_channel_op bind_pirq", bind_pirq, 0, kRefused, 0, 0, 0},
    {"event_channel_op close", close_some, 0, kBoth, 0, 0, 0},
    {"event_channel_op send", send_event, 0, kBoth, 0, 0, 0},
    {"event_channel_op status", status, 0, kBoth, 0, 0, 0},
    {"event_channel_op alloc_unbound", alloc_unbound, 0, kBoth, 0, 0, 0},
    {"event_channel_op bind_ipi", bind_ipi, 0, kBoth, 0, 0, 0},
    {"event_channel_op bind_vcpu", bind_vcpu, 0, kBoth, 0, 0, 0},
    {"event_channel_op unmask", unmask, 0, kBoth, 0, 0, 0},
    {"event_channel_op reset", reset, 0, kBoth, 2, 0, 0},
    {"event_channel_op init_control", fifo, EVTCHNOP_init_control, kBoth, 2, 0, 0},
    {"event_channel_op expand_array", fifo, EVTCHNOP_expand_array, kBoth, 2, 0, 0},
    {"event_channel_op set_priority", fifo, EVTCHNOP_set_priority, kBoth, 2, 0, 0},
    {"event_channel_op unknown", refused, 0, kRefused, 0, 0, 0},
    {"event_channel_op_compat", compat, 0, kBoth, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};
