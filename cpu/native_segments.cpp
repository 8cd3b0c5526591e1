// Segments: where code lies, what descriptors say, and the state that only VMRUN reads and loads. AMD64
// Architecture Programmer's Manual volume 2 (revision 3.38), 15.5 "VMRUN instruction" and appendix B "VMCB
// Layout".
#include <array>
#include <cstring>

#include "cpu/native_layout.h"
#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

using namespace native_layout;

constexpr uint64_t kEferSvm = 1 << 12, kEferLong = 1 << 8 | 1 << 10;
constexpr uint64_t kVirtual8086 = 1 << 17;

// Offsets in the VMCB's save area.
constexpr size_t kSave = 0x400;
enum SaveArea : size_t {
  kEs = 0x00,
  kCs = 0x10,
  kSs = 0x20,
  kDs = 0x30,
  kFs = 0x40,
  kGs = 0x50,
  kGdtr = 0x60,
  kLdtr = 0x70,
  kIdtr = 0x80,
  kTr = 0x90,
  kCpl = 0xcb,
  kEfer = 0xd0,
  kCr4 = 0x148,
  kCr3 = 0x150,
  kCr0 = 0x158,
  kDr7 = 0x160,
  kDr6 = 0x168,
  kRflags = 0x170,
  kRip = 0x178,
  kRsp = 0x1d8,
  kRax = 0x1f8,
  kStar = 0x200,
  kLstar = 0x208,
  kCstar = 0x210,
  kSfmask = 0x218,
  kKernelGs = 0x220,
  kSysenterCs = 0x228,
  kSysenterEsp = 0x230,
  kSysenterEip = 0x238,
  kCr2 = 0x240,
};

// An SVM intercept, numbered as its exit code (APM volume 2, appendix C).
constexpr uint64_t intercept(unsigned exit_code) { return 1ull << (exit_code - 0x60); }

class Vmcb {
 public:
  explicit Vmcb(uint8_t* page) : page_(page) {}
  template <class T>
  void control(size_t offset, T value) {
    std::memcpy(page_ + offset, &value, sizeof value);
  }
  template <class T>
  void set(SaveArea offset, T value) {
    std::memcpy(page_ + kSave + offset, &value, sizeof value);
  }
  template <class T>
  T get(size_t offset) const {
    T value;
    std::memcpy(&value, page_ + kSave + offset, sizeof value);
    return value;
  }
  void set(SaveArea offset, const Segment& segment) {
    control(kSave + offset, segment.selector);
    control(kSave + offset + 2, segment.attributes);
    control(kSave + offset + 4, segment.limit);
    control(kSave + offset + 8, segment.base);
  }
  Segment segment(size_t offset) const {
    return {get<uint16_t>(offset), get<uint16_t>(offset + 2), get<uint32_t>(offset + 4),
            get<uint64_t>(offset + 8)};
  }

 private:
  uint8_t* page_;
};

void set_controls(Vmcb& vmcb) {
  constexpr uint16_t kReadCr38 = 1 << 3 | 1 << 8, kWriteCr0348 = 1 << 0 | 1 << 3 | 1 << 4 | 1 << 8;
  vmcb.control<uint16_t>(0x000, kReadCr38);
  vmcb.control<uint16_t>(0x002, kWriteCr0348);
  constexpr uint16_t kDr7 = 1 << 7;
  vmcb.control<uint16_t>(0x004, kDr7);
  vmcb.control<uint16_t>(0x006, kDr7);
  vmcb.control<uint32_t>(0x008, ~(1u << 14));  // exceptions; the TLB hook raises #PF
  // INT n, HLT, INVLPG, MSRs.
  vmcb.control<uint64_t>(0x00c, intercept(0x75) | intercept(0x78) | intercept(0x79) | intercept(0x7c));
  vmcb.control<uint64_t>(0x048, kPrivate + kMsrPage * kPageSize);
  vmcb.control<uint32_t>(0x058, 1);  // ASID
}

}  // namespace

// --- What lies where ---

bool NativeUnicornCpu::in_virtual_8086() const {
  return (cr0_ & 1) && !paging_.long_mode && (read(UC_X86_REG_RFLAGS) & kVirtual8086);
}

unsigned NativeUnicornCpu::privilege() const {
  if (!(cr0_ & 1)) return 0;
  return in_virtual_8086() ? 3 : read(UC_X86_REG_CS) & 3;
}

std::optional<Descriptor> NativeUnicornCpu::peek_descriptor(uint16_t selector) const {
  const uc_x86_mmr table = read_table(selector & 4 ? UC_X86_REG_LDTR : UC_X86_REG_GDTR);
  Descriptor descriptor;
  if ((selector & 0xfffc) == 0 || (selector | 7u) > table.limit) return std::nullopt;
  if (peek(table.base + (selector & 0xfff8), reinterpret_cast<uint8_t*>(&descriptor.bits), 8) != 8) {
    return std::nullopt;
  }
  return descriptor;
}

NativeUnicornCpu::CodeMode NativeUnicornCpu::code_mode() const {
  const auto selector = static_cast<uint16_t>(read(UC_X86_REG_CS));
  if (!(cr0_ & 1) || in_virtual_8086()) {
    const bool known = selector == known_selector_ && !in_virtual_8086();
    return {CodeWidth::bits_16, known ? known_base_ : uint64_t{selector} << 4};
  }
  // CS never holds what is no code: a descriptor that is none was changed behind it.
  const auto descriptor = peek_descriptor(selector);
  if (!descriptor || !descriptor->is_code())
    return {paging_.long_mode ? CodeWidth::bits_64 : CodeWidth::bits_32, 0};
  if (paging_.long_mode && descriptor->is_long()) return {CodeWidth::bits_64, 0};
  return {descriptor->is_big() ? CodeWidth::bits_32 : CodeWidth::bits_16, descriptor->base()};
}

// By the base that the block had which runs: a descriptor may have changed since CS was loaded, and in the
// instructions behind a switch of mode CS is no descriptor's at all.
uint64_t NativeUnicornCpu::linear(uint64_t rip) const {
  if (current_.block != nullptr) {
    const uint64_t at = current_.block->base + rip;
    if (at - current_.address <= current_.size) return at;
  }
  const CodeMode mode = code_mode();
  return mode.width == CodeWidth::bits_64 ? rip : static_cast<uint32_t>(mode.base + rip);
}

uint64_t NativeUnicornCpu::segment_base(const MemoryOperand& operand) const {
  if (operand.segment == MemoryOperand::Segment::fs) return read(UC_X86_REG_FS_BASE);
  if (operand.segment == MemoryOperand::Segment::gs) return read(UC_X86_REG_GS_BASE);
  const CodeWidth width = current_.block != nullptr ? current_.block->width : code_mode().width;
  if (width == CodeWidth::bits_64) return 0;
  int reg = UC_X86_REG_DS;
  if (operand.implied == MemoryOperand::Implied::es) reg = UC_X86_REG_ES;
  if (operand.implied == MemoryOperand::Implied::ss) reg = UC_X86_REG_SS;
  if (operand.implied == MemoryOperand::Implied::cs) reg = UC_X86_REG_CS;
  const auto selector = static_cast<uint16_t>(read(reg));
  if (!(cr0_ & 1) || in_virtual_8086()) return uint64_t{selector} << 4;
  const auto descriptor = peek_descriptor(selector);
  return descriptor ? descriptor->base() : 0;
}

uint64_t NativeUnicornCpu::linear_address(const MemoryOperand& operand, const Registers& registers,
                                          uint64_t next_rip) const {
  MemoryOperand flat = operand;
  flat.segment = MemoryOperand::Segment::flat;
  const uint64_t address = segment_base(operand) + effective_address(flat, registers, next_rip);
  return paging_.long_mode ? address : static_cast<uint32_t>(address);
}

// --- VMRUN ---

void NativeUnicornCpu::run_stub(std::initializer_list<uint8_t> code, uint64_t vmcb_page, uint64_t base) {
  std::copy(code.begin(), code.end(), private_pages_ + kStubPage * kPageSize);
  in_stub_ = true;
  uc_ctl_flush_tlb(uc_);
  host_write_msr(msr::efer, host_read_msr(msr::efer) | kEferSvm);
  write(UC_X86_REG_RAX, kPrivate + vmcb_page * kPageSize);
  // Ends where the state that was loaded goes on, since nothing but the stub can be fetched.
  uc_emu_start(uc_, kStub - base, 0, 0, 0);
  in_stub_ = false;
  pending_ = {};
  uc_ctl_flush_tlb(uc_);
}

NativeUnicornCpu::MachineState NativeUnicornCpu::capture_state() {
  MachineState state;
  state.rip = rip();
  state.rsp = read(UC_X86_REG_RSP);
  state.rax = read(UC_X86_REG_RAX);
  state.rflags = read(UC_X86_REG_RFLAGS);
  state.cr0 = cr0_;
  state.cr2 = read(UC_X86_REG_CR2);
  state.cr3 = paging_.root.value;
  state.cr4 = cr4_;
  state.efer = efer_;
  state.dr6 = read(UC_X86_REG_DR6);
  const unsigned cpl = privilege();
  const CodeMode mode = code_mode();
  const bool real = !(cr0_ & 1) || in_virtual_8086();
  const auto stack_selector = static_cast<uint16_t>(read(UC_X86_REG_SS));
  Segment stack = Segment::real(stack_selector, 0xf3);
  if (!real) {
    const auto descriptor = peek_descriptor(stack_selector);
    stack = descriptor ? Segment::from(stack_selector, *descriptor)
                       : Segment{stack_selector, static_cast<uint16_t>(0xc93 | cpl << 5), ~0u, 0};
  }
  write(UC_X86_REG_RFLAGS, 2);
  if (!(cr0_ & 1)) write(UC_X86_REG_CR0, (cr0_ & ~0x8000'0000ull) | 1);
  // The way to CPL 0 costs the hidden part of SS, which is then its descriptor's.
  if (cpl == 3) raise_privilege();
  run_stub({0x0f, 0x01, 0xdb, 0x0f, 0x01, 0xd8}, kFlatPage, mode.base);  // VMSAVE, VMRUN
  const Vmcb host(private_pages_ + kHostPage * kPageSize), saved(private_pages_ + kFlatPage * kPageSize);
  state.es = host.segment(kEs);
  state.cs = host.segment(kCs);
  state.ss = cpl == 3 ? stack : host.segment(kSs);
  state.ds = host.segment(kDs);
  state.fs = saved.segment(kFs);
  state.gs = saved.segment(kGs);
  state.ldtr = saved.segment(kLdtr);
  state.tr = saved.segment(kTr);
  state.gdtr = {0, 0, host.get<uint32_t>(kGdtr + 4), host.get<uint64_t>(kGdtr + 8)};
  state.idtr = {0, 0, host.get<uint32_t>(kIdtr + 4), host.get<uint64_t>(kIdtr + 8)};
  state.kernel_gs_base = saved.get<uint64_t>(kKernelGs);
  current_ = {};
  return state;
}

void NativeUnicornCpu::load_state(const MachineState& state) {
  Vmcb vmcb(private_pages_ + kStatePage * kPageSize);
  set_controls(vmcb);
  vmcb.set(kEs, state.es);
  vmcb.set(kCs, state.cs);
  vmcb.set(kSs, state.ss);
  vmcb.set(kDs, state.ds);
  vmcb.set(kFs, state.fs);
  vmcb.set(kGs, state.gs);
  vmcb.set(kGdtr, state.gdtr);
  vmcb.set(kLdtr, state.ldtr);
  vmcb.set(kIdtr, state.idtr);
  vmcb.set(kTr, state.tr);
  vmcb.set<uint64_t>(kEfer, state.efer);
  vmcb.set<uint64_t>(kCr0, state.cr0);
  vmcb.set<uint64_t>(kCr2, state.cr2);
  vmcb.set<uint64_t>(kCr3, state.cr3);
  vmcb.set<uint64_t>(kCr4, state.cr4);
  vmcb.set<uint64_t>(kDr6, state.dr6);
  vmcb.set<uint64_t>(kDr7, 0x400);  // the guest's is in dr7_: the emulator must not act on it
  vmcb.set<uint64_t>(kRflags, state.rflags);
  vmcb.set<uint64_t>(kRip, state.rip);
  vmcb.set<uint64_t>(kRsp, state.rsp);
  vmcb.set<uint64_t>(kRax, state.rax);
  vmcb.set<uint64_t>(kStar, star_);
  vmcb.set<uint64_t>(kLstar, lstar_);
  vmcb.set<uint64_t>(kCstar, cstar_);
  vmcb.set<uint64_t>(kSfmask, sfmask_);
  vmcb.set<uint64_t>(kKernelGs, state.kernel_gs_base);
  vmcb.set<uint64_t>(kSysenterCs, sysenter_cs_);
  vmcb.set<uint64_t>(kSysenterEsp, sysenter_esp_);
  vmcb.set<uint64_t>(kSysenterEip, sysenter_eip_);
  run_stub({0x0f, 0x01, 0xda, 0x0f, 0x01, 0xd8}, kStatePage, 0);  // VMLOAD, VMRUN
  current_ = {};
  paging_.root = {state.cr3};
  take_over_control_registers();
}

// The state from which load_state() is quick to reach: what capture_state() leaves.
void NativeUnicornCpu::write_flat_state() {
  Vmcb vmcb(private_pages_ + kFlatPage * kPageSize);
  set_controls(vmcb);
  const Segment data{0x10, 0xc93, ~0u, 0};
  for (SaveArea segment : {kEs, kSs, kDs, kFs, kGs}) vmcb.set(segment, data);
  vmcb.set(kCs, Segment{0x08, 0xa9b, ~0u, 0});
  vmcb.set<uint64_t>(kEfer, kEferLong | kEferSvm);
  vmcb.set<uint64_t>(kCr0, 0x8000'0031);
  vmcb.set<uint64_t>(kCr4, 0x620);
  vmcb.set<uint64_t>(kRflags, 2);
  vmcb.set<uint64_t>(kRip, kStub + kPageSize);
  vmcb.set<uint64_t>(kDr6, 0xffff'0ff0);
  vmcb.set<uint64_t>(kDr7, 0x400);
}

void NativeUnicornCpu::raise_privilege() {
  uint16_t zero = 0;
  uc_context_save(uc_, lent_);
  uc_context_reg_write(lent_, UC_X86_REG_SS, &zero);
  uc_context_restore(uc_, lent_);
}

}  // namespace ringside
