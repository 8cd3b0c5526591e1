// What decides whether a vCPU runs: vcpu_info, blocking, polling, its timers and its runstate
// (xen/common/sched/core.c, xen/common/domain.c).
#pragma once

#include <cstdint>

#include "hv-model/hypervisor.h"

namespace ringside {

// Where vcpu_info is now: in shared_info, or where VCPUOP_register_vcpu_info put it. Before the domain is
// built there is none, and reads give zero.
GuestPhys vcpu_info_address(const Domain& domain);
bool upcall_pending(const Hypervisor& hypervisor, const Domain& domain);
bool upcall_masked(const Hypervisor& hypervisor, const Domain& domain);
void set_upcall_pending(Hypervisor& hypervisor, Domain& domain, bool pending);
void set_upcall_masked(Hypervisor& hypervisor, Domain& domain, bool masked);
// Xen's local_events_need_delivery().
bool events_need_delivery(const Hypervisor& hypervisor, const Domain& domain);

// Xen's vcpu_mark_events_pending(): raises upcall_pending and wakes.
void mark_events_pending(Hypervisor& hypervisor, Domain& domain);
// Ends blocking and polling.
void wake(Hypervisor& hypervisor, Domain& domain);
// Ends polling when the port is one that is waited for; masked ports count, too.
void check_poller(Hypervisor& hypervisor, Domain& domain, EventPort port);

// RUNSTATE_*: accounts the time since the last change.
void set_runstate(Hypervisor& hypervisor, Domain& domain, uint32_t state);
// Writes vcpu_runstate_info to the area that the guest registered, if any.
void write_runstate(Domain& domain);

// VIRQ_TIMER at a system time in nanoseconds; a time that has passed fires at the next opportunity.
void set_singleshot_timer(Hypervisor& hypervisor, Domain& domain, uint64_t at_ns);
void stop_singleshot_timer(Hypervisor& hypervisor, Domain& domain);
void set_periodic_timer(Hypervisor& hypervisor, Domain& domain, uint64_t period_ns);
void stop_periodic_timer(Hypervisor& hypervisor, Domain& domain);

// Nanoseconds of system time as a tick; never() beyond the end of time, and zero for a negative time.
Tick tick_of_nanoseconds(uint64_t ns);

}  // namespace ringside
