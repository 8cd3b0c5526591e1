// How Xen enters a PV guest: frames, modes, masks, and what it emulates (xen/arch/x86/x86_64/entry.S,
// pv/traps.c, pv/emul-priv-op.c). The core is a fake one, so that the guest's code does not run.
#include "hv-model/pv/pv_guest.h"
#include "hv-model/pv/descriptors.h"
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

struct Guest : HypercallFixture {
  static constexpr uint64_t kCode = kScratch + 10 * kPageSize, kStack = kScratch + 12 * kPageSize;
  PvGuest guest{*hypervisor, *domain};
  Guest() {
    clear_events();
    set_upcall_masked(*hypervisor, *domain, false);
    Registers registers = cpu->registers();
    registers.rip = kCode;
    registers.general[Registers::rsp] = kStack + 0x808;
    registers.general[Registers::rcx] = 0xc;
    registers.general[Registers::r11] = 0x11;
    registers.cs = 0xe033;
    registers.ss = 0xe02b;
    registers.rflags = 0x246;
    cpu->set_registers(registers);
    trap(14, 0x1000, 0, true);
    trap(13, 0x2000);
    trap(6, 0x3000);
    trap(7, 0x4000);
    trap(3, 0x5000);
  }
  ~Guest() { require_sound(); }
  void trap(uint8_t vector, uint64_t address, uint8_t dpl = 0, bool masks = false) {
    domain->vcpu.traps[vector] = {address, 0xe033, dpl, masks};
  }
  void exception(uint8_t vector, std::optional<uint32_t> error = {}, uint64_t address = 0,
                 bool software = false) {
    guest.handle_exit({.reason = ExitReason::exception,
                       .vector = vector,
                       .software = software,
                       .error_code = error,
                       .fault_address = {address}});
  }
  uint64_t word(size_t index) { return get<uint64_t>(cpu->general(Registers::rsp) + index * 8); }
  void code(std::initializer_list<uint8_t> bytes) {
    uint64_t at = kCode;
    for (const uint8_t byte : bytes) put(at++, byte);
  }
  // A user mode with the kernel's own tables.
  void enter_user_mode() {
    REQUIRE(mmuext(MMUEXT_NEW_USER_BASEPTR, domain->vcpu.kernel_root.value) == 0);
    domain->vcpu.kernel_sp = kStack + 0x1000;
    domain->vcpu.gs_base_user = 0xaaaa;
    cpu->set_gs_base(0xbbbb);
    const iret_context frame{.rax = 7,
                             .r11 = 1,
                             .rcx = 2,
                             .flags = 0,
                             .rip = 0x400000,
                             .cs = 0xe033,
                             .rflags = 0x3246,
                             .rsp = 0x500000,
                             .ss = 0xe02b};
    put(kStack, frame);
    cpu->set_general(Registers::rsp, kStack);
    call(__HYPERVISOR_iret);
    REQUIRE_FALSE(domain->vcpu.kernel_mode);
  }
};

}  // namespace

TEST_CASE_METHOD(Guest, "a page fault in the kernel is pushed as Xen pushes it") {
  exception(14, 6, 0x123456789);
  CHECK(cpu->rip() == 0x1000);
  const uint64_t sp = cpu->general(Registers::rsp);
  CHECK(sp == kStack + 0x800 - 8 * 8);
  CHECK(word(0) == 0xc);
  CHECK(word(1) == 0x11);
  CHECK(word(2) == 2);  // the user bit is not the guest's
  CHECK(word(3) == kCode);
  CHECK(word(4) == 0xe030);
  CHECK(word(5) == 0x246);
  CHECK(word(6) == kStack + 0x808);
  CHECK(word(7) == 0xe02b);
  CHECK(info_now().arch.cr2 == 0x123456789);
  CHECK(upcall_masked(*hypervisor, *domain));
  // Now with events masked, and without an error code.
  exception(3, {}, 0, true);
  CHECK(word(2) == 0x1000);
  CHECK(word(3) == (0xe030 | uint64_t{1} << 32));
  CHECK((word(4) & 0x200) == 0);
}

TEST_CASE_METHOD(Guest, "a fault that the tables allow by now is not the guest's") {
  exception(14, 7, kStack);
  CHECK(cpu->rip() == kCode);
  CHECK(cpu->flushed_pages.back().value == kStack);
}

TEST_CASE_METHOD(Guest, "no handler, or no stack, is the end") {
  SECTION("no handler") {
    exception(0);
    REQUIRE(domain->end.has_value());
    CHECK(domain->end->text.find("divide error (vector 0)") == 0);
    CHECK(domain->end->text.find("no handler") != std::string::npos);
  }
  SECTION("no stack") {
    cpu->set_general(Registers::rsp, kUnmapped);
    exception(14, 6, kUnmapped);
    REQUIRE(domain->end.has_value());
    CHECK(domain->end->text.find("page fault (vector 14, error code 0x2) at 0x700000000000") == 0);
  }
  SECTION("a stack in Xen's part of the address space") {
    cpu->set_general(Registers::rsp, kXens);
    exception(6);
  }
  CHECK(domain->end->crashed);
  CHECK_FALSE(guest.runnable());
}

TEST_CASE_METHOD(Guest, "user mode has its own stack, bases and error codes") {
  enter_user_mode();
  CHECK(cpu->general(Registers::rax) == 7);
  CHECK(cpu->general(Registers::rcx) == 2);
  CHECK(cpu->registers().rflags == 0x246);  // IOPL is not the guest's
  CHECK(cpu->registers().gs_base == 0xaaaa);
  exception(14, 4, kUnmapped);
  CHECK(domain->vcpu.kernel_mode);
  CHECK(cpu->registers().gs_base == 0xbbbb);
  CHECK(word(2) == 4);
  CHECK(word(4) == 0xe033);
  CHECK(word(6) == 0x500000);
}

TEST_CASE_METHOD(Guest, "SYSCALL from user mode goes to the guest's kernel") {
  enter_user_mode();
  guest.handle_exit({.reason = ExitReason::hypercall});
  CHECK(cpu->rip() == 0x3000);  // no callback: invalid opcode
  CHECK(word(2) == 0x400000 - 2);
  domain->vcpu.syscall_callback = 0x6000;
  enter_user_mode();
  guest.handle_exit({.reason = ExitReason::hypercall});
  CHECK(cpu->rip() == 0x6000);
  CHECK(word(0) == 0x400000);
  CHECK(word(1) == 0x246);
}

TEST_CASE_METHOD(Guest, "iret needs user tables and a frame") {
  SECTION("no user tables") {
    put(kStack, iret_context{.cs = 0xe033, .ss = 0xe02b});
    cpu->set_general(Registers::rsp, kStack);
  }
  SECTION("no frame") { cpu->set_general(Registers::rsp, kUnmapped); }
  call(__HYPERVISOR_iret);
  CHECK(domain->end->crashed);
}

TEST_CASE_METHOD(Guest, "iret to selectors that do not exist goes to the failsafe callback") {
  domain->vcpu.failsafe_callback = 0x7000;
  put(kStack,
      iret_context{.rip = 0x1234, .cs = 0x1230, .rflags = 0x202, .rsp = kStack + 0x800, .ss = 0xe02b});
  cpu->set_general(Registers::rsp, kStack);
  call(__HYPERVISOR_iret);
  CHECK(cpu->rip() == 0x7000);
  CHECK(word(6) == 0x1234);
}

TEST_CASE_METHOD(Guest, "an event is delivered once, and wakes") {
  domain->vcpu.event_callback = 0x9000;
  evtchn_bind_virq op{.virq = VIRQ_DEBUG, .vcpu = 0};
  REQUIRE(event_op(EVTCHNOP_bind_virq, op) == 0);
  set_masked(op.port, false);
  call(__HYPERVISOR_sched_op, SCHEDOP_block);
  CHECK_FALSE(guest.runnable());
  hypervisor->channels.raise_virq(*domain, VIRQ_DEBUG);
  REQUIRE(guest.runnable());
  guest.prepare_to_run();
  CHECK(cpu->rip() == 0x9000);
  CHECK(upcall_masked(*hypervisor, *domain));
  const uint64_t sp = cpu->general(Registers::rsp);
  guest.prepare_to_run();
  CHECK(cpu->general(Registers::rsp) == sp);
}

TEST_CASE_METHOD(Guest, "an NMI that nobody handles is lost") {
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0) == 0);
  guest.prepare_to_run();
  CHECK(cpu->rip() == kCode);
  trap(2, 0x6000, 0, true);
  guest.prepare_to_run();
  CHECK(cpu->rip() == kCode);
  CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0) == 0);
  guest.prepare_to_run();
  CHECK(cpu->rip() == 0x6000);
}

TEST_CASE_METHOD(Guest, "areas of the kernel are written when it is there") {
  const uint64_t runstate = kStack + 0x1800, time = kStack + 0x1c00;
  vcpu_register_runstate_memory_area runstate_area{};
  runstate_area.addr.p = runstate;
  vcpu_register_time_memory_area time_area{};
  time_area.addr.p = time;
  REQUIRE(vcpu_op(VCPUOP_register_runstate_memory_area, runstate_area) == 0);
  REQUIRE(vcpu_op(VCPUOP_register_vcpu_time_memory_area, time_area) == 0);
  enter_user_mode();
  advance(seconds(3));
  set_runstate(*hypervisor, *domain, RUNSTATE_running);
  const auto before = get<vcpu_time_info>(time);
  guest.prepare_to_run();
  CHECK(get<vcpu_time_info>(time).system_time == before.system_time);
  CHECK(get<vcpu_runstate_info>(runstate).state_entry_time < 3'000'000'000);
  trap(13, 0x2000);
  exception(13, 8);
  REQUIRE(domain->vcpu.kernel_mode);
  guest.prepare_to_run();
  CHECK(get<vcpu_time_info>(time).system_time >= 3'000'000'000);
  CHECK(get<vcpu_runstate_info>(runstate).state_entry_time >= 3'000'000'000);
}

TEST_CASE_METHOD(Guest, "a single step tells itself by DR6") {
  trap(1, 0x7000);
  exception(1);
  CHECK((*debug_register(*domain, 6) & 0x4000) == 0);
  Registers registers = cpu->registers();
  registers.rflags |= 0x100;
  cpu->set_registers(registers);
  exception(1);
  CHECK((*debug_register(*domain, 6) & 0x4000) != 0);
}

TEST_CASE_METHOD(Guest, "INT n asks the guest's own table") {
  trap(0x80, 0x8000, 1);
  cpu->set_rip(kCode + 2);
  exception(0x80, {}, 0, true);
  CHECK(cpu->rip() == 0x8000);
  CHECK(word(2) == kCode + 2);
  trap(0x80, 0x8000, 0);
  cpu->set_rip(kCode + 2);
  exception(0x80, {}, 0, true);
  CHECK(cpu->rip() == 0x2000);
  CHECK(word(2) == 0x80 * 8 + 2);
  CHECK(word(3) == kCode);
}

TEST_CASE_METHOD(Guest, "privileged instructions are emulated for the kernel") {
  SECTION("CLTS and MOV from CR0") {
    call(__HYPERVISOR_fpu_taskswitch, 1);
    code({0x0f, 0x06});
    exception(13, 0);
    CHECK_FALSE(cpu->task_switched);
    CHECK(cpu->rip() == kCode + 2);
    code({0, 0, 0x41, 0x0f, 0x20, 0xc0});  // mov %cr0, %r8
    exception(13, 0);
    CHECK(cpu->general(Registers::r8) == 0x80050033);
  }
  SECTION("CPUID by the forced prefix") {
    code({0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2});
    cpu->set_general(Registers::rax, 0x40000000);
    guest.handle_exit({.reason = ExitReason::invalid_opcode});
    CHECK(cpu->general(Registers::rbx) == 0x566e6558);
    CHECK(cpu->general(Registers::rax) == 0x40000005);
    CHECK(cpu->rip() == kCode + 7);
    guest.handle_exit({.reason = ExitReason::invalid_opcode});
    CHECK(cpu->rip() == 0x3000);
  }
  SECTION("MSRs") {
    code({0x0f, 0x30, 0x0f, 0x32});
    cpu->set_general(Registers::rcx, 0xc0000100);
    cpu->set_general(Registers::rax, 0x1234);
    cpu->set_general(Registers::rdx, 0);
    exception(13, 0);
    CHECK(cpu->registers().fs_base == 0x1234);
    cpu->set_general(Registers::rax, 0);
    exception(13, 0);
    CHECK(cpu->general(Registers::rax) == 0x1234);
    cpu->set_rip(kCode);
    cpu->set_general(Registers::rcx, 0x12345);
    exception(13, 0);
    CHECK(cpu->rip() == 0x2000);
    CHECK(word(2) == 0);
  }
  SECTION("counters of a processor without a vPMU") {
    code({0x0f, 0x30, 0x0f, 0x32});  // wrmsr; rdmsr
    cpu->set_general(Registers::rcx, 0x186);
    cpu->set_general(Registers::rax, 0xabcd);
    cpu->set_general(Registers::rdx, 1);
    exception(13, 0);
    exception(13, 0);
    CHECK(cpu->rip() == kCode + 4);
    CHECK(cpu->general(Registers::rax) == 0);
    CHECK(cpu->general(Registers::rdx) == 0);
  }
  SECTION("MOV to CR4, of which a few bits stay") {
    code({0x0f, 0x22, 0xe0, 0x0f, 0x20, 0xe3});  // mov %rax, %cr4; mov %cr4, %rbx
    cpu->set_general(Registers::rax, 0x1000c);
    exception(13, 0);
    exception(13, 0);
    CHECK(cpu->rip() == kCode + 6);
    CHECK(cpu->general(Registers::rbx) == 0x62c);
  }
  SECTION("MOV to CR2, which vcpu_info shows") {
    code({0x0f, 0x22, 0xd0, 0x0f, 0x20, 0xd3});  // mov %rax, %cr2; mov %cr2, %rbx
    cpu->set_general(Registers::rax, 0x1234'5678'9abc);
    exception(13, 0);
    exception(13, 0);
    CHECK(cpu->general(Registers::rbx) == 0x1234'5678'9abc);
    CHECK(info_now().arch.cr2 == 0x1234'5678'9abc);
  }
  SECTION("ports, by IOPL") {
    code({0xe4, 0x60});
    exception(13, 0);
    CHECK(cpu->rip() == 0x2000);
    cpu->set_rip(kCode);
    domain->vcpu.iopl = 1;
    exception(13, 0);
    CHECK(cpu->rip() == kCode + 2);
    CHECK((cpu->general(Registers::rax) & 0xff) == 0xff);
  }
  SECTION("not HLT, LGDT or INVLPG") {
    code({0xf4});
    exception(13, 0);
    CHECK(cpu->rip() == 0x2000);
  }
  SECTION("not in user mode") {
    enter_user_mode();
    cpu->set_rip(kCode);
    code({0x0f, 0x06});
    exception(13, 0);
    CHECK(cpu->rip() == 0x2000);
  }
}

// User mode has page tables of its own here, with nothing but its code in them.
TEST_CASE_METHOD(Guest, "the I/O bitmap is found from user mode, too") {
  constexpr uint64_t bitmap = kScratch + 20 * kPageSize;
  physdev_set_iobitmap op{};
  op.bitmap.p = reinterpret_cast<uint8_t*>(bitmap);
  op.nr_ports = 1024;
  put<uint64_t>(bitmap + 0x60 / 8, 0xfe);  // port 0x60 alone
  REQUIRE(operate(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, op) == 0);
  code({0xe4, 0x60, 0xe4, 0x61});  // in $0x60, %al; in $0x61, %al
  enter_user_mode();
  const auto table = [&](unsigned level) { return frame_of_pfn(1100 + level); };
  const Mfn page = frame_at(kCode);
  for (unsigned level = 4; level >= 1; --level) {
    const Mfn next = level == 1 ? page : table(level - 1);
    const uint64_t flags = entry::kPresent | entry::kUser | (level == 1 ? 0 : entry::kWritable);
    memory->store<uint64_t>(table(level).address() + entry::slot(kCode, level) * 8, entry::make(next, flags));
  }
  REQUIRE(mmuext(MMUEXT_NEW_USER_BASEPTR, table(4).value) == 0);
  tables().load_root(*domain);
  REQUIRE_FALSE(cpu->translate({bitmap}, Access::read).has_value());
  cpu->set_rip(kCode);
  exception(13, 0);
  CHECK(cpu->rip() == kCode + 2);
  CHECK_FALSE(domain->vcpu.kernel_mode);
  exception(13, 0);
  CHECK(cpu->rip() == 0x2000);
}

TEST_CASE_METHOD(Guest, "a device-not-available fault comes with TS clear") {
  call(__HYPERVISOR_fpu_taskswitch, 1);
  exception(7);
  CHECK(cpu->rip() == 0x4000);
  CHECK_FALSE(cpu->task_switched);
}

TEST_CASE_METHOD(Guest, "a hypercall leaves RCX and R11 as SYSCALL does") {
  cpu->set_general(Registers::rax, __HYPERVISOR_xen_version);
  cpu->set_general(Registers::rdi, XENVER_version);
  guest.handle_exit({.reason = ExitReason::hypercall});
  CHECK(cpu->general(Registers::rax) == 0x40011);
  CHECK(cpu->general(Registers::rcx) == kCode);
  CHECK(cpu->general(Registers::r11) == 0x246);
}

// A guest may run with selectors of its own, but it comes back from Xen with Xen's.
TEST_CASE_METHOD(Guest, "what returns by SYSRET has flat selectors") {
  Registers registers = cpu->registers();
  registers.cs = 0x13;
  registers.ss = 0x1b;
  registers.general[Registers::rax] = __HYPERVISOR_xen_version;
  registers.general[Registers::rdi] = XENVER_version;
  cpu->set_registers(registers);
  guest.handle_exit({.reason = ExitReason::hypercall});
  CHECK(cpu->registers().cs == 0xe033);
  CHECK(cpu->registers().ss == 0xe02b);
  CHECK(cpu->general(Registers::rax) == 0x40011);
  domain->vcpu.failsafe_callback = 0x7000;
  put(kStack, iret_context{.flags = VGCF_in_syscall,
                           .rip = 0x1234,
                           .cs = 0x10,
                           .rflags = 0x202,
                           .rsp = kStack + 0x800,
                           .ss = 0x18});
  cpu->set_general(Registers::rsp, kStack);
  call(__HYPERVISOR_iret);
  CHECK(cpu->rip() == 0x1234);
  CHECK(cpu->registers().cs == 0xe033);
  CHECK(cpu->registers().ss == 0xe02b);
  CHECK(cpu->general(Registers::rcx) == 0x1234);
}

TEST_CASE("CPUID hides what is not deterministic or not kept") {
  PvCpuEnvironment environment(2'000'000'000);
  const auto features = environment.cpuid(1, 0);
  CHECK((features.ecx & (1u << 3 | 1u << 5 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30)) == 0);
  CHECK((features.ecx >> 31) == 1);
  CHECK(environment.cpuid(7, 0).ebx == 0);
  CHECK(environment.cpuid(0x40000001, 0).eax == 0x40011);
  CHECK(environment.cpuid(0x40000003, 0).ecx == 2'000'000);
  CHECK(environment.time_stamp_counter(seconds(3)) == 6'000'000'000);
}
