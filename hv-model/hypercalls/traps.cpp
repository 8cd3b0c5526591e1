// Where Xen enters the guest: trap table and callbacks (xen/arch/x86/pv/callback.c, pv/misc-hypercalls.c).
#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"
// Needs the version that xen_abi.h sets.
#include <xen/nmi.h>

#include "hv-model/xen_error.h"

namespace ringside {
namespace {

constexpr uint8_t kNmiVector = 2;
// DEVIATES: Xen - reads on, however long the table is; this many entries name every vector 256 times.
constexpr uint32_t kTrapEntriesMax = 65536;

int64_t set_nmi_callback(Vcpu& vcpu, uint64_t address) {
  if (!is_canonical(address)) return -XEN_EINVAL;
  vcpu.nmi_callback = address;
  vcpu.traps[kNmiVector] = {.address = address, .cs = FLAT_KERNEL_CS, .dpl = 0, .masks_events = true};
  return 0;
}

int64_t clear_nmi_callback(Vcpu& vcpu) {
  vcpu.nmi_callback = 0;
  vcpu.traps[kNmiVector] = {};
  return 0;
}

int64_t register_callback(Domain& domain, uint16_t type, uint16_t flags, uint64_t address) {
  if (!is_canonical(address)) return -XEN_EINVAL;
  Vcpu& vcpu = domain.vcpu;
  const bool masks = (flags & CALLBACKF_mask_events) != 0;
  switch (type) {
    case CALLBACKTYPE_event: vcpu.event_callback = address; return 0;
    case CALLBACKTYPE_failsafe:
      vcpu.failsafe_callback = address;
      vcpu.failsafe_callback_masks = masks;
      return 0;
    case CALLBACKTYPE_syscall:
      vcpu.syscall_callback = address;
      vcpu.syscall_callback_masks = masks;
      return 0;
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter: return 0;  // accepted; no 32-bit code runs here that could use them
    case CALLBACKTYPE_nmi: return set_nmi_callback(vcpu, address);
    default: return -XEN_ENOSYS;
  }
}

int64_t unregister_callback(Domain& domain, uint16_t type) {
  switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter: return -XEN_EINVAL;
    case CALLBACKTYPE_nmi: return clear_nmi_callback(domain.vcpu);
    default: return -XEN_ENOSYS;
  }
}

}  // namespace

int64_t hypercall_set_trap_table(HypercallInProgress& call) {
  Vcpu& vcpu = call.domain.vcpu;
  GuestVirt next = call.pointer(0);
  if (next.value == 0) {
    vcpu.traps = {};
    return 0;
  }
  for (uint32_t count = 0; count < kTrapEntriesMax; ++count, next = next + sizeof(trap_info)) {
    trap_info entry{};
    if (!call.read(entry, next)) return -XEN_EFAULT;
    if (entry.address == 0) return 0;
    if (!is_canonical(entry.address)) return -XEN_EINVAL;
    vcpu.traps[entry.vector] = {.address = entry.address,
                                .cs = static_cast<uint16_t>(entry.cs | 3),
                                .dpl = static_cast<uint8_t>(TI_GET_DPL(&entry)),
                                .masks_events = TI_GET_IF(&entry) != 0};
    call.charge(nanoseconds(20));
  }
  return -XEN_EFAULT;
}

// The 64-bit form has three addresses; Xen ignores those that it cannot accept.
int64_t hypercall_set_callbacks(HypercallInProgress& call) {
  register_callback(call.domain, CALLBACKTYPE_event, 0, call.argument(0));
  register_callback(call.domain, CALLBACKTYPE_failsafe, 0, call.argument(1));
  register_callback(call.domain, CALLBACKTYPE_syscall, 0, call.argument(2));
  return 0;
}

int64_t hypercall_callback_op(HypercallInProgress& call) {
  switch (call.argument32(0)) {
    case CALLBACKOP_register: {
      callback_register argument{};
      if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
      return register_callback(call.domain, argument.type, argument.flags, argument.address);
    }
    case CALLBACKOP_unregister: {
      callback_unregister argument{};
      if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
      return unregister_callback(call.domain, argument.type);
    }
    default: return -XEN_ENOSYS;
  }
}

int64_t hypercall_nmi_op(HypercallInProgress& call) {
  switch (call.argument32(0)) {
    case XENNMI_register_callback: {
      xennmi_callback argument{};
      if (!call.read(argument, call.pointer(1))) return -XEN_EFAULT;
      return set_nmi_callback(call.domain.vcpu, argument.handler_address);
    }
    case XENNMI_unregister_callback: return clear_nmi_callback(call.domain.vcpu);
    default: return -XEN_ENOSYS;
  }
}

}  // namespace ringside
