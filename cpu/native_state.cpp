// Registers and state of the whole processor, the guest's address space for the host, and flushes.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cpu/listing.h"
#include "cpu/native_layout.h"
#include "cpu/unicorn_engine.h"
#include "cpu/unicorn_native.h"
#include "cpu/virtual_access.h"
#include "sim/hash.h"

namespace ringside {
namespace {

// In the order of Registers::General.
constexpr std::array<int, 16> kGeneral = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                                          UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                                          UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                                          UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
constexpr std::array<int, 5> kDebug = {UC_X86_REG_DR0, UC_X86_REG_DR1, UC_X86_REG_DR2, UC_X86_REG_DR3,
                                       UC_X86_REG_DR6};
constexpr uint64_t kTaskSwitched = 8;

}  // namespace

// --- Registers ---

uc_x86_mmr NativeUnicornCpu::read_table(int reg) const {
  uc_x86_mmr table{};
  uc_reg_read(uc_, reg, &table);
  return table;
}

uint64_t NativeUnicornCpu::general(Registers::General which) const { return read(kGeneral[which]); }
void NativeUnicornCpu::set_general(Registers::General which, uint64_t value) {
  write(kGeneral[which], value);
}

// Somebody moved the guest: what was cut or reported is no more.
void NativeUnicornCpu::set_rip(uint64_t value) {
  write(UC_X86_REG_RIP, value);
  partial_ = {};
  reported_breakpoint_.reset();
  halted_ = false;
}

Registers NativeUnicornCpu::registers() const {
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

// Segment selectors are not changed: that would take a descriptor, a privilege and perhaps a fault.
void NativeUnicornCpu::set_registers(const Registers& registers) {
  for (size_t i = 0; i < kGeneral.size(); ++i) write(kGeneral[i], registers.general[i]);
  set_fs_base(registers.fs_base);
  set_gs_base(registers.gs_base);
  write(UC_X86_REG_RFLAGS, (registers.rflags & 0x3f'7fd5) | 2);
  set_rip(registers.rip);
}

SystemRegisters NativeUnicornCpu::system_registers() const {
  SystemRegisters out;
  const auto table = [&](int reg) {
    const uc_x86_mmr value = read_table(reg);
    return SystemRegisters::Table{value.base, value.limit, value.selector};
  };
  out.cr0 = cr0_;
  out.cr2 = read(UC_X86_REG_CR2);
  out.cr3 = paging_.root.value;
  out.cr4 = cr4_;
  out.cr8 = environment_.task_priority();
  out.efer = efer_;
  out.gdtr = table(UC_X86_REG_GDTR);
  out.idtr = table(UC_X86_REG_IDTR);
  out.ldtr = table(UC_X86_REG_LDTR);
  out.tr = table(UC_X86_REG_TR);
  for (size_t i = 0; i < kDebug.size(); ++i) out.debug[i < 4 ? i : i + 2] = read(kDebug[i]);
  out.debug[7] = dr7_;
  out.kernel_gs_base = host_read_msr(msr::kernel_gs_base);
  out.star = star_;
  out.lstar = lstar_;
  out.cstar = cstar_;
  out.sfmask = sfmask_;
  out.privilege = static_cast<uint8_t>(privilege());
  return out;
}

void NativeUnicornCpu::set_page_table_root(GuestPhys root) { write_cr3(root.value); }

void NativeUnicornCpu::set_task_switched(bool on) {
  write_cr0(on ? cr0_ | kTaskSwitched : cr0_ & ~kTaskSwitched);
}

void NativeUnicornCpu::visit_state(StateVisitor& visitor) const {
  static constexpr std::array<const char*, 5> kDebugNames = {"dr0", "dr1", "dr2", "dr3", "dr6"};
  visit_registers(registers(), visitor);
  visitor.number("cr0", cr0_);
  visitor.number("cr2", read(UC_X86_REG_CR2));
  visitor.number("cr3", paging_.root.value);
  visitor.number("cr4", cr4_);
  visitor.number("efer", efer_);
  for (size_t i = 0; i < kDebug.size(); ++i) visitor.number(kDebugNames[i], read(kDebug[i]));
  const auto table = [&](const char* name, int reg) {
    const uc_x86_mmr value = read_table(reg);
    visitor.number(name, hash_mix(hash_mix(value.base, value.limit), value.selector));
  };
  table("gdtr", UC_X86_REG_GDTR);
  table("idtr", UC_X86_REG_IDTR);
  table("ldtr", UC_X86_REG_LDTR);
  table("tr", UC_X86_REG_TR);
  visitor.number("kernel_gs_base", host_read_msr(msr::kernel_gs_base));
  visitor.number("star", star_);
  visitor.number("lstar", lstar_);
  visitor.number("cstar", cstar_);
  visitor.number("sfmask", sfmask_);
  visitor.number("sysenter_cs", sysenter_cs_);
  visitor.number("sysenter_esp", sysenter_esp_);
  visitor.number("sysenter_eip", sysenter_eip_);
  visitor.number("dr7", dr7_);
  visitor.number("pat", pat_);
  visitor.number("tsc_aux", tsc_aux_);
  msrs_.visit_state(visitor);
  visitor.number("halted", halted_);
  visitor.number("interrupt_shadow", shadow_);
  visitor.number("interrupt_line", interrupt_line_);
  visitor.number("request_has_gone", request_has_gone_);
  visitor.number("nmi_pending", nmi_pending_);
  visitor.number("nmi_blocked", nmi_blocked_);
  visitor.text("shutdown", shutdown_);
  visitor.number("known_base", known_base_);
  visitor.number("known_selector", known_selector_);
  visitor.number("spin_address", spin_.address);
  visitor.number("spin_since", spin_.since.ps);
  visitor.number("spin_instructions", spin_.instructions);
  visitor.number("cut_block", partial_.active ? partial_.address : 0);
  visit_float_registers(uc_, visitor);
  // What the guest's processor holds decides what it sees of a table that changed without a flush.
  uint64_t held = 0;
  const auto mix = [&](const Translation& entry) {
    held = hash_mix(held, entry.virtual_page);
    held = hash_mix(held, entry.frame.value << 5 | entry.user << 4 | entry.global << 3 | entry.writable << 2 |
                              entry.executable << 1 | entry.dirty);
  };
  translations_.for_each(mix);
  global_translations_.for_each(mix);
  visitor.number("translations", held);
  visitor.number("judged_at", judged_at_.ps);
  visitor.number("code_pages", code_pages_.digest());
}

// --- The guest's address space, for the host ---

std::optional<GuestPhys> NativeUnicornCpu::peek_page(uint64_t linear) const {
  if (!paging_.long_mode) {
    linear = static_cast<uint32_t>(linear);
  } else if (!is_canonical(linear)) {
    return std::nullopt;
  }
  if (!paging_.paging) return GuestPhys{linear & ~(kPageSize - 1)};
  if (const Translation* held = find_translation({linear})) return held->frame.address();
  const auto walk = walk_native(const_cast<PhysicalMap&>(map_), paging_, {linear}, {}, WalkEffect::none);
  if (!walk) return std::nullopt;
  return walk->frame.address();
}

size_t NativeUnicornCpu::peek(uint64_t linear, uint8_t* into, size_t length) const {
  size_t done = 0;
  while (done < length) {
    const auto page = peek_page(linear + done);
    if (!page) break;
    const uint64_t offset = (linear + done) & (kPageSize - 1);
    const size_t piece = std::min<size_t>(length - done, kPageSize - offset);
    map_.read(*page + offset, into + done, piece);
    done += piece;
  }
  return done;
}

tl::expected<GuestPhys, PageFault> NativeUnicornCpu::translate(GuestVirt address, Access access) {
  const PageAccess wanted{access, is_user()};
  const auto fault = [&](uint32_t code) { return tl::unexpected(PageFault{address, code}); };
  if (!paging_.long_mode) address = {static_cast<uint32_t>(address.value)};
  // DEVIATES: APM volume 2, 5.3.1 - a non-canonical address is a general protection fault; here it is told as
  // a page that is not present, since the caller is not the guest.
  if (paging_.long_mode && !is_canonical(address.value)) return fault(page_fault_code_of(paging_, wanted));
  const auto translation = translation_for(address, wanted);
  if (!translation) return fault(translation.error());
  return translation->frame.address() + address.page_offset();
}

tl::expected<void, PageFault> NativeUnicornCpu::read_virtual(GuestVirt address, void* into, uint64_t length) {
  auto* bytes = static_cast<uint8_t*>(into);
  return for_each_translated(*this, address, length, Access::read, [&](GuestPhys at, uint64_t part) {
    map_.read(at, bytes, part);
    bytes += part;
  });
}

tl::expected<void, PageFault> NativeUnicornCpu::write_virtual(GuestVirt address, const void* from,
                                                              uint64_t length) {
  const auto* bytes = static_cast<const uint8_t*>(from);
  return for_each_translated(*this, address, length, Access::write, [&](GuestPhys at, uint64_t part) {
    map_.write(at, bytes, part);
    bytes += part;
  });
}

std::string NativeUnicornCpu::disassemble(GuestVirt address, unsigned count) {
  const auto bytes = [this](uint64_t at, uint8_t* into, size_t length) { return peek(at, into, length); };
  return list_instructions(disassembler_, bytes, address.value, count, code_mode().width);
}

// --- Flushes ---

// Outside of a run the emulator's own flush, the dear part, waits for the next one.
void NativeUnicornCpu::forget_emulator_tlb() {
  blocks_.new_mapping();
  flush_emulator();
}

void NativeUnicornCpu::flush_emulator() {
  if (in_emulator_) {
    uc_ctl_flush_tlb(uc_);
  } else {
    emulator_is_stale_ = true;
  }
  changeables_ = 0;
  if (++emulator_life_ != 0) return;
  std::fill(written_.begin(), written_.end(), Written{});
  emulator_life_ = 1;
}

// There is no call for it, so INVLPG is executed: not by the guest, where it would be intercepted.
void NativeUnicornCpu::flush_emulator_page(uint64_t address) {
  using namespace native_layout;
  uc_context_save(uc_, guest_);
  uc_context_restore(uc_, pristine_);
  write(UC_X86_REG_RAX, address);
  write(UC_X86_REG_RCX, kFlush);
  in_stub_ = true;
  uc_emu_start(uc_, kFlush + kFlushOffset, 0, 0, 0);
  in_stub_ = false;
  pending_ = {};
  uc_context_restore(uc_, guest_);
}

void NativeUnicornCpu::flush_changeable() {
  if (changeables_ > kChangeableMax || in_emulator_) return flush_emulator();
  for (size_t i = 0; i < changeables_; ++i) {
    const Changeable& page = changeable_[i];
    flush_emulator_page(page.address);
    if (!map_.is_ram(page.frame.address())) continue;
    Written& written = written_[memory_.index_of(page.frame)];
    if (written.sole && written.address == page.address) written = {};
  }
  changeables_ = 0;
}

void NativeUnicornCpu::judge_frames() {
  judged_at_ = clock_.now;
  if (!code_pages_.reconsider_mixed(judged_at_)) return;
  forget_emulator_tlb();
  blocks_.new_epoch();
}

uc_err NativeUnicornCpu::run_emulator(uint64_t from) {
  if (emulator_is_stale_) uc_ctl_flush_tlb(uc_);
  emulator_is_stale_ = false;
  in_emulator_ = true;
  const uc_err error = uc_emu_start(uc_, from, 0, 0, 0);
  in_emulator_ = false;
  return error;
}

void NativeUnicornCpu::flush_translations() {
  translations_.flush();
  global_translations_.flush();
  forget_emulator_tlb();
}

void NativeUnicornCpu::flush_translation(GuestVirt page) {
  translations_.flush(page);
  global_translations_.flush(page);
  forget_emulator_tlb();
}

}  // namespace ringside
