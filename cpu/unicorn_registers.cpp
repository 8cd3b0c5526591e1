// Registers and state of the core.
#include <array>

#include "cpu/unicorn_cpu.h"
#include "cpu/unicorn_engine.h"
#include "cpu/unicorn_layout.h"
#include "sim/hash.h"

namespace ringside {
namespace {

// In the order of Registers::General.
constexpr std::array<int, 16> kGeneral = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                                          UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                                          UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                                          UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};

constexpr uint64_t kCr0TaskSwitched = 8;
// CF, PF, AF, ZF, SF, TF, IF, DF, OF, AC, ID. IOPL stays 0, VM and NT stay clear whatever the hypervisor
// keeps for its guest: with them the emulator would let the guest do more than CPL 3 may.
constexpr uint64_t kFlagsAllowed = 0x24'0fd5;
constexpr uint64_t kFlagsFixed = 0x2;

}  // namespace

uint64_t UnicornCpu::read(int reg) const {
  uint64_t value = 0;
  uc_reg_read(uc_, reg, &value);
  return value;
}

void UnicornCpu::write(int reg, uint64_t value) { uc_reg_write(uc_, reg, &value); }

uint64_t UnicornCpu::general(Registers::General which) const { return read(kGeneral[which]); }
void UnicornCpu::set_general(Registers::General which, uint64_t value) { write(kGeneral[which], value); }
uint64_t UnicornCpu::rip() const { return read(UC_X86_REG_RIP); }
void UnicornCpu::set_rip(uint64_t value) { write(UC_X86_REG_RIP, value); }
void UnicornCpu::set_fs_base(uint64_t value) { write(UC_X86_REG_FS_BASE, value); }
void UnicornCpu::set_gs_base(uint64_t value) { write(UC_X86_REG_GS_BASE, value); }

Registers UnicornCpu::registers() const {
  Registers registers;
  for (size_t i = 0; i < kGeneral.size(); ++i) registers.general[i] = read(kGeneral[i]);
  registers.rip = rip();
  registers.rflags = read(UC_X86_REG_RFLAGS);
  registers.cs = static_cast<uint16_t>(read(UC_X86_REG_CS));
  registers.ss = static_cast<uint16_t>(read(UC_X86_REG_SS));
  registers.ds = static_cast<uint16_t>(read(UC_X86_REG_DS));
  registers.es = static_cast<uint16_t>(read(UC_X86_REG_ES));
  registers.fs = static_cast<uint16_t>(read(UC_X86_REG_FS));
  registers.gs = static_cast<uint16_t>(read(UC_X86_REG_GS));
  registers.fs_base = read(UC_X86_REG_FS_BASE);
  registers.gs_base = read(UC_X86_REG_GS_BASE);
  return registers;
}

void UnicornCpu::set_flags(uint64_t value) {
  write(UC_X86_REG_RFLAGS, (value & kFlagsAllowed) | kFlagsFixed);
}

// FS and GS: the emulator would load a descriptor, which can fault, and nobody could be told. A null selector
// needs none; another one is kept by leaving the register as it is.
void UnicornCpu::set_data_selector(int reg, uint16_t value) {
  const bool loads = reg == UC_X86_REG_FS || reg == UC_X86_REG_GS;
  if (read(reg) == value || (loads && (value & 0xfffc) != 0)) return;
  write(reg, value);
}

void UnicornCpu::set_registers(const Registers& registers) {
  for (size_t i = 0; i < kGeneral.size(); ++i) write(kGeneral[i], registers.general[i]);
  // In 64-bit mode this changes what the guest reads, not its privilege.
  if (read(UC_X86_REG_CS) != registers.cs) write(UC_X86_REG_CS, registers.cs);
  if (read(UC_X86_REG_SS) != registers.ss) write(UC_X86_REG_SS, registers.ss);
  set_data_selector(UC_X86_REG_DS, registers.ds);
  set_data_selector(UC_X86_REG_ES, registers.es);
  set_data_selector(UC_X86_REG_FS, registers.fs);
  set_data_selector(UC_X86_REG_GS, registers.gs);
  set_fs_base(registers.fs_base);
  set_gs_base(registers.gs_base);
  set_flags(registers.rflags);
  set_rip(registers.rip);
}

void UnicornCpu::set_task_switched(bool on) {
  if (on == task_switched_) return;
  task_switched_ = on;
  const uint64_t cr0 = read(UC_X86_REG_CR0) & ~kCr0TaskSwitched;
  write(UC_X86_REG_CR0, on ? cr0 | kCr0TaskSwitched : cr0);
}

void UnicornCpu::visit_state(StateVisitor& visitor) const {
  visit_registers(registers(), visitor);
  visitor.number("cr3", root_.value);
  visitor.number("cr0_ts", task_switched_);
  visit_float_registers(uc_, visitor);
  // What the guest's processor holds decides what it sees of a table that changed without a flush.
  uint64_t held = 0;
  translations_.for_each([&](const Translation& entry) {
    held = hash_mix(held, entry.virtual_page);
    held = hash_mix(held, entry.frame.value << 4 | entry.writable << 2 | entry.executable << 1 | entry.dirty);
  });
  visitor.number("translations", held);
  visitor.number("code_pages", code_pages_.digest());
  visitor.number("judged_at", judged_at_.ps);
}

}  // namespace ringside
