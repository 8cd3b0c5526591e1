#include "hv-model/vcpu_state.h"

#include "hv-model/xen_abi.h"

namespace ringside {
namespace {

uint8_t load_byte(const Hypervisor& hypervisor, GuestPhys address) {
  return hypervisor.memory.contains(address, 1) ? hypervisor.memory.load<uint8_t>(address) : uint8_t{0};
}

GuestPhys pending_address(const Domain& domain) {
  return vcpu_info_address(domain) + offsetof(vcpu_info, evtchn_upcall_pending);
}

GuestPhys mask_address(const Domain& domain) {
  return vcpu_info_address(domain) + offsetof(vcpu_info, evtchn_upcall_mask);
}

void account_runstate(const Hypervisor& hypervisor, Vcpu& vcpu) {
  const Tick now = hypervisor.clock.now;
  vcpu.runstate_time[vcpu.runstate_now] += now - vcpu.runstate_since;
  vcpu.runstate_since = now;
}

// Nothing where it is under way already, or where there is none. What has been missed is one tick, at once.
void start_periodic(Hypervisor& hypervisor, Domain& domain) {
  Vcpu& vcpu = domain.vcpu;
  if (vcpu.periodic_period.ps == 0 || vcpu.periodic_timer) return;
  const Tick next = saturating_add(vcpu.periodic_last, vcpu.periodic_period);
  vcpu.periodic_timer = hypervisor.events.schedule(next, "periodic timer", [&hypervisor, &domain] {
    domain.vcpu.periodic_timer = {};
    if (domain.end) return;
    domain.vcpu.periodic_last = hypervisor.clock.now;
    hypervisor.channels.raise_virq(domain, VIRQ_TIMER);
    start_periodic(hypervisor, domain);
  });
}

}  // namespace

GuestPhys vcpu_info_address(const Domain& domain) {
  return domain.vcpu.info ? *domain.vcpu.info
                          : domain.shared_info.address() + offsetof(shared_info, vcpu_info);
}

bool upcall_pending(const Hypervisor& hypervisor, const Domain& domain) {
  return load_byte(hypervisor, pending_address(domain)) != 0;
}

bool upcall_masked(const Hypervisor& hypervisor, const Domain& domain) {
  return load_byte(hypervisor, mask_address(domain)) != 0;
}

void set_upcall_pending(Hypervisor& hypervisor, Domain& domain, bool pending) {
  const uint8_t value = pending ? 1 : 0;
  hypervisor.memory.write(pending_address(domain), &value, sizeof value);
}

void set_upcall_masked(Hypervisor& hypervisor, Domain& domain, bool masked) {
  const uint8_t value = masked ? 1 : 0;
  hypervisor.memory.write(mask_address(domain), &value, sizeof value);
}

bool events_need_delivery(const Hypervisor& hypervisor, const Domain& domain) {
  return upcall_pending(hypervisor, domain) && !upcall_masked(hypervisor, domain);
}

void mark_events_pending(Hypervisor& hypervisor, Domain& domain) {
  if (upcall_pending(hypervisor, domain)) return;
  set_upcall_pending(hypervisor, domain, true);
  wake(hypervisor, domain);
}

void wake(Hypervisor& hypervisor, Domain& domain) {
  Vcpu& vcpu = domain.vcpu;
  if (!vcpu.blocked && !vcpu.polling) return;
  vcpu.blocked = false;
  vcpu.polling = false;
  vcpu.poll_ports.clear();
  hypervisor.events.cancel(vcpu.poll_timer);
  vcpu.poll_timer = {};
  set_runstate(hypervisor, domain, RUNSTATE_running);
}

void check_poller(Hypervisor& hypervisor, Domain& domain, EventPort port) {
  const Vcpu& vcpu = domain.vcpu;
  if (!vcpu.polling) return;
  // Xen remembers one port only; a poll for several ends with an event on any port at all.
  if (vcpu.poll_ports.size() == 1 && vcpu.poll_ports.front() != port) return;
  wake(hypervisor, domain);
}

void set_runstate(Hypervisor& hypervisor, Domain& domain, uint32_t state) {
  account_runstate(hypervisor, domain.vcpu);
  domain.vcpu.runstate_now = state;
  domain.vcpu.runstate_stale = true;
  // The periodic timer ticks for who runs; who waits must set the other one (xen/common/sched/core.c,
  // vcpu_periodic_timer_work, and sched_context_switch, which stops it).
  if (state == RUNSTATE_running) return start_periodic(hypervisor, domain);
  hypervisor.events.cancel(domain.vcpu.periodic_timer);
}

void write_runstate(Domain& domain) {
  Vcpu& vcpu = domain.vcpu;
  // The area is the kernel's: the page tables of user mode need not have it (Xen's update_runstate_area).
  vcpu.runstate_stale = vcpu.runstate && !vcpu.kernel_mode;
  if (!vcpu.runstate || vcpu.runstate_stale) return;
  vcpu_runstate_info info{};
  info.state = static_cast<int>(vcpu.runstate_now);
  info.state_entry_time = vcpu.runstate_since.nanoseconds();
  for (size_t state = 0; state < 4; ++state) info.time[state] = vcpu.runstate_time[state].nanoseconds();
  // As Xen does, an area that is not mapped any more is passed over silently.
  domain.copy_to_guest(*vcpu.runstate, info);
}

Tick tick_of_nanoseconds(uint64_t ns) {
  if (ns > INT64_MAX) return {};  // Xen's times are signed: long ago
  return ns > Tick::never().ps / 1000 ? Tick::never() : nanoseconds(ns);
}

void set_singleshot_timer(Hypervisor& hypervisor, Domain& domain, uint64_t at_ns) {
  stop_singleshot_timer(hypervisor, domain);
  Vcpu& vcpu = domain.vcpu;
  vcpu.singleshot_at = tick_of_nanoseconds(at_ns);
  vcpu.singleshot_timer = hypervisor.events.schedule(vcpu.singleshot_at, "timer", [&hypervisor, &domain] {
    domain.vcpu.singleshot_timer = {};
    domain.vcpu.singleshot_at = Tick::never();
    if (!domain.end) hypervisor.channels.raise_virq(domain, VIRQ_TIMER);
  });
}

void stop_singleshot_timer(Hypervisor& hypervisor, Domain& domain) {
  hypervisor.events.cancel(domain.vcpu.singleshot_timer);
  domain.vcpu.singleshot_timer = {};
  domain.vcpu.singleshot_at = Tick::never();
}

void set_periodic_timer(Hypervisor& hypervisor, Domain& domain, uint64_t period_ns) {
  stop_periodic_timer(hypervisor, domain);
  domain.vcpu.periodic_period = tick_of_nanoseconds(period_ns);
  // As in Xen since 4.13 a new period counts from the last tick, which may mean a tick at once.
  start_periodic(hypervisor, domain);
}

void stop_periodic_timer(Hypervisor& hypervisor, Domain& domain) {
  hypervisor.events.cancel(domain.vcpu.periodic_timer);
  domain.vcpu.periodic_timer = {};
  domain.vcpu.periodic_period = {};
}

}  // namespace ringside
