// Opens the emulator and brings it to CPL 3 in SVM guest mode. AMD64 Architecture Programmer's Manual volume
// 2 (revision 3.38), chapter 15 "Secure Virtual Machine" and appendix B "VMCB Layout".
#include <fmt/format.h>
#include <sys/mman.h>
#include <xen/xen.h>

#include <cstring>

#include "cpu/unicorn_cpu.h"
#include "cpu/unicorn_engine.h"
#include "cpu/unicorn_layout.h"

namespace ringside {
namespace {

using namespace unicorn_layout;

constexpr uint32_t kMsrEfer = 0xc000'0080;
constexpr uint32_t kMsrVmHsavePa = 0xc001'0117;
constexpr uint64_t kEferSyscall = 1, kEferLongMode = 1 << 8, kEferLongModeActive = 1 << 10,
                   kEferNoExecute = 1 << 11, kEferSvm = 1 << 12;
// PG, WP, NE, ET, MP, PE.
constexpr uint64_t kCr0 = 0x8001'0033;
// PAE, PGE, OSFXSR, OSXMMEXCPT. TSD is clear: RDTSC is answered by a hook. OSXSAVE and FSGSBASE are clear:
// those instructions are undefined.
constexpr uint64_t kCr4 = 0x6a0;
// Interrupts are on as far as the processor knows: a paravirtual guest masks events elsewhere.
constexpr uint64_t kFlags = 0x202;

// A Linux kernel and its programs execute some ten thousand different blocks.
constexpr unsigned kBlockCacheBits = 15;

// Descriptors, AMD64 APM volume 2, section 4.8; the accessed bit is set, so that no load writes it.
constexpr uint64_t kCode64Ring3 = 0x00af'fb00'0000'ffff;
constexpr uint64_t kDataRing3 = 0x00cf'f300'0000'ffff;

// An SVM intercept, numbered as its exit code (APM volume 2, appendix C).
constexpr uint64_t intercept_bit(unsigned exit_code) { return 1ull << (exit_code - 0x60); }

class Vmcb {
 public:
  explicit Vmcb(uint8_t* page) : page_(page) { std::memset(page, 0, kPageSize); }
  template <class T>
  void set(size_t offset, T value) {
    std::memcpy(page_ + offset, &value, sizeof value);
  }
  void segment(size_t offset, uint16_t selector, uint16_t attributes, uint32_t limit, uint64_t base) {
    set<uint16_t>(kSave + offset, selector);
    set<uint16_t>(kSave + offset + 2, attributes);
    set<uint32_t>(kSave + offset + 4, limit);
    set<uint64_t>(kSave + offset + 8, base);
  }
  static constexpr size_t kSave = 0x400;

 private:
  uint8_t* page_;
};

void write_vmcb(uint8_t* page, GuestPhys private_base) {
  Vmcb vmcb(page);
  const auto at = [&](uint64_t n) { return private_base.value + n * kPageSize; };
  // Control area. All exceptions but #PF, which the TLB hook raises; INT n; VMRUN must be.
  vmcb.set<uint32_t>(0x008, ~(1u << 14));
  vmcb.set<uint64_t>(0x00c, intercept_bit(0x75) | intercept_bit(0x80));
  vmcb.set<uint64_t>(0x048, at(kMsrPermissionPage));
  vmcb.set<uint32_t>(0x058, 1);  // ASID
  // Save area. Attributes are packed: type and S, DPL, P in the low byte, AVL, L, D, G above.
  constexpr uint16_t kData = 0xcf3, kCode = 0xafb;
  vmcb.segment(0x00, 0, kData, 0xffff'ffff, 0);                           // ES
  vmcb.segment(0x10, FLAT_RING3_CS64, kCode, 0xffff'ffff, 0);             // CS
  vmcb.segment(0x20, FLAT_RING3_SS64, kData, 0xffff'ffff, 0);             // SS
  vmcb.segment(0x30, 0, kData, 0xffff'ffff, 0);                           // DS
  vmcb.segment(0x40, 0, kData, 0xffff'ffff, 0);                           // FS
  vmcb.segment(0x50, 0, kData, 0xffff'ffff, 0);                           // GS
  vmcb.segment(0x60, 0, 0, kDescriptorTableBytes - 1, kDescriptorTable);  // GDTR
  vmcb.segment(0x70, 0, 0x082, 0, 0);                                     // LDTR
  vmcb.segment(0x80, 0, 0, 0, 0);                                         // IDTR
  vmcb.segment(0x90, 0, 0x08b, 0, 0);                                     // TR
  vmcb.set<uint8_t>(Vmcb::kSave + 0x0cb, 3);                              // CPL
  vmcb.set<uint64_t>(Vmcb::kSave + 0x0d0,
                     kEferSyscall | kEferLongMode | kEferLongModeActive | kEferNoExecute | kEferSvm);
  vmcb.set<uint64_t>(Vmcb::kSave + 0x148, kCr4);
  vmcb.set<uint64_t>(Vmcb::kSave + 0x158, kCr0);
  vmcb.set<uint64_t>(Vmcb::kSave + 0x160, 0x400);        // DR7
  vmcb.set<uint64_t>(Vmcb::kSave + 0x168, 0xffff'0ff0);  // DR6
  vmcb.set<uint64_t>(Vmcb::kSave + 0x170, kFlags);
  vmcb.set<uint64_t>(Vmcb::kSave + 0x178, kLanding);
}

}  // namespace

std::string unicorn_version() {
  // uc_version() packs major, minor, patch and extra, one byte each.
  const unsigned packed = uc_version(nullptr, nullptr);
  return fmt::format("{}.{}.{}", packed >> 24, packed >> 16 & 0xff, packed >> 8 & 0xff);
}

Result<std::unique_ptr<Cpu>> make_unicorn_cpu(const CpuConfig& config, Memory& memory, Clock& clock,
                                              CpuEnvironment& environment) {
  if (!config.paravirtual) return fail("this core runs paravirtual guests only; set `personality = \"pv\"`");
  if (config.frequency_hz < 1'000'000 || config.frequency_hz > 1'000'000'000'000) {
    return fail(fmt::format("a core of {} Hz: give between 1 MHz and 1 THz", config.frequency_hz));
  }
  auto cpu = std::make_unique<UnicornCpu>(config, memory, clock, environment);
  SIM_TRY(cpu->start());
  return cpu;
}

UnicornCpu::UnicornCpu(const CpuConfig& config, Memory& memory, Clock& clock, CpuEnvironment& environment)
    : config_(config),
      memory_(memory),
      clock_(clock),
      environment_(environment),
      costs_(config.frequency_hz),
      code_pages_(memory.frames()),
      blocks_(disassembler_, costs_, kBlockCacheBits),
      written_in_life_(memory.frames()),
      self_(std::make_shared<UnicornCpu*>(this)) {}

UnicornCpu::~UnicornCpu() {
  if (uc_ != nullptr) uc_close(uc_);
  if (private_pages_ != nullptr) munmap(private_pages_, kPages * kPageSize);
}

Result<void> UnicornCpu::start() {
  SIM_TRY(check_emulator(uc_open(UC_ARCH_X86, UC_MODE_64, &uc_), "start"));
  // This model has SVM but no RDRAND, RDSEED, RDPID or AVX, so the instructions that would read the host's
  // randomness are undefined.
  SIM_TRY(check_emulator(uc_ctl_set_cpu_model(uc_, UC_CPU_X86_OPTERON_G5), "select its processor model"));
  SIM_TRY(
      check_emulator(uc_mem_map_ptr(uc_, memory_.base().value, memory_.size(), UC_PROT_ALL, memory_.data()),
                     "map the guest's memory"));
  void* pages = mmap(nullptr, kPages * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return fail("no memory for the CPU emulator's own pages; free some on this host");
  private_pages_ = static_cast<uint8_t*>(pages);
  private_base_ = memory_.base() + memory_.size() + kPageSize;
  SIM_TRY(check_emulator(
      uc_mem_map_ptr(uc_, private_base_.value, kPages * kPageSize, UC_PROT_ALL, private_pages_),
      "map its own pages"));
  SIM_TRY(check_emulator(uc_ctl_tlb_mode(uc_, UC_TLB_VIRTUAL), "hand over its TLB"));
  SIM_TRY(add_hooks());
  SIM_TRY(enter_guest_mode());
  memory_.add_code_observer([self = std::weak_ptr<UnicornCpu*>(self_)](GuestPhys at, uint64_t length) {
    if (const auto alive = self.lock()) (*alive)->on_host_store(at, length);
  });
  return {};
}

Result<void> UnicornCpu::add_hooks() {
  return add_emulator_hooks(
      uc_, this,
      {
          {UC_HOOK_TLB_FILL, hook_pointer(tlb_hook), "hook its TLB"},
          {UC_HOOK_BLOCK, hook_pointer(block_hook), "hook blocks"},
          {UC_HOOK_INTR, hook_pointer(interrupt_hook), "hook exceptions"},
          {UC_HOOK_INSN_INVALID, hook_pointer(invalid_hook), "hook undefined instructions"},
          {UC_HOOK_INSN, hook_pointer(syscall_hook), "hook SYSCALL", UC_X86_INS_SYSCALL},
          {UC_HOOK_INSN, hook_pointer(sysenter_hook), "hook SYSENTER", UC_X86_INS_SYSENTER},
          {UC_HOOK_INSN, hook_pointer(cpuid_hook), "hook CPUID", UC_X86_INS_CPUID},
          {UC_HOOK_INSN, hook_pointer(rdtsc_hook), "hook RDTSC", UC_X86_INS_RDTSC},
          {UC_HOOK_INSN, hook_pointer(rdtscp_hook), "hook RDTSCP", UC_X86_INS_RDTSCP},
      });
}

Result<void> UnicornCpu::enter_guest_mode() {
  const auto page = [this](uint64_t n) { return private_pages_ + n * kPageSize; };
  const auto physical = [this](uint64_t n) { return private_base_.value + n * kPageSize; };
  const uint8_t stub[] = {0x0f, 0x01, 0xda,   // vmload
                          0x0f, 0x01, 0xd8};  // vmrun
  std::memcpy(page(kStubPage), stub, sizeof stub);
  page(kStubPage)[kLanding - kStub] = 0xf4;  // never executed
  write_vmcb(page(kVmcbPage), private_base_);
  // No MSR is intercepted: at CPL 3 they fault by themselves, and the emulator does not survive a host that
  // reads one that is. The emulator does not check ports, see UnicornCpu::on_unusual_block().
  const auto descriptor = [&](uint16_t selector, uint64_t value) {
    std::memcpy(page(kDescriptorPage) + (selector & 0xff8), &value, sizeof value);
  };
  descriptor(FLAT_RING3_CS64, kCode64Ring3);
  descriptor(FLAT_RING3_SS64, kDataRing3);

  const auto write_msr = [this](uint32_t number, uint64_t value) {
    uc_x86_msr msr{number, value};
    return check_emulator(uc_reg_write(uc_, UC_X86_REG_MSR, &msr), "write an MSR");
  };
  SIM_TRY(write_msr(kMsrEfer, kEferLongMode | kEferLongModeActive | kEferSvm));
  SIM_TRY(write_msr(kMsrVmHsavePa, physical(kHostSavePage)));
  write(UC_X86_REG_RAX, physical(kVmcbPage));
  SIM_TRY(check_emulator(uc_emu_start(uc_, kStub, kLanding, 0, 0), "enter SVM guest mode"));
  if (rip() != kLanding || read(UC_X86_REG_CS) != FLAT_RING3_CS64) {
    return fail(
        fmt::format("the CPU emulator did not arrive at CPL 3 (rip {:#x}, cs {:#x}); Ringside needs "
                    "Unicorn 2.1.4 or a newer one that passes its tests",
                    rip(), read(UC_X86_REG_CS)));
  }
  write(UC_X86_REG_MXCSR, 0x1f80);
  write(UC_X86_REG_FPCW, 0x37f);
  write(UC_X86_REG_FPTAG, 0xffff);
  write(UC_X86_REG_RAX, 0);
  // From here on nothing but an exit stops the emulator: an empty list of exit addresses replaces `until`.
  SIM_TRY(check_emulator(uc_ctl_exits_enable(uc_), "use a list of exits"));
  uc_ctl_flush_tlb(uc_);
  in_setup_ = false;
  return {};
}

}  // namespace ringside
