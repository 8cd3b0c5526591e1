// Model specific registers of a PV domU (xen/arch/x86/pv/emul-priv-op.c read_msr and write_msr; msr.c
// guest_rdmsr). What is not here faults, as in Xen, and the notice tells the guest's author.
#include <fmt/format.h>

#include "hv-model/hypercalls/call.h"
#include "hv-model/pv/cpuid.h"
#include "hv-model/pv/emulate.h"
#include "hv-model/pv/hypercall_page.h"

namespace ringside {
namespace {

// Intel SDM volume 4.
enum Msr : uint32_t {
  kTimeStampCounter = 0x10,
  kApicBase = 0x1b,
  kFeatureControl = 0x3a,
  kMicrocode = 0x8b,
  kPlatformInfo = 0xce,
  kMiscFeatures = 0x140,
  kMachineCheckCapability = 0x179,
  kMachineCheckStatus = 0x17a,
  kActualFrequency = 0xe7,  // IA32_MPERF and, with the next number, IA32_APERF
  kThermalControl = 0x19a,
  kMiscEnable = 0x1a0,
  kEnergyBias = 0x1b0,
  kPerformanceCapabilities = 0x345,
  kPageAttributes = 0x277,
  kEfer = 0xc0000080,
  kFsBase = 0xc0000100,
  kGsBase = 0xc0000101,
  kKernelGsBase = 0xc0000102,
  kXenHypercallPage = 0x40000000,  // as leaf 2 of Xen's CPUID says
};

constexpr uint64_t kEferValue = 0xd01;           // SCE, LME, LMA, NXE
constexpr uint64_t kMiscEnableValue = 0x801801;  // no performance counters, BTS, PEBS or xTPR; fast strings
constexpr uint64_t kPageAttributesValue = 0x050100070406;  // XEN_MSR_PAT
constexpr uint64_t kApicBaseValue = 0xfee00900;
constexpr uint64_t kFeatureControlLocked = 1;  // and no feature of it enabled

// Xen's vPMU is off, as it is unless the administrator wants it: the counters of an Intel processor read as
// zero, and what is written to them is lost (xen/arch/x86/cpu/vpmu.c, vpmu_do_msr).
bool is_performance_counter(uint32_t number) {
  const auto within = [number](uint32_t first, uint32_t last) { return number >= first && number <= last; };
  return within(0xc1, 0xc8) || within(0x186, 0x189) || within(0x309, 0x30b) || within(0x38d, 0x390);
}

bool write_base(uint64_t& kept, uint64_t value, Cpu* cpu, void (Cpu::*set)(uint64_t)) {
  if (!is_canonical(value)) return false;
  kept = value;
  if (set) (cpu->*set)(value);
  return true;
}

// Xen fills the page that the guest names by its frame (guest_wrmsr_xen, wrmsr_hypervisor_regs).
bool write_hypercall_page(Hypervisor& hypervisor, Domain& domain, uint64_t value) {
  const Mfn frame = frame_of(GuestPhys{value});
  if ((value & (kPageSize - 1)) != 0) return false;  // there is one page only
  if (hypervisor.page_tables.get_page_and_type(domain, frame, PageType::writable) != 0) return false;
  const auto page = make_hypercall_page();
  hypervisor.memory.write(frame.address(), page.data(), page.size());
  hypervisor.page_tables.put_page_and_type(domain, frame);
  return true;
}

}  // namespace

std::optional<uint64_t> read_msr(Hypervisor& hypervisor, Domain& domain, uint32_t number) {
  switch (number) {
    case kFsBase: return domain.cpu->registers().fs_base;
    case kGsBase: return domain.cpu->registers().gs_base;
    case kKernelGsBase: return domain.vcpu.gs_base_user;
    case kTimeStampCounter:
      return time_stamp_counter_at(hypervisor.clock.now, hypervisor.config.cpu_frequency_hz);
    case kEfer: return kEferValue;
    case kMiscEnable: return kMiscEnableValue;
    case kPageAttributes: return kPageAttributesValue;
    case kApicBase: return kApicBaseValue;
    case kFeatureControl: return kFeatureControlLocked;
    case kMicrocode:
    case kPlatformInfo:  // no CPUID faulting, neither here ...
    case kMiscFeatures:  // ... nor there
    case kPerformanceCapabilities:
    case kMachineCheckCapability:
    case kMachineCheckStatus: return 0;
    default:
      if (is_performance_counter(number)) return 0;
      domain.notices.emit(NoticeKind::unhandled, "msr", fmt::format("read of MSR {:#x}", number));
      return std::nullopt;
  }
}

bool write_msr(Hypervisor& hypervisor, Domain& domain, uint32_t number, uint64_t value) {
  Vcpu& vcpu = domain.vcpu;
  switch (number) {
    case kFsBase: return write_base(vcpu.fs_base, value, domain.cpu, &Cpu::set_fs_base);
    case kGsBase: return write_base(vcpu.gs_base_kernel, value, domain.cpu, &Cpu::set_gs_base);
    case kKernelGsBase: return write_base(vcpu.gs_base_user, value, nullptr, nullptr);
    case kXenHypercallPage: return write_hypercall_page(hypervisor, domain, value);
    case kEfer: return value == kEferValue;
    case kActualFrequency:
    case kActualFrequency + 1:
    case kThermalControl:
    case kEnergyBias:
    case kMiscEnable:
    case kPageAttributes:
    case kApicBase:
    case kMicrocode:
    case kMachineCheckStatus: return true;  // ignored, as Xen does for a domU
    default:
      if (is_performance_counter(number)) return true;
      domain.notices.emit(NoticeKind::unhandled, "msr",
                          fmt::format("write of {:#x} to MSR {:#x}", value, number));
      return false;
  }
}

}  // namespace ringside
