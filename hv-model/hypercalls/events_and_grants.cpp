// Event channels and grants: delegated to the parts of the model that own the semantics.
#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

int64_t hypercall_event_channel_op(HypercallInProgress& call) {
  return call.hypervisor.channels.hypercall(call.domain, call.argument32(0), call.pointer(1));
}

// The form before Xen 3.2: command and argument in one structure in guest memory.
int64_t hypercall_event_channel_op_compat(HypercallInProgress& call) {
  uint32_t command = 0;
  if (!call.read(command, call.pointer(0))) return -XEN_EFAULT;
  if (command > EVTCHNOP_unmask) return -XEN_ENOSYS;
  return call.hypervisor.channels.hypercall(call.domain, command, call.pointer(0) + offsetof(evtchn_op, u));
}

int64_t hypercall_grant_table_op(HypercallInProgress& call) {
  return call.hypervisor.grants.hypercall(call.domain, call.argument32(0), call.pointer(1),
                                          call.argument32(2));
}

}  // namespace ringside
