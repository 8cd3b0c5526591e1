// HYPERVISOR_iret, 64-bit (xen/arch/x86/pv/iret.c): the only way of a PV kernel back to its user mode, and
// back from a trap with events unmasked at the same moment.
#include <fmt/format.h>

#include "hv-model/hypercalls/call.h"
#include "hv-model/pv/bounce.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"

namespace ringside {
namespace {

constexpr uint64_t kInterruptFlag = 0x200;
constexpr uint64_t kPrivilegeLevel = 0x3000;  // RFLAGS.IOPL
constexpr uint64_t kVirtual8086 = 0x20000;
constexpr uint64_t kSettableFlags = 0x3f7fd7;  // what RFLAGS has, reserved bits apart

}  // namespace

int64_t hypercall_iret(HypercallInProgress& call) {
  Hypervisor& hypervisor = call.hypervisor;
  Domain& domain = call.domain;
  call.writes_rax = false;
  if (!domain.cpu) return 0;
  Registers registers = domain.cpu->registers();
  iret_context frame{};
  if (!call.read(frame, {registers.general[Registers::rsp]})) {
    domain.crash(fmt::format("iret: the frame at {:#x} cannot be read; {}", registers.general[Registers::rsp],
                             describe_vcpu(domain)));
    return 0;
  }
  if ((frame.cs & 3) == 3) {
    if (domain.vcpu.user_root.value == 0) {
      domain.crash("iret to user mode, but there are no user page tables; " + describe_vcpu(domain));
      return 0;
    }
    toggle_guest_mode(hypervisor, domain);
    registers.gs_base = domain.cpu->registers().gs_base;
  }
  if (domain.vm_assist >> VMASST_TYPE_architectural_iopl & 1) {
    domain.vcpu.iopl = static_cast<uint8_t>((frame.rflags & kPrivilegeLevel) >> 12);
  }
  registers.rip = frame.rip;
  registers.cs = static_cast<uint16_t>(frame.cs | 3);
  registers.ss = static_cast<uint16_t>(frame.ss | 3);
  registers.rflags =
      (frame.rflags & kSettableFlags & ~(kPrivilegeLevel | kVirtual8086)) | kInterruptFlag | 0x2;
  registers.general[Registers::rsp] = frame.rsp;
  registers.general[Registers::rax] = frame.rax;
  if (frame.flags & VGCF_in_syscall) {
    // SYSRET takes both from these registers, so that they hold them afterwards.
    registers.general[Registers::rcx] = registers.rip;
    registers.general[Registers::r11] = registers.rflags;
    // And it loads Xen's flat selectors, whatever the frame says, unless it returns to 32-bit code, or cannot
    // be used (x86_64/entry.S, restore_all_guest).
    if (registers.cs != FLAT_USER_CS32 && is_canonical(registers.rip)) {
      registers.cs = FLAT_USER_CS64;
      registers.ss = FLAT_USER_SS64;
    }
  } else {
    registers.general[Registers::rcx] = frame.rcx;
    registers.general[Registers::r11] = frame.r11;
  }
  domain.vcpu.nmi_in_handler = false;
  domain.cpu->set_registers(registers);
  set_upcall_masked(hypervisor, domain, (frame.rflags & kInterruptFlag) == 0);
  if (!return_is_valid(hypervisor, domain, registers)) bounce_failsafe(hypervisor, domain);
  return 0;
}

}  // namespace ringside
