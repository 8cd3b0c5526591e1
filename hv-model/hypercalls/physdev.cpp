// physdev_op (xen/arch/x86/physdev.c) of a domU without devices of its own: I/O privilege, which costs
// nothing because there are no ports behind it, and refusals.
#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

constexpr uint32_t kIrqsMax = 56;

int64_t set_iopl(HypercallInProgress& call, GuestVirt argument) {
  physdev_set_iopl op{};
  if (!call.read(op, argument)) return -XEN_EFAULT;
  if (op.iopl > 3) return -XEN_EINVAL;
  call.domain.vcpu.iopl = static_cast<uint8_t>(op.iopl);
  return 0;
}

int64_t set_iobitmap(HypercallInProgress& call, GuestVirt argument) {
  physdev_set_iobitmap op{};
  if (!call.read(op, argument)) return -XEN_EFAULT;
  const GuestVirt bitmap{reinterpret_cast<uint64_t>(op.bitmap.p)};
  if (!Domain::accessible(bitmap, 8192) || op.nr_ports > 65536) return -XEN_EINVAL;
  call.domain.vcpu.io_bitmap = bitmap;
  call.domain.vcpu.io_bitmap_ports = op.nr_ports;
  return 0;
}

int64_t irq_status(HypercallInProgress& call, GuestVirt argument) {
  physdev_irq_status_query op{};
  if (!call.read(op, argument)) return -XEN_EFAULT;
  if (op.irq >= kIrqsMax) return -XEN_EINVAL;
  op.flags = XENIRQSTAT_needs_eoi;
  return call.write(argument, op) ? 0 : -XEN_EFAULT;
}

int64_t alloc_irq_vector(HypercallInProgress& call, GuestVirt argument) {
  physdev_irq op{};
  if (!call.read(op, argument)) return -XEN_EFAULT;
  op.vector = op.irq;  // only Xen itself uses vectors; a guest gets its number back
  return call.write(argument, op) ? 0 : -XEN_EFAULT;
}

// Of a privileged domain only; a fault comes first, as in Xen.
template <class Argument>
int64_t refuse(HypercallInProgress& call, GuestVirt argument, int64_t error) {
  Argument op{};
  return call.read(op, argument) ? error : -XEN_EFAULT;
}

int64_t execute(HypercallInProgress& call, uint32_t command, GuestVirt argument) {
  switch (command) {
    case PHYSDEVOP_IRQ_UNMASK_NOTIFY: return 0;
    case PHYSDEVOP_irq_status_query: return irq_status(call, argument);
    case PHYSDEVOP_set_iopl: return set_iopl(call, argument);
    case PHYSDEVOP_set_iobitmap: return set_iobitmap(call, argument);
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write: return refuse<physdev_apic>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_alloc_irq_vector: return alloc_irq_vector(call, argument);
    case PHYSDEVOP_eoi: return refuse<physdev_eoi>(call, argument, -XEN_EINVAL);
    case PHYSDEVOP_pirq_eoi_gmfn_v1:
    case PHYSDEVOP_pirq_eoi_gmfn_v2: return refuse<physdev_pirq_eoi_gmfn>(call, argument, -XEN_EINVAL);
    case PHYSDEVOP_map_pirq: return refuse<physdev_map_pirq>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_unmap_pirq: return refuse<physdev_unmap_pirq>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_remove: return refuse<physdev_manage_pci>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_restore_msi: return refuse<physdev_restore_msi>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_manage_pci_add_ext: return refuse<physdev_manage_pci_ext>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_setup_gsi: return refuse<physdev_setup_gsi>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_get_free_pirq: return refuse<physdev_get_free_pirq>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_pci_mmcfg_reserved: return refuse<physdev_pci_mmcfg_reserved>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_restore_msi_ext:
    case PHYSDEVOP_prepare_msix:
    case PHYSDEVOP_release_msix: return refuse<physdev_pci_device>(call, argument, -XEN_EPERM);
    case PHYSDEVOP_dbgp_op: return -XEN_EPERM;
    default: return -XEN_ENOSYS;
  }
}

}  // namespace

int64_t hypercall_physdev_op(HypercallInProgress& call) {
  return execute(call, call.argument32(0), call.pointer(1));
}

// The form before Xen 3.2: command and argument in one structure in guest memory.
int64_t hypercall_physdev_op_compat(HypercallInProgress& call) {
  uint32_t command = 0;
  if (!call.read(command, call.pointer(0))) return -XEN_EFAULT;
  if (command < PHYSDEVOP_IRQ_UNMASK_NOTIFY || command > PHYSDEVOP_alloc_irq_vector) return -XEN_ENOSYS;
  return execute(call, command, call.pointer(0) + offsetof(physdev_op, u));
}

}  // namespace ringside
