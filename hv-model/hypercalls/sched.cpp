// sched_op (public/sched.h; xen/common/sched/core.c).
#include <algorithm>

#include "hv-model/hypercalls/call.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

// A guest that yields waits for somebody else. The other CPUs of the machine run on meanwhile; this is how
// long this one is away.
constexpr Tick kYieldTime = microseconds(20);
constexpr uint32_t kPollPortsMax = 128;

int64_t block(HypercallInProgress& call) {
  Hypervisor& hypervisor = call.hypervisor;
  set_upcall_masked(hypervisor, call.domain, false);
  if (events_need_delivery(hypervisor, call.domain)) return 0;
  call.domain.vcpu.blocked = true;
  set_runstate(hypervisor, call.domain, RUNSTATE_blocked);
  return 0;
}

// What a guest sees that suspended itself and was resumed where it was: libxl_domain_resume with
// suspend_cancel writes 1 into its RAX (modify_returncode in xg_resume.c).
int64_t cancel_suspend(HypercallInProgress& call) {
  call.domain.cancels_suspend = false;
  call.domain.shutdown_code.reset();
  call.domain.notices.emit(NoticeKind::unimplemented, "toolstack",
                           "a domain cannot be saved: its suspension is cancelled");
  return 1;
}

int64_t shutdown(HypercallInProgress& call) {
  sched_shutdown argument{};
  if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
  const uint32_t reason = argument.reason & 0xff;
  if (reason == SHUTDOWN_suspend && call.domain.cancels_suspend) return cancel_suspend(call);
  call.domain.shut_down(reason);
  return 0;
}

int64_t shutdown_code(HypercallInProgress& call) {
  sched_shutdown argument{};
  if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
  if (!call.domain.shutdown_code) call.domain.shutdown_code = argument.reason & 0xff;
  return 0;
}

int64_t poll(HypercallInProgress& call) {
  Hypervisor& hypervisor = call.hypervisor;
  Domain& domain = call.domain;
  sched_poll argument{};
  if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
  if (argument.nr_ports > kPollPortsMax) return -XEN_EINVAL;
  const GuestVirt list{reinterpret_cast<uint64_t>(argument.ports.p)};
  if (!Domain::accessible(list, uint64_t{argument.nr_ports} * sizeof(evtchn_port_t))) return -XEN_EFAULT;
  if (events_need_delivery(hypervisor, domain)) return 0;
  std::vector<EventPort> ports;
  for (uint32_t index = 0; index < argument.nr_ports; ++index) {
    evtchn_port_t port = 0;
    if (!call.read(port, list + uint64_t{index} * sizeof port)) return -XEN_EFAULT;
    if (port >= EventChannels::kPortsMax) return -XEN_EINVAL;
    if (hypervisor.channels.is_pending(domain, {port})) return 0;
    ports.push_back({port});
  }
  domain.vcpu.polling = true;
  domain.vcpu.poll_ports = std::move(ports);
  if (argument.timeout != 0) {
    domain.vcpu.poll_timer = hypervisor.events.schedule(tick_of_nanoseconds(argument.timeout), "poll timeout",
                                                        [&hypervisor, &domain] {
                                                          domain.vcpu.poll_timer = {};
                                                          if (domain.vcpu.polling) wake(hypervisor, domain);
                                                        });
  }
  set_runstate(hypervisor, domain, RUNSTATE_blocked);
  return 0;
}

// Only the device model or a privileged domain may.
int64_t remote_shutdown(HypercallInProgress& call) {
  sched_remote_shutdown argument{};
  if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
  return call.hypervisor.find_domain({argument.domain_id}) ? -XEN_EPERM : -XEN_ESRCH;
}

void start_watchdog(HypercallInProgress& call, size_t slot, uint32_t timeout_seconds) {
  Hypervisor& hypervisor = call.hypervisor;
  Domain& domain = call.domain;
  hypervisor.events.cancel(domain.watchdogs[slot]);
  // The longest time that a tick can count stands for all that are longer.
  constexpr uint32_t seconds_max = 18'000'000;
  const Tick at = saturating_add(hypervisor.clock.now, seconds(1) * std::min(timeout_seconds, seconds_max));
  domain.watchdogs[slot] = hypervisor.events.schedule(at, "watchdog", [&domain, slot] {
    domain.watchdogs[slot] = {};
    domain.shut_down(SHUTDOWN_watchdog);
  });
}

int64_t watchdog(HypercallInProgress& call) {
  sched_watchdog argument{};
  if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
  auto& slots = call.domain.watchdogs;
  if (argument.id > slots.size()) return -XEN_EINVAL;
  if (argument.id == 0) {
    if (argument.timeout == 0) return -XEN_EINVAL;
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      if (slots[slot]) continue;
      start_watchdog(call, slot, argument.timeout);
      return static_cast<int64_t>(slot) + 1;
    }
    return -XEN_ENOSPC;
  }
  const size_t slot = argument.id - 1;
  if (!slots[slot]) return -XEN_EINVAL;
  if (argument.timeout != 0) {
    start_watchdog(call, slot, argument.timeout);
  } else {
    call.hypervisor.events.cancel(slots[slot]);
    slots[slot] = {};
  }
  return 0;
}

}  // namespace

int64_t hypercall_sched_op(HypercallInProgress& call) {
  switch (call.argument32(0)) {
    case SCHEDOP_yield: call.charge(kYieldTime); return 0;
    case SCHEDOP_block: return block(call);
    case SCHEDOP_shutdown: return shutdown(call);
    case SCHEDOP_poll: return poll(call);
    case SCHEDOP_remote_shutdown: return remote_shutdown(call);
    case SCHEDOP_shutdown_code: return shutdown_code(call);
    case SCHEDOP_watchdog: return watchdog(call);
    case SCHEDOP_pin_override: return -XEN_EPERM;  // the hardware domain's
    default: return -XEN_ENOSYS;
  }
}

// The form before Xen 3.1: the reason of a shutdown is the argument itself.
int64_t hypercall_sched_op_compat(HypercallInProgress& call) {
  switch (call.argument32(0)) {
    case SCHEDOP_yield: call.charge(kYieldTime); return 0;
    case SCHEDOP_block: return block(call);
    case SCHEDOP_shutdown: call.domain.shut_down(call.argument32(1) & 0xff); return 0;
    default: return -XEN_ENOSYS;
  }
}

}  // namespace ringside
