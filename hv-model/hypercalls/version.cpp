// xen_version (public/version.h; xen/common/kernel.c): what any guest may ask, and what only a privileged one
// may.
#include <cstring>
#include <string_view>

#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

constexpr int64_t kVersion = 4 << 16 | 17;

template <size_t N>
void put(char (&field)[N], std::string_view text) {
  std::memset(field, 0, N);
  std::memcpy(field, text.data(), std::min(text.size(), N - 1));
}

template <size_t N>
int64_t give_text(HypercallInProgress& call, std::string_view text) {
  char field[N];
  put(field, text);
  return call.domain.copy_to_guest(call.pointer(1), field, N) ? 0 : -XEN_EFAULT;
}

int64_t features(HypercallInProgress& call) {
  xen_feature_info info{};
  if (!call.read(info, call.pointer(1))) return -XEN_EFAULT;
  if (info.submap_idx >= XENFEAT_NR_SUBMAPS) return -XEN_EINVAL;
  info.submap = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
                1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_memory_op_vnode_supported |
                1u << XENFEAT_not_direct_mapped;
  if (call.domain.vm_assist >> VMASST_TYPE_pae_extended_cr3 & 1) {
    info.submap |= 1u << XENFEAT_pae_pgdir_above_4gb;
  }
  return call.write(call.pointer(1), info) ? 0 : -XEN_EFAULT;
}

int64_t compile_info(HypercallInProgress& call) {
  xen_compile_info info{};
  put(info.compiler, "gcc (Debian 12.2.0-14) 12.2.0");
  put(info.compile_by, "ringside");
  put(info.compile_domain, "ringside");
  put(info.compile_date, "Mon Jan  1 00:00:00 UTC 2024");
  return call.write(call.pointer(1), info) ? 0 : -XEN_EFAULT;
}

int64_t guest_handle(HypercallInProgress& call) {
  // The toolstack's UUID of the domain: its number, so that runs are equal.
  xen_domain_handle_t handle{};
  handle[14] = static_cast<uint8_t>(call.domain.id.value >> 8);
  handle[15] = static_cast<uint8_t>(call.domain.id.value);
  return call.domain.copy_to_guest(call.pointer(1), handle, sizeof handle) ? 0 : -XEN_EFAULT;
}

}  // namespace

int64_t hypercall_xen_version(HypercallInProgress& call) {
  switch (call.argument32(0)) {
    case XENVER_version: return kVersion;
    case XENVER_extraversion: return give_text<XEN_EXTRAVERSION_LEN>(call, ".0");
    case XENVER_compile_info: return compile_info(call);
    case XENVER_capabilities: return give_text<XEN_CAPABILITIES_INFO_LEN>(call, "xen-3.0-x86_64 ");
    case XENVER_changeset: return give_text<sizeof(xen_changeset_info_t)>(call, "");
    case XENVER_platform_parameters: {
      const xen_platform_parameters parameters{HYPERVISOR_VIRT_START};
      return call.write(call.pointer(1), parameters) ? 0 : -XEN_EFAULT;
    }
    case XENVER_get_features: return features(call);
    case XENVER_pagesize: return call.argument(1) == 0 ? static_cast<int64_t>(kPageSize) : -XEN_EINVAL;
    case XENVER_guest_handle: return guest_handle(call);
    case XENVER_commandline: return give_text<sizeof(xen_commandline_t)>(call, "<denied>");
    case XENVER_build_id: return -XEN_EPERM;
    default: return -XEN_ENOSYS;
  }
}

}  // namespace ringside
