#include "hv-model/pv/bounce.h"

#include <fmt/format.h>

#include <array>

#include "hv-model/hypercalls/call.h"
#include "hv-model/pv/descriptors.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"

namespace ringside {
namespace {

constexpr uint8_t kPageFault = 14;
constexpr uint32_t kUserError = 4;  // of a page fault's error code: raised in user mode
constexpr uint64_t kInterruptFlag = 0x200;
constexpr uint64_t kPrivilegeLevel = 0x3000;
// AC, VM, RF, NT and TF, which a handler starts without.
constexpr uint64_t kClearedFlags = 0x40000 | 0x20000 | 0x10000 | 0x4000 | 0x100;

constexpr std::array<const char*, 22> kVectorNames = {"divide error",
                                                      "debug",
                                                      "NMI",
                                                      "breakpoint",
                                                      "overflow",
                                                      "bound range",
                                                      "invalid opcode",
                                                      "device not available",
                                                      "double fault",
                                                      "coprocessor overrun",
                                                      "invalid TSS",
                                                      "segment not present",
                                                      "stack fault",
                                                      "general protection fault",
                                                      "page fault",
                                                      "spurious interrupt",
                                                      "x87 fault",
                                                      "alignment check",
                                                      "machine check",
                                                      "SIMD fault",
                                                      "virtualisation fault",
                                                      "control protection fault"};

std::string describe_exception(uint8_t vector, std::optional<uint32_t> error_code,
                               std::optional<GuestVirt> fault_address) {
  std::string text = vector < kVectorNames.size() ? kVectorNames[vector] : "interrupt";
  text += fmt::format(" (vector {}", vector);
  if (error_code) text += fmt::format(", error code {:#x}", *error_code);
  text += ")";
  if (fault_address) text += fmt::format(" at {:#x}", fault_address->value);
  return text;
}

// RFLAGS as the guest shall see them: IF tells whether events are unmasked, IOPL is Xen's business.
uint64_t virtual_flags(const Domain& domain, uint64_t rflags, bool was_masked) {
  uint64_t flags = rflags & ~(kInterruptFlag | kPrivilegeLevel);
  if (!was_masked) flags |= kInterruptFlag;
  if (domain.vm_assist >> VMASST_TYPE_architectural_iopl & 1) flags |= uint64_t{domain.vcpu.iopl} << 12;
  return flags;
}

// The frame in the order of ascending addresses.
struct Frame {
  std::array<uint64_t, 12> words{};
  size_t count = 0;
  void add(uint64_t word) { words[count++] = word; }
};

Frame make_frame(const Domain& domain, const Registers& registers, const TrapBounce& bounce, bool was_masked,
                 bool from_kernel) {
  Frame frame;
  frame.add(registers.general[Registers::rcx]);
  frame.add(registers.general[Registers::r11]);
  if (bounce.with_segments) {
    frame.add(registers.ds);
    frame.add(registers.es);
    frame.add(registers.fs);
    frame.add(registers.gs);
  }
  if (bounce.error_code) frame.add(*bounce.error_code);
  frame.add(registers.rip);
  const uint64_t cs = from_kernel ? registers.cs & ~uint64_t{3} : registers.cs;
  frame.add(cs | uint64_t{was_masked} << 32);
  frame.add(virtual_flags(domain, registers.rflags, was_masked));
  frame.add(registers.general[Registers::rsp]);
  frame.add(registers.ss);
  return frame;
}

bool crash(Domain& domain, const TrapBounce& bounce, const std::string& why) {
  domain.crash(fmt::format("{}: {}; {}", bounce.reason, why, describe_vcpu(domain)));
  return false;
}

}  // namespace

bool bounce_to_guest(Hypervisor& hypervisor, Domain& domain, const TrapBounce& bounce) {
  if (domain.end || !domain.cpu) return false;
  Cpu& cpu = *domain.cpu;
  if (bounce.address == 0) return crash(domain, bounce, "the guest has no handler for it");
  const bool from_kernel = domain.vcpu.kernel_mode;
  Registers registers = cpu.registers();
  uint64_t top = registers.general[Registers::rsp];
  if (!from_kernel) {
    toggle_guest_mode(hypervisor, domain);
    top = domain.vcpu.kernel_sp;
  }
  const bool was_masked = upcall_masked(hypervisor, domain);
  const Frame frame = make_frame(domain, registers, bounce, was_masked, from_kernel);
  const uint64_t bytes = frame.count * sizeof(uint64_t);
  const uint64_t bottom = (top & ~uint64_t{15}) - bytes;
  if (!domain.copy_to_guest({bottom}, frame.words.data(), bytes)) {
    return crash(domain, bounce,
                 fmt::format("its frame cannot be written to the kernel stack at {:#x}", bottom));
  }
  if (bounce.masks_events) set_upcall_masked(hypervisor, domain, true);
  registers.rip = bounce.address;
  registers.cs = FLAT_KERNEL_CS;
  registers.ss = FLAT_KERNEL_SS;
  registers.general[Registers::rsp] = bottom;
  registers.rflags &= ~kClearedFlags;
  if (!from_kernel) registers.gs_base = cpu.registers().gs_base;
  cpu.set_registers(registers);
  return true;
}

void inject_exception(Hypervisor& hypervisor, Domain& domain, uint8_t vector,
                      std::optional<uint32_t> error_code, std::optional<GuestVirt> fault_address) {
  if (vector == kPageFault && fault_address) {
    // Xen runs all of the guest at CPL 3; the guest's own idea of user mode goes into the error code.
    error_code = (error_code.value_or(0) & ~kUserError) | (domain.vcpu.kernel_mode ? 0 : kUserError);
    set_page_fault_address(hypervisor, domain, fault_address->value);
  }
  const TrapHandler& handler = domain.vcpu.traps[vector];
  bounce_to_guest(hypervisor, domain,
                  {.address = handler.address,
                   .masks_events = handler.masks_events,
                   .error_code = error_code,
                   .reason = describe_exception(vector, error_code, fault_address)});
}

void set_page_fault_address(Hypervisor& hypervisor, Domain& domain, uint64_t address) {
  domain.vcpu.page_fault_address = address;
  hypervisor.memory.write(vcpu_info_address(domain) + offsetof(vcpu_info, arch.cr2), &address,
                          sizeof address);
}

void bounce_failsafe(Hypervisor& hypervisor, Domain& domain) {
  bounce_to_guest(hypervisor, domain,
                  {.address = domain.vcpu.failsafe_callback,
                   .masks_events = domain.vcpu.failsafe_callback_masks,
                   .with_segments = true,
                   .reason = "failsafe callback after an iret to selectors that cannot be loaded"});
}

void toggle_guest_mode(Hypervisor& hypervisor, Domain& domain) {
  Vcpu& vcpu = domain.vcpu;
  if (!domain.cpu) return;
  const uint64_t live = domain.cpu->registers().gs_base;
  (vcpu.kernel_mode ? vcpu.gs_base_kernel : vcpu.gs_base_user) = live;
  vcpu.kernel_mode = !vcpu.kernel_mode;
  domain.cpu->set_gs_base(vcpu.kernel_mode ? vcpu.gs_base_kernel : vcpu.gs_base_user);
  hypervisor.page_tables.load_root(domain);
}

bool return_is_valid(Hypervisor& hypervisor, Domain& domain, const Registers& registers) {
  if (!is_canonical(registers.rip)) return false;
  if (registers.cs != FLAT_KERNEL_CS) {
    const auto code = find_descriptor(hypervisor, domain, registers.cs);
    if (!code) return false;
    if (!is_long_code_segment(*code)) {
      domain.notices.emit(NoticeKind::unimplemented, "iret", "return to 32-bit code");
      return false;
    }
  }
  if (registers.ss == FLAT_KERNEL_SS) return true;
  const auto stack = find_descriptor(hypervisor, domain, registers.ss);
  return stack && is_writable_data_segment(*stack);
}

std::string describe_vcpu(const Domain& domain) {
  if (!domain.cpu) return "no vCPU";
  constexpr std::array<const char*, 16> names = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  const Registers registers = domain.cpu->registers();
  std::string text =
      fmt::format("{} mode, rip {:#x}: ", domain.vcpu.kernel_mode ? "kernel" : "user", registers.rip);
  std::string instruction = domain.cpu->disassemble({registers.rip}, 1);
  while (!instruction.empty() && instruction.back() == '\n') instruction.pop_back();
  text += instruction.empty() ? "(not mapped)" : instruction;
  text += ';';
  for (size_t index = 0; index < names.size(); ++index) {
    text += fmt::format(" {}={:#x}", names[index], registers.general[index]);
  }
  return text + fmt::format(" rflags={:#x}", registers.rflags);
}

}  // namespace ringside
