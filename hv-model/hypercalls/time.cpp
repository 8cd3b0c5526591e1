// set_timer_op (xen/common/sched/core.c, do_set_timer_op).
#include "hv-model/hypercalls/call.h"
#include "hv-model/vcpu_state.h"

namespace ringside {

int64_t hypercall_set_timer_op(HypercallInProgress& call) {
  const uint64_t timeout = call.argument(0);
  const uint64_t now = call.hypervisor.system_time();
  if (timeout == 0) {
    stop_singleshot_timer(call.hypervisor, call.domain);
    return 0;
  }
  // A time far away or negative comes of Linux's wrapping jiffies: Xen asks the guest again in 100 ms.
  const bool implausible = static_cast<int64_t>(timeout) < 0 ||
                           (timeout > now && static_cast<uint32_t>((timeout - now) >> 50) != 0);
  set_singleshot_timer(call.hypervisor, call.domain, implausible ? now + 100'000'000 : timeout);
  return 0;
}

}  // namespace ringside
