#include "hv-model/hypercalls/table.h"

#include <array>

#include "hv-model/hypercalls/call.h"
#include "hv-model/xen_abi.h"

namespace ringside {
namespace {

constexpr HypercallEntry kTable[] = {
    {__HYPERVISOR_set_trap_table, "set_trap_table", hypercall_set_trap_table},
    {__HYPERVISOR_mmu_update, "mmu_update", hypercall_mmu_update},
    {__HYPERVISOR_set_gdt, "set_gdt", hypercall_set_gdt},
    {__HYPERVISOR_stack_switch, "stack_switch", hypercall_stack_switch},
    {__HYPERVISOR_set_callbacks, "set_callbacks", hypercall_set_callbacks},
    {__HYPERVISOR_fpu_taskswitch, "fpu_taskswitch", hypercall_fpu_taskswitch},
    {__HYPERVISOR_sched_op_compat, "sched_op_compat", hypercall_sched_op_compat, 0},
    {__HYPERVISOR_platform_op, "platform_op", hypercall_platform_op},
    {__HYPERVISOR_set_debugreg, "set_debugreg", hypercall_set_debugreg},
    {__HYPERVISOR_get_debugreg, "get_debugreg", hypercall_get_debugreg},
    {__HYPERVISOR_update_descriptor, "update_descriptor", hypercall_update_descriptor},
    {__HYPERVISOR_memory_op, "memory_op", hypercall_memory_op, 0},
    {__HYPERVISOR_multicall, "multicall", hypercall_multicall},
    {__HYPERVISOR_update_va_mapping, "update_va_mapping", hypercall_update_va_mapping},
    {__HYPERVISOR_set_timer_op, "set_timer_op", hypercall_set_timer_op},
    {__HYPERVISOR_event_channel_op_compat, "event_channel_op_compat", hypercall_event_channel_op_compat},
    {__HYPERVISOR_xen_version, "xen_version", hypercall_xen_version, 0},
    {__HYPERVISOR_console_io, "console_io", hypercall_console_io, 0},
    {__HYPERVISOR_physdev_op_compat, "physdev_op_compat", hypercall_physdev_op_compat},
    {__HYPERVISOR_grant_table_op, "grant_table_op", hypercall_grant_table_op, 0},
    {__HYPERVISOR_vm_assist, "vm_assist", hypercall_vm_assist, 0},
    {__HYPERVISOR_update_va_mapping_otherdomain, "update_va_mapping_otherdomain",
     hypercall_update_va_mapping_otherdomain},
    {__HYPERVISOR_iret, "iret", hypercall_iret},
    {__HYPERVISOR_vcpu_op, "vcpu_op", hypercall_vcpu_op, 0},
    {__HYPERVISOR_set_segment_base, "set_segment_base", hypercall_set_segment_base, 0},
    {__HYPERVISOR_mmuext_op, "mmuext_op", hypercall_mmuext_op},
    {__HYPERVISOR_xsm_op, "xsm_op", hypercall_xsm_op},
    {__HYPERVISOR_nmi_op, "nmi_op", hypercall_nmi_op, 0},
    {__HYPERVISOR_sched_op, "sched_op", hypercall_sched_op, 0},
    {__HYPERVISOR_callback_op, "callback_op", hypercall_callback_op, 0},
    {__HYPERVISOR_event_channel_op, "event_channel_op", hypercall_event_channel_op, 0},
    {__HYPERVISOR_physdev_op, "physdev_op", hypercall_physdev_op, 0},
    {__HYPERVISOR_hvm_op, "hvm_op", hypercall_hvm_op, 0},
    {__HYPERVISOR_sysctl, "sysctl", hypercall_sysctl},
    {__HYPERVISOR_domctl, "domctl", hypercall_domctl},
    {__HYPERVISOR_kexec_op, "kexec_op", hypercall_kexec_op, 0},
    {__HYPERVISOR_argo_op, "argo_op", hypercall_argo_op, 0},
    {__HYPERVISOR_xenpmu_op, "xenpmu_op", hypercall_xenpmu_op, 0},
    {__HYPERVISOR_dm_op, "dm_op", hypercall_dm_op},
    {__HYPERVISOR_hypfs_op, "hypfs_op", hypercall_hypfs_op, 0},
    {__HYPERVISOR_arch_0, "mca", hypercall_machine_check},
};

constexpr size_t kNumbers = 64;

constexpr std::array<const HypercallEntry*, kNumbers> index_by_number() {
  std::array<const HypercallEntry*, kNumbers> by_number{};
  for (const HypercallEntry& entry : kTable) by_number[entry.number] = &entry;
  return by_number;
}

constexpr std::array<const HypercallEntry*, kNumbers> kByNumber = index_by_number();

}  // namespace

std::span<const HypercallEntry> hypercall_table() { return kTable; }

unsigned address_arguments(uint64_t number) {
  switch (number) {
    case __HYPERVISOR_set_trap_table:
    case __HYPERVISOR_set_gdt:
    case __HYPERVISOR_multicall:
    case __HYPERVISOR_event_channel_op_compat:
    case __HYPERVISOR_physdev_op_compat:
    case __HYPERVISOR_platform_op:
    case __HYPERVISOR_xsm_op:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_domctl: return 0b1;
    case __HYPERVISOR_mmu_update:
    case __HYPERVISOR_mmuext_op: return 0b101;
    case __HYPERVISOR_set_callbacks: return 0b111;
    case __HYPERVISOR_stack_switch:
    case __HYPERVISOR_memory_op:
    case __HYPERVISOR_xen_version:
    case __HYPERVISOR_grant_table_op:
    case __HYPERVISOR_nmi_op:
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_callback_op:
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_hvm_op:
    case __HYPERVISOR_kexec_op:
    case __HYPERVISOR_xenpmu_op: return 0b10;
    case __HYPERVISOR_console_io:
    case __HYPERVISOR_vcpu_op:
    case __HYPERVISOR_dm_op: return 0b100;
    case __HYPERVISOR_hypfs_op: return 0b1010;
    case __HYPERVISOR_argo_op: return 0b110;
    default: return 0;
  }
}

bool is_about_processor(uint64_t number) {
  switch (number) {
    case __HYPERVISOR_set_trap_table:
    case __HYPERVISOR_mmu_update:
    case __HYPERVISOR_set_gdt:
    case __HYPERVISOR_stack_switch:
    case __HYPERVISOR_set_callbacks:
    case __HYPERVISOR_fpu_taskswitch:
    case __HYPERVISOR_set_debugreg:
    case __HYPERVISOR_get_debugreg:
    case __HYPERVISOR_update_descriptor:
    case __HYPERVISOR_update_va_mapping:
    case __HYPERVISOR_update_va_mapping_otherdomain:
    case __HYPERVISOR_iret:
    case __HYPERVISOR_set_segment_base:
    case __HYPERVISOR_mmuext_op:
    case __HYPERVISOR_nmi_op:
    case __HYPERVISOR_callback_op:
    case __HYPERVISOR_multicall: return true;
    default: return false;
  }
}

const HypercallEntry* find_hypercall(uint64_t number) {
  return number < kNumbers ? kByNumber[number] : nullptr;
}

}  // namespace ringside
