// Memory: delegated to PageTables, which owns the semantics. And vm_assist, which changes them.
#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

int64_t hypercall_mmu_update(HypercallInProgress& call) {
  return call.hypervisor.page_tables.mmu_update(call.domain, call.pointer(0), call.argument32(1),
                                                call.pointer(2), call.argument32(3));
}

int64_t hypercall_update_va_mapping(HypercallInProgress& call) {
  if (call.domain.hosted) return 0;
  return call.hypervisor.page_tables.update_va_mapping(call.domain, call.argument(0), call.argument(1),
                                                       call.argument(2), DOMID_SELF);
}

int64_t hypercall_update_va_mapping_otherdomain(HypercallInProgress& call) {
  return call.hypervisor.page_tables.update_va_mapping(call.domain, call.argument(0), call.argument(1),
                                                       call.argument(2), call.argument(3) & 0xffff);
}

int64_t hypercall_mmuext_op(HypercallInProgress& call) {
  return call.hypervisor.page_tables.mmuext_op(call.domain, call.pointer(0), call.argument32(1),
                                               call.pointer(2), call.argument32(3));
}

int64_t hypercall_memory_op(HypercallInProgress& call) {
  return call.hypervisor.page_tables.memory_op(call.domain, call.argument(0), call.pointer(1));
}

// xen/common/domain.c, and PV64_VM_ASSIST_MASK: a 64-bit PV guest may choose those of 32-bit guests, too,
// which mean nothing to it.
int64_t hypercall_vm_assist(HypercallInProgress& call) {
  constexpr uint64_t valid =
      uint64_t{1} << VMASST_TYPE_4gb_segments | uint64_t{1} << VMASST_TYPE_4gb_segments_notify |
      uint64_t{1} << VMASST_TYPE_writable_pagetables | uint64_t{1} << VMASST_TYPE_pae_extended_cr3 |
      uint64_t{1} << VMASST_TYPE_architectural_iopl | uint64_t{1} << VMASST_TYPE_runstate_update_flag |
      uint64_t{1} << VMASST_TYPE_m2p_strict;
  const uint32_t type = call.argument32(1);
  if (type >= 64 || (valid >> type & 1) == 0) return -XEN_EINVAL;
  switch (call.argument32(0)) {
    case VMASST_CMD_enable: call.domain.vm_assist |= uint64_t{1} << type; return 0;
    case VMASST_CMD_disable: call.domain.vm_assist &= ~(uint64_t{1} << type); return 0;
    default: return -XEN_ENOSYS;
  }
}

}  // namespace ringside
