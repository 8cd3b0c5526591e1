// One hypercall under way, and the functions behind the table (table.cpp). Each file of this folder is one
// group of hypercalls; what belongs to a part of the model (events, grants, page tables) is that part's.
#pragma once

#include <array>
#include <cstdint>

#include "hv-model/hypervisor.h"

namespace ringside {

struct HypercallInProgress {
  Hypervisor& hypervisor;
  Domain& domain;
  std::array<uint64_t, 6> arguments;
  bool writes_rax = true;  // false after an iret, which sets all registers itself

  uint64_t argument(size_t index) const { return arguments[index]; }
  // Arguments of C type int.
  uint32_t argument32(size_t index) const { return static_cast<uint32_t>(arguments[index]); }
  GuestVirt pointer(size_t index) const { return {arguments[index]}; }

  template <class T>
  bool read(T& into, GuestVirt from) const {
    return domain.copy_from_guest(into, from);
  }
  template <class T>
  bool write(GuestVirt to, const T& from) const {
    return domain.copy_to_guest(to, from);
  }
  void charge(Tick cost) const {
    if (domain.cpu) domain.cpu->charge(cost);
  }
};

// Shows the call on its wire, looks it up and executes it. Used by Hypervisor::hypercall and for each entry
// of a multicall.
int64_t dispatch_hypercall(HypercallInProgress& call, uint64_t number);

bool is_canonical(uint64_t address);

// --- traps.cpp ---
int64_t hypercall_set_trap_table(HypercallInProgress& call);
int64_t hypercall_set_callbacks(HypercallInProgress& call);
int64_t hypercall_callback_op(HypercallInProgress& call);
int64_t hypercall_nmi_op(HypercallInProgress& call);
// --- iret.cpp ---
int64_t hypercall_iret(HypercallInProgress& call);
// --- segments.cpp ---
int64_t hypercall_set_gdt(HypercallInProgress& call);
int64_t hypercall_update_descriptor(HypercallInProgress& call);
int64_t hypercall_set_segment_base(HypercallInProgress& call);
int64_t hypercall_stack_switch(HypercallInProgress& call);
int64_t hypercall_fpu_taskswitch(HypercallInProgress& call);
int64_t hypercall_set_debugreg(HypercallInProgress& call);
int64_t hypercall_get_debugreg(HypercallInProgress& call);
// --- sched.cpp ---
int64_t hypercall_sched_op(HypercallInProgress& call);
int64_t hypercall_sched_op_compat(HypercallInProgress& call);
// --- vcpu.cpp, time.cpp ---
int64_t hypercall_vcpu_op(HypercallInProgress& call);
int64_t hypercall_set_timer_op(HypercallInProgress& call);
// --- version.cpp ---
int64_t hypercall_xen_version(HypercallInProgress& call);
// --- console_io.cpp ---
int64_t hypercall_console_io(HypercallInProgress& call);
// --- multicall.cpp ---
int64_t hypercall_multicall(HypercallInProgress& call);
// --- physdev.cpp ---
int64_t hypercall_physdev_op(HypercallInProgress& call);
int64_t hypercall_physdev_op_compat(HypercallInProgress& call);
// --- memory.cpp ---
int64_t hypercall_mmu_update(HypercallInProgress& call);
int64_t hypercall_update_va_mapping(HypercallInProgress& call);
int64_t hypercall_update_va_mapping_otherdomain(HypercallInProgress& call);
int64_t hypercall_mmuext_op(HypercallInProgress& call);
int64_t hypercall_memory_op(HypercallInProgress& call);
int64_t hypercall_vm_assist(HypercallInProgress& call);
// --- events_and_grants.cpp ---
int64_t hypercall_event_channel_op(HypercallInProgress& call);
int64_t hypercall_event_channel_op_compat(HypercallInProgress& call);
int64_t hypercall_grant_table_op(HypercallInProgress& call);
// --- refusals.cpp: what Xen answers a domain without privileges ---
int64_t hypercall_platform_op(HypercallInProgress& call);
int64_t hypercall_xsm_op(HypercallInProgress& call);
int64_t hypercall_hvm_op(HypercallInProgress& call);
int64_t hypercall_sysctl(HypercallInProgress& call);
int64_t hypercall_domctl(HypercallInProgress& call);
int64_t hypercall_kexec_op(HypercallInProgress& call);
int64_t hypercall_argo_op(HypercallInProgress& call);
int64_t hypercall_xenpmu_op(HypercallInProgress& call);
int64_t hypercall_dm_op(HypercallInProgress& call);
int64_t hypercall_hypfs_op(HypercallInProgress& call);
int64_t hypercall_machine_check(HypercallInProgress& call);

}  // namespace ringside
