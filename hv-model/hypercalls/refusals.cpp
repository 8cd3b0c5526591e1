// Hypercalls of privileged or of fully virtualised domains: the errors that Xen 4.17, as distributions
// configure it, gives an unprivileged PV domain.
#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

// The head of the structures of platform_op, sysctl and domctl: they are for toolstacks, so that their
// headers are closed to others.
struct ControlHead {
  uint32_t command;
  uint32_t interface_version;
  uint16_t domain;  // domctl only
};

constexpr uint32_t kPlatformVersion = 0x03000001;  // XENPF_INTERFACE_VERSION
constexpr uint32_t kSysctlVersion = 0x00000015;    // XEN_SYSCTL_INTERFACE_VERSION
constexpr uint32_t kDomctlVersion = 0x00000015;    // XEN_DOMCTL_INTERFACE_VERSION
constexpr uint32_t kDomctlCreateDomain = 1;

int64_t refuse_control(HypercallInProgress& call, uint32_t version) {
  ControlHead head{};
  if (!call.read(head, call.pointer(0))) return -XEN_EFAULT;
  return head.interface_version == version ? -XEN_EPERM : -XEN_EACCES;
}

}  // namespace

int64_t hypercall_platform_op(HypercallInProgress& call) { return refuse_control(call, kPlatformVersion); }
int64_t hypercall_sysctl(HypercallInProgress& call) { return refuse_control(call, kSysctlVersion); }

int64_t hypercall_domctl(HypercallInProgress& call) {
  ControlHead head{};
  if (!call.read(head, call.pointer(0))) return -XEN_EFAULT;
  if (head.interface_version != kDomctlVersion) return -XEN_EACCES;
  if (head.command == kDomctlCreateDomain) return -XEN_EPERM;
  return call.hypervisor.find_domain({head.domain}) ? -XEN_EPERM : -XEN_ESRCH;
}

int64_t hypercall_xsm_op(HypercallInProgress&) { return -XEN_ENOSYS; }  // no security module

int64_t hypercall_hvm_op(HypercallInProgress& call) {
  constexpr uint32_t set_param = 0, get_param = 1;
  const uint32_t command = call.argument32(0);
  if (command != set_param && command != get_param) return -XEN_ENOSYS;
  uint16_t named = 0;
  if (!call.read(named, call.pointer(1))) return -XEN_EFAULT;
  if (named != DOMID_SELF && !call.hypervisor.find_domain({named})) return -XEN_ESRCH;
  return -XEN_EINVAL;  // no parameters of a domain that is not HVM
}

int64_t hypercall_kexec_op(HypercallInProgress&) { return -XEN_EPERM; }
int64_t hypercall_argo_op(HypercallInProgress&) {
  return -XEN_EOPNOTSUPP;
}  // off unless the administrator says so
int64_t hypercall_xenpmu_op(HypercallInProgress&) { return -XEN_EOPNOTSUPP; }  // likewise
int64_t hypercall_hypfs_op(HypercallInProgress&) { return -XEN_EPERM; }
int64_t hypercall_machine_check(HypercallInProgress&) { return -XEN_EPERM; }

int64_t hypercall_dm_op(HypercallInProgress& call) {
  const auto named = static_cast<uint16_t>(call.argument(0));
  if (named == DOMID_SELF || named == call.domain.id.value) return -XEN_EPERM;
  return call.hypervisor.find_domain({named}) ? -XEN_EINVAL : -XEN_ESRCH;
}

}  // namespace ringside
