// Segments, stacks and the other registers that a PV kernel may not write itself (xen/arch/x86/pv/
// descriptor-tables.c, pv/misc-hypercalls.c).
#include "hv-model/hypercalls/call.h"
#include "hv-model/pv/descriptors.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

constexpr uint32_t kDescriptorsPerFrame = 512;
constexpr uint32_t kGdtEntriesMax = 14 * kDescriptorsPerFrame;  // FIRST_RESERVED_GDT_ENTRY: Xen's own follow

void drop_frames(HypercallInProgress& call, const std::vector<Mfn>& frames) {
  for (const Mfn frame : frames) call.hypervisor.page_tables.put_page_and_type(call.domain, frame);
}

}  // namespace

int64_t hypercall_set_gdt(HypercallInProgress& call) {
  const uint32_t entries = call.argument32(1);
  if (entries > kGdtEntriesMax) return -XEN_EINVAL;
  const uint32_t count = (entries + kDescriptorsPerFrame - 1) / kDescriptorsPerFrame;
  std::array<uint64_t, kGdtEntriesMax / kDescriptorsPerFrame> listed{};
  if (!call.domain.copy_from_guest(listed.data(), call.pointer(0), count * sizeof(uint64_t)))
    return -XEN_EFAULT;
  std::vector<Mfn> frames;
  for (uint32_t index = 0; index < count; ++index) {
    const Mfn frame{listed[index]};
    if (call.hypervisor.page_tables.get_page_and_type(call.domain, frame, PageType::segment_descriptors) !=
        0) {
      drop_frames(call, frames);
      return -XEN_EINVAL;
    }
    frames.push_back(frame);
  }
  drop_frames(call, call.domain.vcpu.gdt_frames);
  call.domain.vcpu.gdt_frames = std::move(frames);
  call.domain.vcpu.gdt_entries = count * kDescriptorsPerFrame;
  return 0;
}

int64_t hypercall_update_descriptor(HypercallInProgress& call) {
  const GuestPhys address{call.argument(0)};
  const std::optional<uint64_t> descriptor = checked_descriptor(call.argument(1));
  if (address.value % sizeof(uint64_t) != 0 || !descriptor) return -XEN_EINVAL;
  const Mfn frame = frame_of(address);
  const PageInfo* info = call.hypervisor.frames.find(frame);
  if (!info || info->owner != call.domain.id) return -XEN_EINVAL;
  const PageType use =
      info->type == PageType::segment_descriptors ? PageType::segment_descriptors : PageType::writable;
  if (call.hypervisor.page_tables.get_page_and_type(call.domain, frame, use) != 0) return -XEN_EINVAL;
  call.hypervisor.memory.store(address, *descriptor);
  call.hypervisor.page_tables.put_page_and_type(call.domain, frame);
  return 0;
}

int64_t hypercall_set_segment_base(HypercallInProgress& call) {
  const uint32_t which = call.argument32(0);
  const uint64_t base = call.argument(1);
  Vcpu& vcpu = call.domain.vcpu;
  if (which > SEGBASE_GS_USER_SEL) return -XEN_EINVAL;
  if (which != SEGBASE_GS_USER_SEL && !is_canonical(base)) return -XEN_EINVAL;
  switch (which) {
    case SEGBASE_FS:
      vcpu.fs_base = base;
      if (call.domain.cpu) call.domain.cpu->set_fs_base(base);
      return 0;
    case SEGBASE_GS_USER: vcpu.gs_base_user = base; return 0;
    case SEGBASE_GS_KERNEL:
      vcpu.gs_base_kernel = base;
      if (call.domain.cpu) call.domain.cpu->set_gs_base(base);
      return 0;
    default: {
      // A selector that cannot be loaded becomes the null selector, as Xen's fixup does.
      const auto selector = static_cast<uint16_t>(base);
      const std::optional<uint64_t> found = find_descriptor(call.hypervisor, call.domain, selector);
      const bool usable = found && is_data_segment(*found);
      vcpu.gs_user_selector = usable ? selector : uint16_t{0};
      vcpu.gs_base_user = usable ? segment_base(*found) : 0;
      return 0;
    }
  }
}

int64_t hypercall_stack_switch(HypercallInProgress& call) {
  call.domain.vcpu.kernel_ss = static_cast<uint16_t>(call.argument(0) | 3);
  call.domain.vcpu.kernel_sp = call.argument(1);
  return 0;
}

int64_t hypercall_fpu_taskswitch(HypercallInProgress& call) {
  const bool set = call.argument32(0) != 0;
  call.domain.vcpu.task_switched = set;
  if (call.domain.cpu) call.domain.cpu->set_task_switched(set);
  return 0;
}

int64_t hypercall_set_debugreg(HypercallInProgress& call) {
  return set_debug_register(call.domain, call.argument32(0), call.argument(1));
}

// Xen gives the value itself as the result; nothing tells a large one from an error.
int64_t hypercall_get_debugreg(HypercallInProgress& call) {
  const std::optional<uint64_t> value = debug_register(call.domain, call.argument32(0));
  return value ? static_cast<int64_t>(*value) : -XEN_ENODEV;
}

}  // namespace ringside
