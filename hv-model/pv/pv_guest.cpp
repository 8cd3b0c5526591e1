// What happens between a PV guest's exit and its next instruction (xen/arch/x86/traps.c, pv/traps.c, mm.c
// fixup_page_fault, x86_64/entry.S).
#include "hv-model/pv/pv_guest.h"

#include <fmt/format.h>

#include "hv-model/pv/bounce.h"
#include "hv-model/pv/emulate.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"

namespace ringside {
namespace {

enum Vector : uint8_t {
  debug = 1,
  nmi = 2,
  breakpoint = 3,
  overflow = 4,
  invalid_opcode = 6,
  no_device = 7,
  general_protection = 13,
  page_fault = 14
};

constexpr uint32_t kFaultPresent = 1, kFaultWrite = 2, kFaultReserved = 8, kFaultFetch = 16;
constexpr uint32_t kSelectorIsIdt = 2;  // of an error code: the selector names an entry of the IDT
constexpr uint64_t kTrapFlag = 0x100, kDirectionFlag = 0x400;
constexpr uint64_t kSingleStep = 0x4000;  // DR6.BS

// Xen calibrates once a second, and writes vcpu_time_info then.
constexpr Tick kTimeUpdatePeriod = seconds(1);

bool has_error_code(uint8_t vector) {
  return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

}  // namespace

PvGuest::PvGuest(Hypervisor& hypervisor, Domain& domain) : hypervisor_(hypervisor), domain_(domain) {}
PvGuest::~PvGuest() = default;

bool PvGuest::runnable() const {
  return !domain_.end && domain_.vcpu.up && !domain_.vcpu.blocked && !domain_.vcpu.polling;
}

void PvGuest::prepare_to_run() {
  if (!runnable()) return;
  Vcpu& vcpu = domain_.vcpu;
  if (vcpu.time_updated == Tick::never() || hypervisor_.clock.now - vcpu.time_updated >= kTimeUpdatePeriod) {
    hypervisor_.update_time(domain_);
  }
  if (vcpu.time_area_stale && vcpu.kernel_mode) hypervisor_.update_time(domain_);
  if (vcpu.runstate_stale) write_runstate(domain_);
  if (vcpu.nmi_pending && !vcpu.nmi_in_handler) {
    vcpu.nmi_pending = false;
    // Without a handler it is lost, as in Xen.
    if (vcpu.traps[nmi].address != 0) {
      vcpu.nmi_in_handler = true;
      inject_exception(hypervisor_, domain_, nmi);
    }
  }
  if (events_need_delivery(hypervisor_, domain_)) {
    bounce_to_guest(hypervisor_, domain_,
                    {.address = vcpu.event_callback, .masks_events = true, .reason = "event upcall"});
  }
}

void PvGuest::handle_exit(const Exit& exit) {
  if (domain_.end) return;
  switch (exit.reason) {
    case ExitReason::deadline:
    case ExitReason::breakpoint:
    case ExitReason::stepped:
    case ExitReason::stop_requested: return;
    case ExitReason::hypercall: return system_call();
    case ExitReason::exception:
      domain_.cpu->charge(domain_.cpu->exit_cost(exit.reason));
      return exception(exit);
    case ExitReason::invalid_opcode:
      domain_.cpu->charge(domain_.cpu->exit_cost(exit.reason));
      if (!emulate_forced_prefix(hypervisor_, domain_))
        inject_exception(hypervisor_, domain_, invalid_opcode);
      return;
    case ExitReason::halt:
    case ExitReason::port_io:
      // At CPL 3 these fault before they act; a core that lets one through did not run a PV guest.
      domain_.crash(fmt::format("the core let a PV guest execute {}; {}",
                                exit.reason == ExitReason::halt ? "HLT" : "IN or OUT",
                                describe_vcpu(domain_)));
      return;
    case ExitReason::shutdown:
    case ExitReason::broken:
      domain_.crash(fmt::format("the core refused to go on: {}; {}", exit.detail, describe_vcpu(domain_)));
      return;
  }
}

// SYSCALL: from the guest's kernel a hypercall, from its user mode a system call to that kernel.
void PvGuest::system_call() {
  Cpu& cpu = *domain_.cpu;
  if (!domain_.vcpu.kernel_mode) return user_system_call();
  const Registers registers = cpu.registers();
  const auto& general = registers.general;
  // SYSCALL itself leaves the return address and RFLAGS in these two. A hypercall that sets all registers
  // (iret, a continuation) comes later and wins.
  cpu.set_general(Registers::rcx, registers.rip);
  cpu.set_general(Registers::r11, registers.rflags);
  const auto result =
      hypervisor_.hypercall(domain_, general[Registers::rax],
                            {general[Registers::rdi], general[Registers::rsi], general[Registers::rdx],
                             general[Registers::r10], general[Registers::r8], general[Registers::r9]});
  if (!result.writes_rax || domain_.end) return;
  cpu.set_general(Registers::rax, static_cast<uint64_t>(result.value));
  // Xen returns by SYSRET, which loads its own flat selectors.
  if (registers.cs == FLAT_KERNEL_CS && registers.ss == FLAT_KERNEL_SS) return;
  Registers returned = cpu.registers();
  returned.cs = FLAT_KERNEL_CS;
  returned.ss = FLAT_KERNEL_SS;
  cpu.set_registers(returned);
}

void PvGuest::user_system_call() {
  Cpu& cpu = *domain_.cpu;
  cpu.charge(cpu.exit_cost(ExitReason::hypercall));
  Registers registers = cpu.registers();
  if (domain_.vcpu.syscall_callback == 0) {
    // Xen since 4.15: as if the guest's processor had no SYSCALL.
    cpu.set_rip(registers.rip - 2);
    return inject_exception(hypervisor_, domain_, invalid_opcode);
  }
  registers.general[Registers::rcx] = registers.rip;
  registers.general[Registers::r11] = registers.rflags;
  registers.cs = FLAT_USER_CS64;
  registers.ss = FLAT_USER_SS64;
  cpu.set_registers(registers);
  if (!bounce_to_guest(hypervisor_, domain_,
                       {.address = domain_.vcpu.syscall_callback,
                        .masks_events = domain_.vcpu.syscall_callback_masks,
                        .reason = "system call"})) {
    return;
  }
  Registers entered = cpu.registers();
  entered.rflags &= ~kDirectionFlag;
  cpu.set_registers(entered);
}

void PvGuest::exception(const Exit& exit) {
  if (exit.software) return software_interrupt(exit.vector);
  std::optional<uint32_t> error_code;
  if (has_error_code(exit.vector)) error_code = exit.error_code.value_or(0);
  switch (exit.vector) {
    case page_fault: return handle_page_fault(exit);
    case general_protection:
      if (*error_code == 0 && emulate_privileged(hypervisor_, domain_)) return;
      break;
    case invalid_opcode:
      if (emulate_forced_prefix(hypervisor_, domain_)) return;
      break;
    case debug:
      // A single step; there are no other sources but ICEBP, which sets nothing.
      if (domain_.cpu->registers().rflags & kTrapFlag) domain_.vcpu.debug_registers[6] |= kSingleStep;
      break;
    case no_device:
      // Xen restores the FPU and clears TS before it tells the guest.
      domain_.vcpu.task_switched = false;
      domain_.cpu->set_task_switched(false);
      break;
    default: break;
  }
  inject_exception(hypervisor_, domain_, exit.vector, error_code);
}

// INT n, INT3 and INTO; rip is behind the instruction. The gates of Xen's own IDT for 3 and 4 are open to CPL
// 3; all others fault, and Xen looks up whether the guest would have let it pass.
void PvGuest::software_interrupt(uint8_t vector) {
  const bool open = vector == breakpoint || vector == overflow;
  const unsigned needed = domain_.vcpu.kernel_mode ? 1 : 3;
  if (open || domain_.vcpu.traps[vector].dpl >= needed) return inject_exception(hypervisor_, domain_, vector);
  domain_.cpu->set_rip(domain_.cpu->rip() - 2);
  inject_exception(hypervisor_, domain_, general_protection, uint32_t{vector} * 8 + kSelectorIsIdt);
}

void PvGuest::handle_page_fault(const Exit& exit) {
  const uint32_t error = exit.error_code.value_or(0);
  const GuestVirt address = exit.fault_address;
  const bool xens_own = address.value >= HYPERVISOR_VIRT_START && address.value < HYPERVISOR_VIRT_END;
  if (!xens_own && (error & kFaultReserved) == 0) {
    const bool write_to_present =
        (error & (kFaultPresent | kFaultWrite | kFaultFetch)) == (kFaultPresent | kFaultWrite);
    if (write_to_present && domain_.vcpu.kernel_mode &&
        hypervisor_.page_tables.emulate_page_table_write(domain_, address)) {
      return;
    }
    const Access access = error & kFaultFetch   ? Access::fetch
                          : error & kFaultWrite ? Access::write
                                                : Access::read;
    if (domain_.cpu->translate(address, access)) {
      // Spurious: the tables allow it by now, and a stale translation was used.
      domain_.cpu->flush_translation({address.value & ~(kPageSize - 1)});
      return;
    }
  }
  inject_exception(hypervisor_, domain_, page_fault, error, address);
}

}  // namespace ringside
