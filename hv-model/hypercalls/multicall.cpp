// multicall (xen/common/multicall.c): several hypercalls for one exit.
#include <algorithm>

#include "hv-model/hypercalls/call.h"
#include "hv-model/mm/continuation.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

// What an entry costs beside its work: no exit, but Xen's loop.
constexpr Tick kEntryCost = nanoseconds(30);
// A list that takes longer, or is longer, is continued, as Xen does when it is preempted: events may arrive
// meanwhile, and the run's limits hold.
constexpr Tick kTimeMax = milliseconds(1);
constexpr uint32_t kEntriesMax = 4096;

int64_t run_entries(HypercallInProgress& call, GuestVirt list, uint32_t count) {
  const Tick began = call.hypervisor.clock.now;
  for (uint32_t index = 0; index < count; ++index) {
    if (index == kEntriesMax || call.hypervisor.clock.now - began > kTimeMax) {
      call.domain.in_multicall = false;
      if (!can_continue(call.domain, __HYPERVISOR_multicall)) return -XEN_E2BIG;
      return continue_hypercall(call.domain, __HYPERVISOR_multicall,
                                {(list + uint64_t{index} * sizeof(multicall_entry)).value, count - index});
    }
    const GuestVirt where = list + uint64_t{index} * sizeof(multicall_entry);
    multicall_entry entry{};
    if (!call.read(entry, where)) return -XEN_EFAULT;
    call.charge(kEntryCost);
    HypercallInProgress inner{call.hypervisor, call.domain, {}};
    std::copy(std::begin(entry.args), std::end(entry.args), inner.arguments.begin());
    const int64_t result = dispatch_hypercall(inner, entry.op);
    if (!inner.writes_rax) {
      // An iret has left the kernel: what is behind it in the list is not looked at.
      call.writes_rax = false;
      return result;
    }
    const auto value = static_cast<xen_ulong_t>(result);
    if (!call.write(where + offsetof(multicall_entry, result), value)) return -XEN_EFAULT;
    if (call.domain.end) return 0;
  }
  return 0;
}

}  // namespace

int64_t hypercall_multicall(HypercallInProgress& call) {
  if (call.domain.in_multicall) return -XEN_EINVAL;
  const uint32_t count = call.argument32(1);
  if (!Domain::accessible(call.pointer(0), uint64_t{count} * sizeof(multicall_entry))) return -XEN_EFAULT;
  call.domain.in_multicall = true;
  const int64_t result = run_entries(call, call.pointer(0), count);
  call.domain.in_multicall = false;
  return result;
}

}  // namespace ringside
