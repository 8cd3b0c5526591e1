// vcpu_op (public/vcpu.h; xen/common/domain.c, xen/arch/x86/domain.c). There is one vCPU.
#include "hv-model/hypercalls/call.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

int64_t initialise(HypercallInProgress& call) {
  vcpu_guest_context_t context;
  // The only vCPU runs already.
  return call.read(context, call.pointer(2)) ? -XEN_EEXIST : -XEN_EFAULT;
}

int64_t runstate_info(HypercallInProgress& call) {
  set_runstate(call.hypervisor, call.domain, call.domain.vcpu.runstate_now);
  const Vcpu& vcpu = call.domain.vcpu;
  vcpu_runstate_info info{};
  info.state = static_cast<int>(vcpu.runstate_now);
  info.state_entry_time = vcpu.runstate_since.nanoseconds();
  for (size_t state = 0; state < vcpu.runstate_time.size(); ++state) {
    info.time[state] = vcpu.runstate_time[state].nanoseconds();
  }
  return call.write(call.pointer(2), info) ? 0 : -XEN_EFAULT;
}

int64_t periodic_timer(HypercallInProgress& call) {
  constexpr uint64_t period_min_ns = 1'000'000;
  constexpr uint64_t period_max_ns = (uint64_t{1} << 62) - 1;  // STIME_DELTA_MAX
  vcpu_set_periodic_timer argument{};
  if (!call.read(argument, call.pointer(2))) return -XEN_EFAULT;
  if (argument.period_ns < period_min_ns || argument.period_ns > period_max_ns) return -XEN_EINVAL;
  set_periodic_timer(call.hypervisor, call.domain, argument.period_ns);
  return 0;
}

int64_t singleshot_timer(HypercallInProgress& call) {
  vcpu_set_singleshot_timer argument{};
  if (!call.read(argument, call.pointer(2))) return -XEN_EFAULT;
  if (argument.timeout_abs_ns < call.hypervisor.system_time() && (argument.flags & VCPU_SSHOTTMR_future)) {
    return -XEN_ETIME;
  }
  set_singleshot_timer(call.hypervisor, call.domain, argument.timeout_abs_ns);
  return 0;
}

int64_t register_info(HypercallInProgress& call) {
  vcpu_register_vcpu_info argument{};
  if (!call.read(argument, call.pointer(2))) return -XEN_EFAULT;
  if (argument.offset > kPageSize - sizeof(vcpu_info) || argument.offset % alignof(vcpu_info) != 0) {
    return -XEN_ENXIO;
  }
  Hypervisor& hypervisor = call.hypervisor;
  Domain& domain = call.domain;
  if (domain.vcpu.info) return -XEN_EINVAL;
  const Mfn frame{argument.mfn};
  // The references stay for as long as the domain lives, as in Xen.
  if (hypervisor.page_tables.get_page_and_type(domain, frame, PageType::writable) != 0) return -XEN_EINVAL;
  const auto old = hypervisor.memory.load<vcpu_info>(vcpu_info_address(domain));
  vcpu_info moved = old;
  // All is marked pending, so that nothing gets lost; the guest finds that most of it is not.
  moved.evtchn_upcall_pending = 1;
  moved.evtchn_pending_sel = ~xen_ulong_t{0};
  domain.vcpu.info = frame.address() + argument.offset;
  hypervisor.memory.store(*domain.vcpu.info, moved);
  return 0;
}

int64_t register_runstate(HypercallInProgress& call) {
  vcpu_register_runstate_memory_area argument{};
  if (!call.read(argument, call.pointer(2))) return -XEN_EFAULT;
  const GuestVirt area{reinterpret_cast<uint64_t>(argument.addr.h.p)};
  if (!Domain::accessible(area, sizeof(vcpu_runstate_info))) return -XEN_EFAULT;
  call.domain.vcpu.runstate = area;
  write_runstate(call.domain);
  return 0;
}

int64_t register_time(HypercallInProgress& call) {
  vcpu_register_time_memory_area argument{};
  if (!call.read(argument, call.pointer(2))) return -XEN_EFAULT;
  const GuestVirt area{reinterpret_cast<uint64_t>(argument.addr.h.p)};
  if (!Domain::accessible(area, sizeof(vcpu_time_info))) return -XEN_EFAULT;
  call.domain.vcpu.time_area = area;
  call.hypervisor.update_time(call.domain);
  return 0;
}

int64_t send_nmi(HypercallInProgress& call) {
  if (call.argument(2) != 0) return -XEN_EINVAL;
  call.domain.vcpu.nmi_pending = true;
  return 0;
}

}  // namespace

int64_t hypercall_vcpu_op(HypercallInProgress& call) {
  if (call.argument32(1) != 0) return -XEN_ENOENT;
  switch (call.argument32(0)) {
    case VCPUOP_initialise: return initialise(call);
    case VCPUOP_up: return 0;
    case VCPUOP_down: call.domain.shut_down(SHUTDOWN_poweroff); return 0;  // the last one that was up
    case VCPUOP_is_up: return call.domain.vcpu.up ? 1 : 0;
    case VCPUOP_get_runstate_info: return runstate_info(call);
    case VCPUOP_register_runstate_memory_area: return register_runstate(call);
    case VCPUOP_set_periodic_timer: return periodic_timer(call);
    case VCPUOP_stop_periodic_timer: stop_periodic_timer(call.hypervisor, call.domain); return 0;
    case VCPUOP_set_singleshot_timer: return singleshot_timer(call);
    case VCPUOP_stop_singleshot_timer: stop_singleshot_timer(call.hypervisor, call.domain); return 0;
    case VCPUOP_register_vcpu_info: return register_info(call);
    case VCPUOP_send_nmi: return send_nmi(call);
    case VCPUOP_get_physid: return -XEN_EINVAL;  // the hardware domain's pinned vCPUs only
    case VCPUOP_register_vcpu_time_memory_area: return register_time(call);
    default: return -XEN_ENOSYS;
  }
}

}  // namespace ringside
