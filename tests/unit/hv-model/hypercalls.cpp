// The hypercalls that are not memory, events or grants: each sub-operation once as it should be used, and in
// the ways that Xen 4.17 refuses.
#include "hv-model/payloads.h"
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

struct Guest : HypercallFixture {
  Guest() { clear_events(); }
  ~Guest() { require_sound(); }
  uint32_t bind_timer() {
    evtchn_bind_virq op{.virq = VIRQ_TIMER, .vcpu = 0};
    REQUIRE(event_op(EVTCHNOP_bind_virq, op) == 0);
    set_masked(op.port, false);
    return op.port;
  }
  bool waits() const { return domain->vcpu.blocked || domain->vcpu.polling; }
  // A frame of the domain's that nothing maps.
  Mfn spare(unsigned index) { return frame_of_pfn(1100 + index); }
};

}  // namespace

TEST_CASE_METHOD(Guest, "unknown hypercalls are told apart from refused ones") {
  for (const uint64_t number :
       {uint64_t{11}, uint64_t{31}, uint64_t{38}, uint64_t{63}, uint64_t{64}, ~uint64_t{0}}) {
    CHECK(call(number) == -XEN_ENOSYS);
  }
  CHECK(domain->notices.count(NoticeKind::unhandled) == 6);
  CHECK(call(__HYPERVISOR_xsm_op) == -XEN_ENOSYS);
  CHECK(call(__HYPERVISOR_kexec_op) == -XEN_EPERM);
  CHECK(call(__HYPERVISOR_argo_op) == -XEN_EOPNOTSUPP);
  CHECK(call(__HYPERVISOR_xenpmu_op) == -XEN_EOPNOTSUPP);
  CHECK(call(__HYPERVISOR_hypfs_op) == -XEN_EPERM);
  put<uint64_t>(kArgument, 99);
  CHECK(call(__HYPERVISOR_hvm_op, 1, kArgument) == -XEN_ESRCH);
  put<uint64_t>(kArgument, DOMID_SELF);
  CHECK(call(__HYPERVISOR_hvm_op, 1, kArgument) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_hvm_op, 5, kArgument) == -XEN_ENOSYS);
  CHECK(call(__HYPERVISOR_dm_op, DOMID_SELF) == -XEN_EPERM);
  CHECK(call(__HYPERVISOR_dm_op, 0) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_dm_op, 99) == -XEN_ESRCH);
  for (const uint64_t number : {__HYPERVISOR_platform_op, __HYPERVISOR_sysctl, __HYPERVISOR_domctl}) {
    put<uint64_t>(kArgument, 0);
    CHECK(call(number, kArgument) == -XEN_EACCES);
    CHECK(call(number, kUnmapped) == -XEN_EFAULT);
    put<uint32_t>(kArgument + 4, number == __HYPERVISOR_platform_op ? 0x03000001 : 0x15);
    CHECK(call(number, kArgument) == -XEN_EPERM);
  }
  CHECK(domain->notices.count(NoticeKind::unhandled) == 6);
}

TEST_CASE_METHOD(Guest, "xen_version says 4.17") {
  CHECK(call(__HYPERVISOR_xen_version, XENVER_version) == 0x40011);
  CHECK(call(__HYPERVISOR_xen_version, XENVER_pagesize) == 4096);
  CHECK(call(__HYPERVISOR_xen_version, XENVER_build_id, kArgument) == -XEN_EPERM);
  CHECK(call(__HYPERVISOR_xen_version, 11) == -XEN_ENOSYS);
  xen_feature_info features{};
  CHECK(operate(__HYPERVISOR_xen_version, XENVER_get_features, features) == 0);
  CHECK((features.submap & 0xb7) == 0xa0);  // preserve_ad and gnttab_map_avail_bits; no auto-translation
  features.submap_idx = 1;
  CHECK(operate(__HYPERVISOR_xen_version, XENVER_get_features, features) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_xen_version, XENVER_commandline, kArgument) == 0);
  CHECK(get<uint64_t>(kArgument) == 0x3e6465696e65643c);  // "<denied>"
  CHECK(call(__HYPERVISOR_xen_version, XENVER_platform_parameters, kArgument) == 0);
  CHECK(get<uint64_t>(kArgument) == 0xffff800000000000);
  for (uint32_t command = XENVER_extraversion; command <= XENVER_commandline; ++command) {
    if (command == XENVER_pagesize) continue;
    CHECK(call(__HYPERVISOR_xen_version, command, kUnmapped) == -XEN_EFAULT);
    CHECK(call(__HYPERVISOR_xen_version, command, kXens) == -XEN_EFAULT);
  }
}

TEST_CASE_METHOD(Guest, "a blocked vCPU waits for an event, unless one is there") {
  const uint32_t port = bind_timer();
  set_upcall_masked(*hypervisor, *domain, true);
  CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_block) == 0);
  CHECK(domain->vcpu.blocked);
  CHECK_FALSE(upcall_masked(*hypervisor, *domain));
  hypervisor->channels.raise_virq(*domain, VIRQ_TIMER);
  CHECK(pending(port));
  CHECK_FALSE(waits());
  CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_block) == 0);
  CHECK_FALSE(waits());
}

TEST_CASE_METHOD(Guest, "a masked port wakes who polls for it") {
  const uint32_t port = bind_timer();
  set_masked(port, true);
  set_upcall_masked(*hypervisor, *domain, true);
  put<uint32_t>(scratch_address(9), port);
  sched_poll poll{};
  poll.ports.p = reinterpret_cast<evtchn_port_t*>(scratch_address(9));
  poll.nr_ports = 1;
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == 0);
  CHECK(domain->vcpu.polling);
  hypervisor->channels.raise_virq(*domain, VIRQ_TIMER);
  CHECK_FALSE(waits());
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == 0);
  CHECK_FALSE(waits());  // it is pending already
  clear_events();
  poll.timeout = hypervisor->system_time() + 5000;
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == 0);
  CHECK(waits());
  advance(microseconds(4));
  CHECK(waits());
  advance(microseconds(1));
  CHECK_FALSE(waits());
  poll.nr_ports = 129;
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == -XEN_EINVAL);
  poll.nr_ports = 1;
  put<uint32_t>(scratch_address(9), EventChannels::kPortsMax);
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == -XEN_EINVAL);
  poll.ports.p = reinterpret_cast<evtchn_port_t*>(kUnmapped);
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == -XEN_EFAULT);
  CHECK_FALSE(waits());
}

TEST_CASE_METHOD(Guest, "shutting down ends the domain with its reason") {
  sched_shutdown code{SHUTDOWN_suspend};
  sched_remote_shutdown remote{.domain_id = 0, .reason = 0};
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, remote) == -XEN_EPERM);
  remote.domain_id = 99;
  CHECK(operate(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, remote) == -XEN_ESRCH);
  CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_pin_override, kArgument) == -XEN_EPERM);
  CHECK(call(__HYPERVISOR_sched_op, 99) == -XEN_ENOSYS);
  CHECK(call(__HYPERVISOR_sched_op_compat, SCHEDOP_poll) == -XEN_ENOSYS);
  CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, kUnmapped) == -XEN_EFAULT);
  CHECK_FALSE(domain->end.has_value());
  SECTION("with SCHEDOP_shutdown") {
    code.reason = SHUTDOWN_poweroff;
    operate(__HYPERVISOR_sched_op, SCHEDOP_shutdown, code);
    CHECK(domain->end->text == "poweroff");
    CHECK_FALSE(domain->end->crashed);
  }
  SECTION("with a code that was given before") {
    operate(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, code);
    code.reason = SHUTDOWN_reboot;
    operate(__HYPERVISOR_sched_op, SCHEDOP_shutdown, code);
    CHECK(domain->end->text == "suspend");
  }
  SECTION("with the old hypercall") {
    CHECK(call(__HYPERVISOR_sched_op_compat, SCHEDOP_shutdown, SHUTDOWN_crash) == 0);
    CHECK(domain->end->crashed);
  }
  SECTION("by the last vCPU's going down") {
    CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_down, 0) == 0);
    CHECK(domain->end->text == "poweroff");
  }
}

TEST_CASE_METHOD(Guest, "there is one vCPU, and it runs") {
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0) == 1);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1) == -XEN_ENOENT);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_up, 0) == 0);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 0, scratch_address(2)) == -XEN_EEXIST);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 0, kUnmapped) == -XEN_EFAULT);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_get_physid, 0, kArgument) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, kArgument) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0) == 0);
  CHECK(call(__HYPERVISOR_vcpu_op, 99, 0) == -XEN_ENOSYS);
  advance(microseconds(7));
  vcpu_runstate_info runstate{};
  CHECK(vcpu_op(VCPUOP_get_runstate_info, runstate) == 0);
  CHECK(runstate.state == RUNSTATE_running);
  CHECK(runstate.time[RUNSTATE_running] == hypervisor->system_time());
}

TEST_CASE_METHOD(Guest, "vcpu_info moves once, and takes its events along") {
  vcpu_register_vcpu_info op{.mfn = spare(0).value, .offset = 64, .rsvd = 0};
  const auto attempt = [&](uint64_t frame, uint32_t offset) {
    op.mfn = frame;
    op.offset = offset;
    return vcpu_op(VCPUOP_register_vcpu_info, op);
  };
  CHECK(attempt(spare(0).value, 4096 - 63) == -XEN_ENXIO);
  CHECK(attempt(spare(0).value, 4) == -XEN_ENXIO);
  CHECK(attempt(domain->vcpu.kernel_root.value, 0) == -XEN_EINVAL);
  CHECK(attempt(0, 0) == -XEN_EINVAL);
  set_upcall_masked(*hypervisor, *domain, true);
  CHECK(attempt(spare(0).value, 64) == 0);
  CHECK(attempt(spare(1).value, 64) == -XEN_EINVAL);
  CHECK(vcpu_info_address(*domain) == spare(0).address() + 64);
  CHECK(info_now().evtchn_upcall_pending == 1);
  CHECK(info_now().evtchn_upcall_mask == 1);
  CHECK(info_now().evtchn_pending_sel == ~uint64_t{0});
  const uint32_t port = bind_timer();
  vcpu_info info = info_now();
  info.evtchn_upcall_pending = 0;
  info.evtchn_pending_sel = 0;
  memory->store(vcpu_info_address(*domain), info);
  hypervisor->channels.raise_virq(*domain, VIRQ_TIMER);
  CHECK(info_now().evtchn_pending_sel == uint64_t{1} << port / 64);
}

TEST_CASE_METHOD(Guest, "time areas are written when they are registered") {
  advance(milliseconds(3));
  uint64_t area = scratch_address(4);
  CHECK(vcpu_op(VCPUOP_register_vcpu_time_memory_area, area) == 0);
  const auto time = get<vcpu_time_info>(scratch_address(4));
  CHECK(time.version % 2 == 0);
  CHECK(time.system_time == hypervisor->system_time());
  CHECK(time.tsc_to_system_mul == 0x80000000);  // 2 GHz: half a nanosecond a tick
  CHECK(time.tsc_shift == 0);
  CHECK(time.tsc_timestamp == time.system_time * 2);
  CHECK(vcpu_op(VCPUOP_register_runstate_memory_area, area) == 0);
  CHECK(get<vcpu_runstate_info>(scratch_address(4)).state == RUNSTATE_running);
  area = kXens;
  CHECK(vcpu_op(VCPUOP_register_vcpu_time_memory_area, area) == -XEN_EFAULT);
  CHECK(vcpu_op(VCPUOP_register_runstate_memory_area, area) == -XEN_EFAULT);
  hypervisor->update_time(*domain);
  const auto shared_time = info_now().time;
  CHECK(shared_time.version % 2 == 0);
  CHECK(memory->load<uint32_t>(shared(offsetof(shared_info, wc_sec))) == 1704067200);
}

TEST_CASE_METHOD(Guest, "trap tables and callbacks take canonical addresses") {
  const trap_info table[] = {{14, 4, 0xe033, 0x1000}, {0x80, 3, 0xe033, 0x2000}, {}};
  for (size_t i = 0; i < 3; ++i) put(kArgument + i * sizeof(trap_info), table[i]);
  CHECK(call(__HYPERVISOR_set_trap_table, kArgument) == 0);
  CHECK(domain->vcpu.traps[14].address == 0x1000);
  CHECK(domain->vcpu.traps[14].masks_events);
  CHECK(domain->vcpu.traps[0x80].dpl == 3);
  put(kArgument, trap_info{14, 0, 0xe033, 0x8000'0000'0000});
  CHECK(call(__HYPERVISOR_set_trap_table, kArgument) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_set_trap_table, kUnmapped) == -XEN_EFAULT);
  CHECK(call(__HYPERVISOR_set_trap_table, 0) == 0);
  CHECK(domain->vcpu.traps[0x80].address == 0);
  CHECK(call(__HYPERVISOR_set_callbacks, 0x1000, 0x2000, 0x3000) == 0);
  CHECK(domain->vcpu.event_callback == 0x1000);
  CHECK(domain->vcpu.syscall_callback == 0x3000);
  for (uint16_t type = 0; type < 9; ++type) {
    callback_register op{.type = type, .flags = CALLBACKF_mask_events, .address = 0x4000};
    CHECK(operate(__HYPERVISOR_callback_op, CALLBACKOP_register, op) ==
          (type == 6 || type == 8 || type == 3 ? -XEN_ENOSYS : 0));
    op.address = uint64_t{1} << 60;
    CHECK(operate(__HYPERVISOR_callback_op, CALLBACKOP_register, op) == -XEN_EINVAL);
    callback_unregister gone{.type = type};
    const int64_t expected = type == CALLBACKTYPE_nmi              ? 0
                             : type == 6 || type == 8 || type == 3 ? -XEN_ENOSYS
                                                                   : -XEN_EINVAL;
    CHECK(operate(__HYPERVISOR_callback_op, CALLBACKOP_unregister, gone) == expected);
  }
  CHECK(domain->vcpu.syscall_callback_masks);
  CHECK(call(__HYPERVISOR_callback_op, 2, kArgument) == -XEN_ENOSYS);
  put<uint64_t>(kArgument, 0x5000);
  CHECK(call(__HYPERVISOR_nmi_op, 0, kArgument) == 0);
  CHECK(domain->vcpu.traps[2].address == 0x5000);
  CHECK(call(__HYPERVISOR_nmi_op, 1, 0) == 0);
  CHECK(call(__HYPERVISOR_nmi_op, 2, 0) == -XEN_ENOSYS);
}

TEST_CASE_METHOD(Guest, "descriptors are checked, alone and in tables") {
  const uint64_t kData = 0x00cf92000000ffff, kTss = 0x0000890000000067;
  const GuestPhys slot = spare(2).address() + 8;
  CHECK(call(__HYPERVISOR_update_descriptor, slot.value, kData) == 0);
  CHECK(memory->load<uint64_t>(slot) == (kData | uint64_t{3} << 45));
  CHECK(call(__HYPERVISOR_update_descriptor, slot.value, kTss) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_update_descriptor, slot.value + 4, kData) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_update_descriptor, domain->vcpu.kernel_root.address().value, kData) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_update_descriptor, 0, kData) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_update_descriptor, slot.value, 0x0000ec00'e0330000) ==
        0);  // a gate to Xen's flat code
  CHECK(call(__HYPERVISOR_update_descriptor, slot.value, 0x0000ec00'e0080000) == -XEN_EINVAL);
  put<uint64_t>(kArgument, spare(2).value);
  CHECK(call(__HYPERVISOR_set_gdt, kArgument, 512) == 0);
  CHECK(info(spare(2)).type == PageType::segment_descriptors);
  CHECK(call(__HYPERVISOR_update_descriptor, slot.value, kData) == 0);
  put<uint64_t>(kArgument, domain->vcpu.kernel_root.value);
  CHECK(call(__HYPERVISOR_set_gdt, kArgument, 16) == -XEN_EINVAL);
  CHECK(domain->vcpu.gdt_frames.size() == 1);
  CHECK(call(__HYPERVISOR_set_gdt, kArgument, 7169) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_set_gdt, kUnmapped, 16) == -XEN_EFAULT);
  CHECK(call(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 8 | 3) == 0);
  CHECK(domain->vcpu.gs_user_selector == 11);
  CHECK(call(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 16 | 3) == 0);
  CHECK(domain->vcpu.gs_user_selector == 0);
  CHECK(call(__HYPERVISOR_set_gdt, 0, 0) == 0);
  CHECK(info(spare(2)).type_count == 0);
}

TEST_CASE_METHOD(Guest, "bases, stacks, the FPU and debug registers") {
  CHECK(call(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0x1234) == 0);
  CHECK(cpu->registers().fs_base == 0x1234);
  CHECK(call(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0x5678) == 0);
  CHECK(cpu->registers().gs_base == 0x5678);
  CHECK(call(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, 0x9abc) == 0);
  CHECK(domain->vcpu.gs_base_user == 0x9abc);
  CHECK(call(__HYPERVISOR_set_segment_base, SEGBASE_FS, uint64_t{1} << 50) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_set_segment_base, 4, 0) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_stack_switch, 0xe02b, 0x7000) == 0);
  CHECK(domain->vcpu.kernel_sp == 0x7000);
  CHECK(call(__HYPERVISOR_fpu_taskswitch, 1) == 0);
  CHECK(cpu->task_switched);
  CHECK(call(__HYPERVISOR_fpu_taskswitch, 0) == 0);
  CHECK_FALSE(cpu->task_switched);
  CHECK(call(__HYPERVISOR_set_debugreg, 0, 0x4000) == 0);
  CHECK(call(__HYPERVISOR_get_debugreg, 0) == 0x4000);
  CHECK(call(__HYPERVISOR_set_debugreg, 1, kXens) == -XEN_EPERM);
  CHECK(call(__HYPERVISOR_set_debugreg, 8, 0) == -XEN_ENODEV);
  CHECK(call(__HYPERVISOR_get_debugreg, 8) == -XEN_ENODEV);
  CHECK(call(__HYPERVISOR_set_debugreg, 7, 0x400) == 0);
  CHECK(call(__HYPERVISOR_set_debugreg, 7, 0x2000) == -XEN_EPERM);
}

TEST_CASE_METHOD(Guest, "vm_assist knows its types") {
  for (const uint64_t type : {0, 1, 2, 3, 4, 5, 32}) {
    CHECK(call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, type) == 0);
    CHECK((domain->vm_assist >> type & 1) == 1);
    CHECK(call(__HYPERVISOR_vm_assist, VMASST_CMD_disable, type) == 0);
    CHECK((domain->vm_assist >> type & 1) == 0);
  }
  CHECK(call(__HYPERVISOR_vm_assist, 2, 2) == -XEN_ENOSYS);
  for (const uint64_t type : {6, 33, 64, 1000}) {
    CHECK(call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, type) == -XEN_EINVAL);
  }
  xen_feature_info features{};
  CHECK(call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3) == 0);
  CHECK(operate(__HYPERVISOR_xen_version, XENVER_get_features, features) == 0);
  CHECK((features.submap >> XENFEAT_pae_pgdir_above_4gb & 1) == 1);
}

TEST_CASE_METHOD(Guest, "devices are for others") {
  physdev_set_iopl iopl{1};
  CHECK(operate(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, iopl) == 0);
  CHECK(domain->vcpu.iopl == 1);
  iopl = {4};
  CHECK(operate(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, iopl) == -XEN_EINVAL);
  physdev_set_iobitmap bitmap{};
  bitmap.nr_ports = 65537;
  CHECK(operate(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, bitmap) == -XEN_EINVAL);
  bitmap.nr_ports = 65536;
  CHECK(operate(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, bitmap) == 0);
  for (const uint32_t command : {8, 9, 13, 14, 15, 16, 19, 20, 21, 23, 24, 25, 26, 27, 30, 31}) {
    CHECK(call(__HYPERVISOR_physdev_op, command, kArgument) == -XEN_EPERM);
    CHECK(call(__HYPERVISOR_physdev_op, command, kUnmapped) == -XEN_EFAULT);
  }
  CHECK(call(__HYPERVISOR_physdev_op, 99, kArgument) == -XEN_ENOSYS);
  put<uint32_t>(kArgument, PHYSDEVOP_set_iopl);
  put<uint32_t>(kArgument + offsetof(physdev_op, u), 2);
  CHECK(call(__HYPERVISOR_physdev_op_compat, kArgument) == 0);
  CHECK(domain->vcpu.iopl == 2);
  put<uint32_t>(kArgument, PHYSDEVOP_map_pirq);
  CHECK(call(__HYPERVISOR_physdev_op_compat, kArgument) == -XEN_ENOSYS);
}

TEST_CASE_METHOD(Guest, "text for Xen's console is shown") {
  put<uint64_t>(kArgument, 0x216f6c6c6548);  // "Hello!"
  CHECK(call(__HYPERVISOR_console_io, CONSOLEIO_write, 6, kArgument) == 0);
  CHECK(domain->notices.count(NoticeKind::unusual) == 1);
  CHECK(call(__HYPERVISOR_console_io, CONSOLEIO_write, 6, kUnmapped) == -XEN_EFAULT);
  CHECK(call(__HYPERVISOR_console_io, CONSOLEIO_write, 0xffffffff, kArgument) == -XEN_E2BIG);
  CHECK(call(__HYPERVISOR_console_io, CONSOLEIO_read, 6, kArgument) == -XEN_EPERM);
}

TEST_CASE_METHOD(Guest, "a multicall gives each entry its result, and does not nest") {
  multicall_entry entries[3]{};
  entries[0].op = __HYPERVISOR_xen_version;
  entries[1].op = 999;
  entries[2].op = __HYPERVISOR_multicall;
  for (size_t i = 0; i < 3; ++i) put(kArgument + i * sizeof entries[0], entries[i]);
  CHECK(call(__HYPERVISOR_multicall, kArgument, 3) == 0);
  const auto result = [&](size_t i) {
    return static_cast<int64_t>(get<multicall_entry>(kArgument + i * sizeof entries[0]).result);
  };
  CHECK(result(0) == 0x40011);
  CHECK(result(1) == -XEN_ENOSYS);
  CHECK(result(2) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_multicall, kUnmapped, 1) == -XEN_EFAULT);
  CHECK(call(__HYPERVISOR_multicall, kXens, 1) == -XEN_EFAULT);
  CHECK(call(__HYPERVISOR_multicall, kArgument, 0) == 0);
  CHECK_FALSE(domain->in_multicall);
}

namespace {
struct HypercallTap : Tap {
  std::vector<HypercallRecord> seen;
  int64_t fail = 0;
  void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override {
    HypercallRecord record;
    std::memcpy(&record, crossing.payload->data(), sizeof record);
    seen.push_back(record);
    if (record.phase == 0) verdict.fail = fail;
  }
};
}  // namespace

TEST_CASE_METHOD(Guest, "the wire shows call and return, and a fault stands in for the execution") {
  HypercallTap tap;
  wiring.add_tap(tap, "dom1/hypercall");
  CHECK(call(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables) == 0);
  REQUIRE(tap.seen.size() == 2);
  CHECK(tap.seen[0].operation == operation_code(21, 0));
  CHECK(tap.seen[0].arguments[1] == 2);
  CHECK(tap.seen[1].phase == 1);
  tap.fail = -XEN_ENOMEM;
  CHECK(call(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_writable_pagetables) == -XEN_ENOMEM);
  CHECK((domain->vm_assist >> VMASST_TYPE_writable_pagetables & 1) == 1);
  CHECK(tap.seen.back().result == -XEN_ENOMEM);
  wiring.remove_tap(tap);
}

TEST_CASE("all payload types of the hypervisor can be registered twice") {
  register_hypervisor_payload_types();
  register_hypervisor_payload_types();
  HypercallRecord record;
  record.operation = operation_code(__HYPERVISOR_sched_op, SCHEDOP_poll);
  const auto fields = decode(kHypercallPayload, {reinterpret_cast<const uint8_t*>(&record), sizeof record});
  CHECK(fields.at(0).text == "sched_op/poll");
}
