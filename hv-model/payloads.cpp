#include "hv-model/payloads.h"

#include <cstddef>
#include <vector>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/console/console_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/hypercalls/table.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/xenstore_payloads.h"

namespace ringside {
namespace {

constexpr FieldName kPhases[] = {{0, "call"}, {1, "return"}};

struct SubCommand {
  uint32_t number;
  uint32_t command;
  std::string_view name;
};

constexpr SubCommand kSubCommands[] = {
    {__HYPERVISOR_sched_op, SCHEDOP_yield, "sched_op/yield"},
    {__HYPERVISOR_sched_op, SCHEDOP_block, "sched_op/block"},
    {__HYPERVISOR_sched_op, SCHEDOP_shutdown, "sched_op/shutdown"},
    {__HYPERVISOR_sched_op, SCHEDOP_poll, "sched_op/poll"},
    {__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, "sched_op/remote_shutdown"},
    {__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, "sched_op/shutdown_code"},
    {__HYPERVISOR_sched_op, SCHEDOP_watchdog, "sched_op/watchdog"},
    {__HYPERVISOR_sched_op, SCHEDOP_pin_override, "sched_op/pin_override"},
    {__HYPERVISOR_sched_op_compat, SCHEDOP_yield, "sched_op_compat/yield"},
    {__HYPERVISOR_sched_op_compat, SCHEDOP_block, "sched_op_compat/block"},
    {__HYPERVISOR_sched_op_compat, SCHEDOP_shutdown, "sched_op_compat/shutdown"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, "event_channel_op/bind_interdomain"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, "event_channel_op/bind_virq"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, "event_channel_op/bind_pirq"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_close, "event_channel_op/close"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_send, "event_channel_op/send"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_status, "event_channel_op/status"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, "event_channel_op/alloc_unbound"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, "event_channel_op/bind_ipi"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, "event_channel_op/bind_vcpu"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, "event_channel_op/unmask"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_reset, "event_channel_op/reset"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, "event_channel_op/init_control"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, "event_channel_op/expand_array"},
    {__HYPERVISOR_event_channel_op, EVTCHNOP_set_priority, "event_channel_op/set_priority"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, "grant_table_op/map_grant_ref"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, "grant_table_op/unmap_grant_ref"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, "grant_table_op/setup_table"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_dump_table, "grant_table_op/dump_table"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_transfer, "grant_table_op/transfer"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_copy, "grant_table_op/copy"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_query_size, "grant_table_op/query_size"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_unmap_and_replace, "grant_table_op/unmap_and_replace"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_set_version, "grant_table_op/set_version"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_get_status_frames, "grant_table_op/get_status_frames"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_get_version, "grant_table_op/get_version"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_swap_grant_ref, "grant_table_op/swap_grant_ref"},
    {__HYPERVISOR_grant_table_op, GNTTABOP_cache_flush, "grant_table_op/cache_flush"},
    {__HYPERVISOR_vcpu_op, VCPUOP_initialise, "vcpu_op/initialise"},
    {__HYPERVISOR_vcpu_op, VCPUOP_up, "vcpu_op/up"},
    {__HYPERVISOR_vcpu_op, VCPUOP_down, "vcpu_op/down"},
    {__HYPERVISOR_vcpu_op, VCPUOP_is_up, "vcpu_op/is_up"},
    {__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, "vcpu_op/get_runstate_info"},
    {__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, "vcpu_op/register_runstate_memory_area"},
    {__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, "vcpu_op/set_periodic_timer"},
    {__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, "vcpu_op/stop_periodic_timer"},
    {__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, "vcpu_op/set_singleshot_timer"},
    {__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, "vcpu_op/stop_singleshot_timer"},
    {__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, "vcpu_op/register_vcpu_info"},
    {__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, "vcpu_op/send_nmi"},
    {__HYPERVISOR_vcpu_op, VCPUOP_get_physid, "vcpu_op/get_physid"},
    {__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, "vcpu_op/register_vcpu_time_memory_area"},
    {__HYPERVISOR_memory_op, XENMEM_increase_reservation, "memory_op/increase_reservation"},
    {__HYPERVISOR_memory_op, XENMEM_decrease_reservation, "memory_op/decrease_reservation"},
    {__HYPERVISOR_memory_op, XENMEM_populate_physmap, "memory_op/populate_physmap"},
    {__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, "memory_op/maximum_ram_page"},
    {__HYPERVISOR_memory_op, XENMEM_current_reservation, "memory_op/current_reservation"},
    {__HYPERVISOR_memory_op, XENMEM_maximum_reservation, "memory_op/maximum_reservation"},
    {__HYPERVISOR_memory_op, XENMEM_machphys_mfn_list, "memory_op/machphys_mfn_list"},
    {__HYPERVISOR_memory_op, XENMEM_machphys_mapping, "memory_op/machphys_mapping"},
    {__HYPERVISOR_memory_op, XENMEM_add_to_physmap, "memory_op/add_to_physmap"},
    {__HYPERVISOR_memory_op, XENMEM_memory_map, "memory_op/memory_map"},
    {__HYPERVISOR_memory_op, XENMEM_machine_memory_map, "memory_op/machine_memory_map"},
    {__HYPERVISOR_memory_op, XENMEM_set_memory_map, "memory_op/set_memory_map"},
    {__HYPERVISOR_memory_op, XENMEM_exchange, "memory_op/exchange"},
    {__HYPERVISOR_xen_version, XENVER_version, "xen_version/version"},
    {__HYPERVISOR_xen_version, XENVER_extraversion, "xen_version/extraversion"},
    {__HYPERVISOR_xen_version, XENVER_compile_info, "xen_version/compile_info"},
    {__HYPERVISOR_xen_version, XENVER_capabilities, "xen_version/capabilities"},
    {__HYPERVISOR_xen_version, XENVER_changeset, "xen_version/changeset"},
    {__HYPERVISOR_xen_version, XENVER_platform_parameters, "xen_version/platform_parameters"},
    {__HYPERVISOR_xen_version, XENVER_get_features, "xen_version/get_features"},
    {__HYPERVISOR_xen_version, XENVER_pagesize, "xen_version/pagesize"},
    {__HYPERVISOR_xen_version, XENVER_guest_handle, "xen_version/guest_handle"},
    {__HYPERVISOR_xen_version, XENVER_commandline, "xen_version/commandline"},
    {__HYPERVISOR_xen_version, XENVER_build_id, "xen_version/build_id"},
    {__HYPERVISOR_console_io, CONSOLEIO_write, "console_io/write"},
    {__HYPERVISOR_console_io, CONSOLEIO_read, "console_io/read"},
    {__HYPERVISOR_vm_assist, VMASST_CMD_enable, "vm_assist/enable"},
    {__HYPERVISOR_vm_assist, VMASST_CMD_disable, "vm_assist/disable"},
    {__HYPERVISOR_set_segment_base, SEGBASE_FS, "set_segment_base/fs"},
    {__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, "set_segment_base/gs_user"},
    {__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, "set_segment_base/gs_kernel"},
    {__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, "set_segment_base/gs_user_sel"},
    {__HYPERVISOR_callback_op, CALLBACKOP_register, "callback_op/register"},
    {__HYPERVISOR_callback_op, CALLBACKOP_unregister, "callback_op/unregister"},
    {__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, "physdev_op/set_iopl"},
    {__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, "physdev_op/set_iobitmap"},
    {__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, "physdev_op/map_pirq"},
    {__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, "physdev_op/eoi"},
    {__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, "physdev_op/setup_gsi"},
};

std::vector<FieldName> number_names() {
  std::vector<FieldName> names;
  for (const HypercallEntry& entry : hypercall_table()) names.push_back({entry.number, entry.name});
  return names;
}

std::vector<FieldName> operation_names() {
  std::vector<FieldName> names;
  for (const HypercallEntry& entry : hypercall_table()) {
    names.push_back({operation_code(entry.number, kNoSubCommand), entry.name});
  }
  for (const SubCommand& command : kSubCommands) {
    names.push_back({operation_code(command.number, command.command), command.name});
  }
  return names;
}

const std::vector<FieldName> kNumberNames = number_names();
const std::vector<FieldName> kOperationNames = operation_names();

const Field kHypercallFields[] = {
    {"operation", offsetof(HypercallRecord, operation), 4, FieldFormat::enumeration, kOperationNames},
    {"phase", offsetof(HypercallRecord, phase), 4, FieldFormat::enumeration, kPhases},
    {"number", offsetof(HypercallRecord, number), 4, FieldFormat::enumeration, kNumberNames},
    {"arg1", offsetof(HypercallRecord, arguments), 8, FieldFormat::hex},
    {"arg2", offsetof(HypercallRecord, arguments) + 8, 8, FieldFormat::hex},
    {"arg3", offsetof(HypercallRecord, arguments) + 16, 8, FieldFormat::hex},
    {"arg4", offsetof(HypercallRecord, arguments) + 24, 8, FieldFormat::hex},
    {"arg5", offsetof(HypercallRecord, arguments) + 32, 8, FieldFormat::hex},
    {"arg6", offsetof(HypercallRecord, arguments) + 40, 8, FieldFormat::hex},
    {"result", offsetof(HypercallRecord, result), 8, FieldFormat::signed_decimal},
};

constexpr FieldName kEventOperations[] = {
    {static_cast<uint64_t>(EventOperation::send), "send"},
    {static_cast<uint64_t>(EventOperation::deliver), "deliver"},
    {static_cast<uint64_t>(EventOperation::unmask), "unmask"},
    {static_cast<uint64_t>(EventOperation::alloc_unbound), "alloc_unbound"},
    {static_cast<uint64_t>(EventOperation::bind_interdomain), "bind_interdomain"},
    {static_cast<uint64_t>(EventOperation::bind_virq), "bind_virq"},
    {static_cast<uint64_t>(EventOperation::bind_ipi), "bind_ipi"},
    {static_cast<uint64_t>(EventOperation::bind_vcpu), "bind_vcpu"},
    {static_cast<uint64_t>(EventOperation::close), "close"},
    {static_cast<uint64_t>(EventOperation::reset), "reset"},
    {static_cast<uint64_t>(EventOperation::init_control), "init_control"},
    {static_cast<uint64_t>(EventOperation::expand_array), "expand_array"},
    {static_cast<uint64_t>(EventOperation::set_priority), "set_priority"},
};

constexpr FieldName kChannelStates[] = {
    {static_cast<uint64_t>(ChannelState::free), "free"},
    {static_cast<uint64_t>(ChannelState::reserved), "reserved"},
    {static_cast<uint64_t>(ChannelState::unbound), "unbound"},
    {static_cast<uint64_t>(ChannelState::interdomain), "interdomain"},
    {static_cast<uint64_t>(ChannelState::pirq), "pirq"},
    {static_cast<uint64_t>(ChannelState::virq), "virq"},
    {static_cast<uint64_t>(ChannelState::ipi), "ipi"},
};

constexpr Field kEventFields[] = {
    {"op", offsetof(EventRecord, operation), 1, FieldFormat::enumeration, kEventOperations},
    {"port", offsetof(EventRecord, port), 4},
    {"state", offsetof(EventRecord, state), 1, FieldFormat::enumeration, kChannelStates},
    {"remote_domain", offsetof(EventRecord, remote_domain), 2},
    {"remote_port", offsetof(EventRecord, remote_port), 4},
};

constexpr FieldName kGrantOperations[] = {
    {static_cast<uint64_t>(GrantOperation::map), "map"},
    {static_cast<uint64_t>(GrantOperation::unmap), "unmap"},
    {static_cast<uint64_t>(GrantOperation::copy_from), "copy_from"},
    {static_cast<uint64_t>(GrantOperation::copy_to), "copy_to"},
    {static_cast<uint64_t>(GrantOperation::transfer), "transfer"},
    {static_cast<uint64_t>(GrantOperation::setup_table), "setup_table"},
    {static_cast<uint64_t>(GrantOperation::set_version), "set_version"},
    {static_cast<uint64_t>(GrantOperation::swap), "swap"},
};

constexpr FieldName kGrantFlags[] = {
    {GTF_permit_access, "permit_access"},
    {GTF_accept_transfer, "accept_transfer"},
    {GTF_readonly, "readonly"},
    {GTF_reading, "reading"},
    {GTF_writing, "writing"},
};

constexpr Field kGrantFields[] = {
    {"op", offsetof(GrantRecord, operation), 1, FieldFormat::enumeration, kGrantOperations},
    {"ref", offsetof(GrantRecord, ref), 4},
    {"by", offsetof(GrantRecord, by), 2},
    {"frame", offsetof(GrantRecord, frame), 8, FieldFormat::hex},
    {"flags", offsetof(GrantRecord, flags), 2, FieldFormat::flags, kGrantFlags},
    {"length", offsetof(GrantRecord, length), 4},
    {"status", offsetof(GrantRecord, status), 2, FieldFormat::signed_decimal},
};
constexpr FieldName kXenbusEnds[] = {{0, "frontend"}, {1, "backend"}};
constexpr FieldName kXenbusStates[] = {
    {0, "Unknown"}, {1, "Initialising"}, {2, "InitWait"},      {3, "Initialised"},  {4, "Connected"},
    {5, "Closing"}, {6, "Closed"},       {7, "Reconfiguring"}, {8, "Reconfigured"},
};
// Both in one, as rows of a campaign's table.
constexpr FieldName kXenbusMoments[] = {
    {0x00, "frontend Unknown"},     {0x01, "frontend Initialising"},  {0x02, "frontend InitWait"},
    {0x03, "frontend Initialised"}, {0x04, "frontend Connected"},     {0x05, "frontend Closing"},
    {0x06, "frontend Closed"},      {0x07, "frontend Reconfiguring"}, {0x08, "frontend Reconfigured"},
    {0x10, "backend Unknown"},      {0x11, "backend Initialising"},   {0x12, "backend InitWait"},
    {0x13, "backend Initialised"},  {0x14, "backend Connected"},      {0x15, "backend Closing"},
    {0x16, "backend Closed"},       {0x17, "backend Reconfiguring"},  {0x18, "backend Reconfigured"},
};
constexpr Field kXenbusStateFields[] = {
    {"type", offsetof(XenbusStateRecord, type), 1, FieldFormat::enumeration, kXenbusMoments},
    {"end", offsetof(XenbusStateRecord, end), 1, FieldFormat::enumeration, kXenbusEnds},
    {"state", offsetof(XenbusStateRecord, state), 1, FieldFormat::enumeration, kXenbusStates},
};
constexpr NamedFault kHypercallFaults[] = {
    {"ENOMEM", "Xen has no memory for it", "fail(-12)"},
    {"EAGAIN", "Xen cannot do it now", "fail(-11)"},
};
constexpr NamedFault kGrantFaults[] = {
    {"GNTST_general_error", "the grant is not what the caller wants", "fail(-1)"},
    {"GNTST_bad_gntref", "there is no such grant", "fail(-3)"},
    {"GNTST_eagain", "the page is not there now", "fail(-12)"},
    {"GNTST_no_space", "the caller cannot map more", "fail(-13)"},
};

}  // namespace

const PayloadType kHypercallPayload{.id = 100,
                                    .name = "hypercall",
                                    .title = "Hypercall",
                                    .size = sizeof(HypercallRecord),
                                    .fields = kHypercallFields,
                                    .group = "hypercall",
                                    .faults = kHypercallFaults};

const PayloadType kEventPayload{.id = 101,
                                .name = "event_channel",
                                .title = "Event channel",
                                .size = sizeof(EventRecord),
                                .fields = kEventFields,
                                .group = "evtchn"};

const PayloadType kGrantPayload{.id = 102,
                                .name = "grant",
                                .title = "Grant",
                                .size = sizeof(GrantRecord),
                                .fields = kGrantFields,
                                .group = "grant",
                                .faults = kGrantFaults};

const PayloadType kXenConsolePayload{.id = 103,
                                     .name = "xen_console",
                                     .title = "Text for the hypervisor's console",
                                     .size = 0,
                                     .fields = {},
                                     .tail = TailKind::text,
                                     .tail_name = "text",
                                     .group = "xen_console"};

const PayloadType kToolstackPayload{.id = 104,
                                    .name = "toolstack",
                                    .title = "Commands for the toolstack",
                                    .size = 0,
                                    .fields = {},
                                    .tail = TailKind::text,
                                    .tail_name = "commands",
                                    .group = "toolstack"};

const PayloadType kXenbusStatePayload{.id = 105,
                                      .name = "xenbus_state",
                                      .title = "XenBus: an end of a device has come to a state",
                                      .size = sizeof(XenbusStateRecord),
                                      .fields = kXenbusStateFields,
                                      .group = "xenbus",
                                      .is_moment = true};

void register_hypervisor_payload_types() {
  PayloadRegistry& registry = PayloadRegistry::instance();
  registry.add(kHypercallPayload);
  registry.add(kEventPayload);
  registry.add(kGrantPayload);
  registry.add(kXenConsolePayload);
  registry.add(kToolstackPayload);
  registry.add(kXenbusStatePayload);
  register_xenstore_payload_types();
  register_console_payload_types();
  register_blk_payload_types();
  register_net_payload_types();
  register_9pfs_payload_types();
}

}  // namespace ringside
