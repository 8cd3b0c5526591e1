// Opens the emulator, and brings it to the state of reset or of an entry.
#include <fmt/format.h>
#include <sys/mman.h>

#include <cstring>

#include "cpu/native_layout.h"
#include "cpu/unicorn_engine.h"
#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

using namespace native_layout;

constexpr uint64_t kEferSyscall = 1, kEferLong = 1 << 8, kEferLongActive = 1 << 10, kEferNoExecute = 1 << 11;
// A kernel and its programs run through more code than a paravirtual guest's boot loader.
constexpr unsigned kBlockCacheBits = 16;
// The family, model and stepping, as CPUID gives them (APM volume 2, 14.1.1).
constexpr uint64_t kSignature = 0x0010'0f43;

}  // namespace

Result<std::unique_ptr<NativeCpu>> make_native_cpu(const NativeCpuConfig& config, Memory& memory,
                                                   Clock& clock, NativeCpuEnvironment& environment) {
  if (config.frequency_hz < 1'000'000 || config.frequency_hz > 1'000'000'000'000) {
    return fail(fmt::format("a core of {} Hz: give between 1 MHz and 1 THz", config.frequency_hz));
  }
  for (const ReadOnlyMemory& rom : config.roms) {
    if (rom.base.page_offset() != 0 || rom.bytes.size() % kPageSize != 0 || rom.bytes.empty()) {
      return fail(fmt::format("read-only memory at {:#x} with {:#x} bytes: both must be multiples of 4096",
                              rom.base.value, rom.bytes.size()));
    }
  }
  auto cpu = std::make_unique<NativeUnicornCpu>(config, memory, clock, environment);
  SIM_TRY(cpu->start());
  return cpu;
}

NativeUnicornCpu::NativeUnicornCpu(const NativeCpuConfig& config, Memory& memory, Clock& clock,
                                   NativeCpuEnvironment& environment)
    : config_(config),
      memory_(memory),
      clock_(clock),
      environment_(environment),
      costs_(config.frequency_hz),
      map_(config, memory),
      code_pages_(memory.frames()),
      blocks_(disassembler_, costs_, kBlockCacheBits),
      written_(memory.frames()),
      self_(std::make_shared<NativeUnicornCpu*>(this)) {}

NativeUnicornCpu::~NativeUnicornCpu() {
  if (pristine_ != nullptr) uc_context_free(pristine_);
  if (guest_ != nullptr) uc_context_free(guest_);
  if (lent_ != nullptr) uc_context_free(lent_);
  if (uc_ != nullptr) uc_close(uc_);
  if (lender_ != nullptr) uc_close(lender_);
  if (private_pages_ != nullptr) munmap(private_pages_, private_bytes_);
}

Result<void> NativeUnicornCpu::start() {
  SIM_TRY(check_emulator(uc_open(UC_ARCH_X86, UC_MODE_64, &uc_), "start"));
  // This model has SVM but no RDRAND, RDSEED, RDPID or AVX, so the instructions that would read the host's
  // randomness are undefined.
  SIM_TRY(check_emulator(uc_ctl_set_cpu_model(uc_, UC_CPU_X86_OPTERON_G5), "select its processor model"));
  SIM_TRY(map_pages());
  SIM_TRY(check_emulator(uc_ctl_tlb_mode(uc_, UC_TLB_VIRTUAL), "hand over its TLB"));
  SIM_TRY(add_hooks());
  SIM_TRY(check_emulator(uc_ctl_exits_enable(uc_), "use a list of exits"));
  SIM_TRY(check_emulator(uc_context_alloc(uc_, &pristine_), "keep a context"));
  SIM_TRY(check_emulator(uc_context_save(uc_, pristine_), "save its context"));
  SIM_TRY(check_emulator(uc_context_alloc(uc_, &guest_), "keep a context"));
  SIM_TRY(check_emulator(uc_open(UC_ARCH_X86, UC_MODE_16, &lender_), "start a second time"));
  SIM_TRY(check_emulator(uc_ctl_set_cpu_model(lender_, UC_CPU_X86_OPTERON_G5), "select its processor model"));
  SIM_TRY(check_emulator(uc_context_alloc(lender_, &lent_), "keep a context"));
  reset();
  if (rip() != 0xfff0 || efer_ != 0) {
    return fail(fmt::format(
        "the CPU emulator did not arrive at the reset vector (rip {:#x}, EFER {:#x}); Ringside needs "
        "Unicorn 2.1.4 or a newer one that passes its tests",
        rip(), efer_));
  }
  memory_.add_code_observer([self = std::weak_ptr<NativeUnicornCpu*>(self_)](GuestPhys at, uint64_t length) {
    if (const auto alive = self.lock()) (*alive)->on_host_store(at, length);
  });
  return {};
}

Result<void> NativeUnicornCpu::map_pages() {
  private_bytes_ = kPages * kPageSize;
  for (const ReadOnlyMemory& rom : map_.roms()) {
    rom_offsets_.push_back(kRom + private_bytes_);
    private_bytes_ += rom.bytes.size();
  }
  void* pages = mmap(nullptr, private_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return fail("no memory for the CPU emulator's own pages; free some on this host");
  private_pages_ = static_cast<uint8_t*>(pages);
  std::copy(kFlushCode.begin(), kFlushCode.end(), private_pages_ + kFlushPage * kPageSize + kFlushOffset);
  std::memset(private_pages_ + kMsrPage * kPageSize, 0xff, 2 * kPageSize);
  std::memset(private_pages_ + kBusPage * kPageSize, 0xff, kPageSize);
  uint64_t offset = kPages * kPageSize;
  for (const ReadOnlyMemory& rom : map_.roms()) {
    std::memcpy(private_pages_ + offset, rom.bytes.data(), rom.bytes.size());
    offset += rom.bytes.size();
  }
  SIM_TRY(check_emulator(uc_mem_map_ptr(uc_, kPrivate, kPages * kPageSize, UC_PROT_ALL, private_pages_),
                         "map its own pages"));
  if (private_bytes_ > kPages * kPageSize) {
    SIM_TRY(check_emulator(uc_mem_map_ptr(uc_, kRom + kPages * kPageSize, private_bytes_ - kPages * kPageSize,
                                          UC_PROT_ALL, private_pages_ + kPages * kPageSize),
                           "map read-only memory"));
  }
  SIM_TRY(check_emulator(uc_mem_map_ptr(uc_, kRam, memory_.size(), UC_PROT_ALL, memory_.data()),
                         "map the guest's memory"));
  return check_emulator(
      uc_mmio_map(uc_, kDevices, 1ull << kPhysicalBits, memory_read_hook, this, memory_write_hook, this),
      "map devices");
}

Result<void> NativeUnicornCpu::add_hooks() {
  return add_emulator_hooks(
      uc_, this,
      {
          {UC_HOOK_TLB_FILL, hook_pointer(tlb_hook), "hook its TLB"},
          {UC_HOOK_BLOCK, hook_pointer(block_hook), "hook blocks"},
          {UC_HOOK_INTR, hook_pointer(interrupt_hook), "hook exceptions"},
          {UC_HOOK_INSN_INVALID, hook_pointer(invalid_hook), "hook undefined instructions"},
          {UC_HOOK_INSN, hook_pointer(port_in_hook), "hook IN", UC_X86_INS_IN},
          {UC_HOOK_INSN, hook_pointer(port_out_hook), "hook OUT", UC_X86_INS_OUT},
          {UC_HOOK_INSN, hook_pointer(syscall_hook), "hook SYSCALL", UC_X86_INS_SYSCALL},
          {UC_HOOK_INSN, hook_pointer(sysenter_hook), "hook SYSENTER", UC_X86_INS_SYSENTER},
          {UC_HOOK_INSN, hook_pointer(cpuid_hook), "hook CPUID", UC_X86_INS_CPUID},
          {UC_HOOK_INSN, hook_pointer(rdtsc_hook), "hook RDTSC", UC_X86_INS_RDTSC},
          {UC_HOOK_INSN, hook_pointer(rdtscp_hook), "hook RDTSCP", UC_X86_INS_RDTSCP},
      });
}

// --- Reset and entry ---

// APM volume 2, 14.1.3 "Processor initialization state".
NativeUnicornCpu::MachineState NativeUnicornCpu::reset_state() const {
  MachineState state;
  for (Segment* segment : {&state.es, &state.ss, &state.ds, &state.fs, &state.gs}) {
    *segment = {0, 0x93, 0xffff, 0};
  }
  state.cs = {0xf000, 0x9b, 0xffff, 0xffff'0000};
  state.gdtr = state.idtr = {0, 0, 0xffff, 0};
  state.ldtr = {0, 0x82, 0xffff, 0};
  state.tr = {0, 0x8b, 0xffff, 0};
  state.cr0 = 0x6000'0010;
  state.rip = 0xfff0;
  return state;
}

void NativeUnicornCpu::reset() {
  uc_context_restore(uc_, pristine_);
  constexpr std::array<int, 16> kGeneral = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                                            UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                                            UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                                            UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
  for (int reg : kGeneral) write(reg, 0);
  write(UC_X86_REG_RDX, kSignature);
  for (int reg : {UC_X86_REG_DR0, UC_X86_REG_DR1, UC_X86_REG_DR2, UC_X86_REG_DR3}) write(reg, 0);
  write(UC_X86_REG_MXCSR, 0x1f80);
  // APM gives 0x40 and tags 0x5555 behind reset; FINIT's are what everybody sets before use.
  write(UC_X86_REG_FPCW, 0x37f);
  write(UC_X86_REG_FPSW, 0);
  write(UC_X86_REG_FPTAG, 0xffff);
  std::array<uint8_t, 64> zero{};
  for (int i = 0; i < 16; ++i) uc_reg_write(uc_, UC_X86_REG_XMM0 + i, zero.data());
  for (int i = 0; i < 8; ++i) uc_reg_write(uc_, UC_X86_REG_FP0 + i, zero.data());
  star_ = lstar_ = cstar_ = sfmask_ = sysenter_cs_ = sysenter_esp_ = sysenter_eip_ = tsc_aux_ = 0;
  pat_ = 0x0007'0406'0007'0406;
  dr7_ = 0x400;
  msrs_.reset();
  halted_ = shadow_ = nmi_pending_ = nmi_blocked_ = request_has_gone_ = false;
  shutdown_.clear();
  partial_ = {};
  spin_ = {};
  reported_breakpoint_.reset();
  host_write_msr(msr::vm_hsave, kPrivate + kHostPage * kPageSize);
  write_flat_state();
  load_state(reset_state());
  known_selector_ = 0xf000;
  known_base_ = 0xffff'0000;
  flush_translations();
}

NativeUnicornCpu::MachineState NativeUnicornCpu::entry_state(const CpuEntry& entry) {
  MachineState state = reset_state();
  const auto descriptor = [&](uint16_t selector) {
    Descriptor found;
    const GuestPhys at = entry.descriptor_table + (selector & 0xfff8);
    if (memory_.contains(at, 8)) found.bits = memory_.load<uint64_t>(at);
    return Segment::from(selector, found);
  };
  state.cs = descriptor(entry.code_selector);
  state.es = state.ss = state.ds = state.fs = state.gs = descriptor(entry.data_selector);
  state.gdtr = {0, 0, entry.descriptor_table_limit, entry.descriptor_table.value};
  state.idtr = {0, 0, 0, 0};
  state.cr0 = 0x31;  // NE, ET, PE
  if (entry.mode == EntryMode::long_64) {
    state.cr0 = 0x8000'0033;
    state.cr3 = entry.page_table_root.value;
    state.cr4 = 0x620;  // OSXMMEXCPT, OSFXSR, PAE
    state.efer = kEferLong | kEferLongActive | kEferNoExecute | kEferSyscall;
  }
  state.rip = entry.rip;
  state.rsp = entry.general[Registers::rsp];
  state.rax = entry.general[Registers::rax];
  return state;
}

void NativeUnicornCpu::enter(const CpuEntry& entry) {
  reset();
  if (entry.mode == EntryMode::reset_vector) return;
  capture_state();
  load_state(entry_state(entry));
  for (int i = 0; i < 16; ++i) set_general(static_cast<Registers::General>(i), entry.general[i]);
  flush_translations();
}

}  // namespace ringside
