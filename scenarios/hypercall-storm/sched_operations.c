// sched_op, vcpu_op, timers. Nothing here may end the domain, nor put it to sleep without something that
// wakes it.
#include "storm.h"

// --- sched_op ---

static long sched(unsigned command, uint64_t at) { return call(__HYPERVISOR_sched_op, command, at, 0, 0); }

static uint64_t now(void) {
  return ((volatile shared_info_t*)shared_info_page)->vcpu_info[0].time.system_time;
}

static long yield(unsigned unused, int hostile) {
  (void)unused;
  return sched(SCHEDOP_yield, hostile ? wild_address() : 0);
}

// Woken by the timer, or at once by an event that waits.
static long block_by(uint64_t number) {
  lock_events();
  const evtchn_port_t port = timer_port();
  if (port == 0) return -1;
  call(__HYPERVISOR_set_timer_op, 1 + random_below(1000), 0, 0, 0);
  const long result = call(number, SCHEDOP_block, one_in(2) ? 0 : wild_address(), 0, 0);
  lock_events();
  return result;
}

static long block(unsigned unused, int hostile) {
  (void)unused;
  (void)hostile;
  return block_by(__HYPERVISOR_sched_op);
}

static long shutdown(unsigned command, int hostile) {
  (void)hostile;
  return sched(command, unreadable_address());
}

static long poll(unsigned unused, int hostile) {
  (void)unused;
  static evtchn_port_t ports[128];
  struct sched_poll op = {.nr_ports = (unsigned)random_below(16), .timeout = 1 + random_below(100000)};
  for (unsigned i = 0; i < op.nr_ports; ++i) ports[i] = (evtchn_port_t)random_below(4096);
  set_xen_guest_handle(op.ports, ports);
  if (!hostile) return sched(SCHEDOP_poll, place(&op, sizeof op));
  switch (random_below(4)) {
    case 0: return sched(SCHEDOP_poll, unreadable_address());
    case 1: op.nr_ports = 129 + (unsigned)random_word() % 1000000; break;
    case 2:
      op.nr_ports = 1 + (unsigned)random_below(16);
      set_xen_guest_handle(op.ports, (void*)unreadable_address());
      break;
    default:
      op.nr_ports = 16;
      ports[random_below(16)] = 4096 + (evtchn_port_t)random_word() % 1000000;
      break;
  }
  return sched(SCHEDOP_poll, place(&op, sizeof op));
}

static long remote_shutdown(unsigned unused, int hostile) {
  (void)unused;
  struct sched_remote_shutdown op = {
      .domain_id = one_in(2) ? (domid_t)random_below(4) : (domid_t)random_word(), .reason = SHUTDOWN_crash};
  return sched(SCHEDOP_remote_shutdown, place_for(&op, sizeof op, hostile));
}

// The code that is given first is the one that counts, so it is that of an orderly end.
static long shutdown_code(unsigned unused, int hostile) {
  (void)unused;
  struct sched_shutdown op = {.reason = SHUTDOWN_poweroff};
  const uint64_t at = place(&op, sizeof op);
  return sched(SCHEDOP_shutdown_code, hostile ? unreadable_address() : at);
}

static long watchdog(unsigned unused, int hostile) {
  (void)unused;
  static unsigned running;  // a bit for each
  struct sched_watchdog op = {.id = 0, .timeout = 1000000 + (uint32_t)random_below(1000000)};
  if (hostile) {
    if (one_in(2)) return sched(SCHEDOP_watchdog, unreadable_address());
    op.id = 3 + (uint32_t)random_word() % 1000000;
    return sched(SCHEDOP_watchdog, place(&op, sizeof op));
  }
  if (running == 3 || (running != 0 && one_in(2))) {
    op.id = running & 1 ? 1 : 2;
    if (one_in(2)) op.timeout = 0;
  }
  const long result = sched(SCHEDOP_watchdog, place(&op, sizeof op));
  if (result > 0) running |= 1u << (result - 1);
  if (result == 0 && op.timeout == 0) running &= ~(1u << (op.id - 1));
  return result;
}

static long sched_refused(unsigned command, int hostile) {
  uint64_t words[2] = {random_word(), random_word()};
  return sched(command ? command : 8 + (unsigned)random_below(1u << 30),
               place_for(words, sizeof words, hostile));
}

static long sched_compat(unsigned unused, int hostile) {
  (void)unused;
  if (hostile) return call(__HYPERVISOR_sched_op_compat, 3 + random_below(1u << 30), random_word(), 0, 0);
  if (one_in(4)) return block_by(__HYPERVISOR_sched_op_compat);
  return call(__HYPERVISOR_sched_op_compat, SCHEDOP_yield, 0, 0, 0);
}

// --- vcpu_op ---

static long vcpu(unsigned command, const void* argument, size_t size, int hostile) {
  const uint64_t which = hostile && one_in(2) ? 1 + random_below(1u << 31) : 0;
  return call(__HYPERVISOR_vcpu_op, command, which, place_for(argument, size, hostile), 0);
}

// What needs no argument fails only for a processor that does not exist.
static long vcpu_plain(unsigned command, int hostile) {
  const uint64_t which = hostile ? 1 + random_below(1u << 31) : 0;
  const long result = call(__HYPERVISOR_vcpu_op, command, which, 0, 0);
  return result;
}

static long vcpu_down(unsigned unused, int hostile) {
  (void)unused;
  (void)hostile;
  return call(__HYPERVISOR_vcpu_op, VCPUOP_down, 1 + random_below(1u << 31), 0, 0);
}

static long runstate(unsigned unused, int hostile) {
  (void)unused;
  struct vcpu_runstate_info info;
  memset(&info, 0, sizeof info);
  return vcpu(VCPUOP_get_runstate_info, &info, sizeof info, hostile);
}

// Xen writes there from now on, whatever will be mapped there.
static long register_area(unsigned command, int hostile) {
  struct vcpu_register_runstate_memory_area area;
  area.addr.v = hostile && one_in(3) ? (void*)(HYPERVISOR_VIRT_START + random_below(1ul << 43))
                                     : (void*)((uint64_t)window[random_slot()] + random_below(4000));
  return vcpu(command, &area, sizeof area, hostile);
}

static long periodic(unsigned unused, int hostile) {
  (void)unused;
  struct vcpu_set_periodic_timer op = {.period_ns = 1000000 + random_below(100000000)};
  if (hostile) op.period_ns = one_in(2) ? random_below(1000000) : (1ul << 62) + random_below(1ul << 62) + 1;
  return vcpu(VCPUOP_set_periodic_timer, &op, sizeof op, hostile);
}

static long singleshot(unsigned unused, int hostile) {
  (void)unused;
  struct vcpu_set_singleshot_timer op = {.timeout_abs_ns = now() + random_below(1000000), .flags = 0};
  if (hostile) {
    op.timeout_abs_ns = random_below(1000);
    op.flags = VCPU_SSHOTTMR_future;
  }
  return vcpu(VCPUOP_set_singleshot_timer, &op, sizeof op, hostile);
}

static long vcpu_refused(unsigned command, int hostile) {
  static uint64_t words[1024];
  const size_t size = command == VCPUOP_initialise ? sizeof(struct vcpu_guest_context) : 64;
  for (unsigned i = 0; i < 8; ++i) words[random_below(1024)] = random_word();
  return vcpu(command ? command : 14 + (unsigned)random_below(1u << 30), words, size, hostile);
}

static long initialise(unsigned unused, int hostile) {
  (void)unused;
  static char context[sizeof(struct vcpu_guest_context)];
  return vcpu(VCPUOP_initialise, context, sizeof context, hostile);
}

// It could succeed once, and would move what the runtime looks at: only attempts that must fail.
static long register_info(unsigned unused, int hostile) {
  (void)unused;
  struct vcpu_register_vcpu_info op = {.mfn = start_info->nr_pages,
                                       .offset = (uint32_t)random_below(64) * 64};
  switch (random_below(3)) {
    case 0: op.offset = GUEST_PAGE_SIZE - (uint32_t)random_below(64); break;
    case 1: op.mfn = 1ul << 40 | random_word(); break;
    default: op.offset |= 1; break;
  }
  // Never from a bent address: what lies there from other calls could be a good argument.
  const uint64_t at = place(&op, sizeof op);
  return call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
              hostile && one_in(2) ? unreadable_address() : at, 0);
}

// --- set_timer_op ---

static long set_timer(unsigned unused, int hostile) {
  (void)unused;
  const uint64_t at = hostile ? random_word() >> random_below(64) : now() + random_below(1000000);
  return call(__HYPERVISOR_set_timer_op, one_in(4) ? 0 : at, 0, 0, 0);
}

struct operation sched_operations[] = {
    {"sched_op yield", yield, 0, kCannotFail, 2, 0, 0},
    {"sched_op block", block, 0, kCannotFail, 2, 0, 0},
    {"sched_op shutdown (bad ones only)", shutdown, SCHEDOP_shutdown, kRefused, 0, 0, 0},
    {"sched_op poll", poll, 0, kBoth, 0, 0, 0},
    {"sched_op remote_shutdown", remote_shutdown, 0, kRefused, 0, 0, 0},
    {"sched_op shutdown_code", shutdown_code, 0, kBoth, 0, 0, 0},
    {"sched_op watchdog", watchdog, 0, kBoth, 0, 0, 0},
    {"sched_op pin_override", sched_refused, SCHEDOP_pin_override, kRefused, 0, 0, 0},
    {"sched_op unknown", sched_refused, 0, kRefused, 0, 0, 0},
    {"sched_op_compat", sched_compat, 0, kBoth, 0, 0, 0},
    {"vcpu_op initialise", initialise, 0, kRefused, 0, 0, 0},
    {"vcpu_op up", vcpu_plain, VCPUOP_up, kBoth, 0, 0, 0},
    {"vcpu_op down (bad ones only)", vcpu_down, 0, kRefused, 0, 0, 0},
    {"vcpu_op is_up", vcpu_plain, VCPUOP_is_up, kBoth, 0, 0, 0},
    {"vcpu_op get_runstate_info", runstate, 0, kBoth, 0, 0, 0},
    {"vcpu_op register_runstate_memory_area", register_area, VCPUOP_register_runstate_memory_area, kBoth, 0,
     0, 0},
    {"vcpu_op set_periodic_timer", periodic, 0, kBoth, 0, 0, 0},
    {"vcpu_op stop_periodic_timer", vcpu_plain, VCPUOP_stop_periodic_timer, kBoth, 0, 0, 0},
    {"vcpu_op set_singleshot_timer", singleshot, 0, kBoth, 0, 0, 0},
    {"vcpu_op stop_singleshot_timer", vcpu_plain, VCPUOP_stop_singleshot_timer, kBoth, 0, 0, 0},
    {"vcpu_op register_vcpu_info (bad ones only)", register_info, 0, kRefused, 0, 0, 0},
    {"vcpu_op send_nmi", vcpu_plain, VCPUOP_send_nmi, kBoth, 0, 0, 0},
    {"vcpu_op get_physid", vcpu_refused, VCPUOP_get_physid, kRefused, 0, 0, 0},
    {"vcpu_op register_vcpu_time_memory_area", register_area, VCPUOP_register_vcpu_time_memory_area, kBoth, 0,
     0, 0},
    {"vcpu_op unknown", vcpu_refused, 0, kRefused, 0, 0, 0},
    {"set_timer_op", set_timer, 0, kCannotFail, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};
