#include "hv-model/pv/cpuid.h"

#include <xen/arch-x86/cpuid.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "hv-model/pv/pv_guest.h"

namespace ringside {
namespace {

using Leaf = CpuEnvironment::CpuidLeaf;

constexpr uint32_t bits() { return 0; }
template <class... Rest>
constexpr uint32_t bits(unsigned first, Rest... rest) {
  return 1u << first | bits(rest...);
}

// A modest processor whose every instruction gives the same result everywhere: no AVX and XSAVE (their state
// is not kept by the core), no RDRAND and RDSEED (host randomness), no MONITOR, VMX, SVM, x2APIC, no PSE, PGE
// and MTRR (Xen hides them from PV guests).
constexpr uint32_t kFeatures1Edx =
    bits(0 /*fpu*/, 2 /*de*/, 4 /*tsc*/, 5 /*msr*/, 6 /*pae*/, 7 /*mce*/, 8 /*cx8*/, 9 /*apic*/, 15 /*cmov*/,
         19 /*clflush*/, 23 /*mmx*/, 24 /*fxsr*/, 25 /*sse*/, 26 /*sse2*/);
constexpr uint32_t kFeatures1Ecx = bits(0 /*sse3*/, 9 /*ssse3*/, 13 /*cx16*/, 19 /*sse4.1*/, 20 /*sse4.2*/,
                                        23 /*popcnt*/, 31 /*hypervisor*/);
constexpr uint32_t kFeatures81Edx = bits(11 /*syscall*/, 20 /*nx*/, 29 /*lm*/);
constexpr uint32_t kFeatures81Ecx = bits(0 /*lahf*/);
constexpr uint32_t kBasicLeafMax = 7;
constexpr uint32_t kExtendedLeafMax = 0x80000008;
constexpr uint32_t kXenVersion = 4u << 16 | 17;

Leaf brand(uint32_t part) {
  constexpr std::string_view text = "Ringside x86-64 core";
  char name[48] = {};
  std::memcpy(name, text.data(), text.size());
  Leaf leaf;
  std::memcpy(&leaf.eax, name + part * 16, 4);
  std::memcpy(&leaf.ebx, name + part * 16 + 4, 4);
  std::memcpy(&leaf.ecx, name + part * 16 + 8, 4);
  std::memcpy(&leaf.edx, name + part * 16 + 12, 4);
  return leaf;
}

// public/arch-x86/cpuid.h; xen/arch/x86/traps.c, cpuid_hypervisor_leaves.
Leaf hypervisor_leaf(uint32_t leaf, uint32_t subleaf, uint64_t frequency_hz) {
  const auto khz = static_cast<uint32_t>(frequency_hz / 1000);
  switch (leaf) {
    case XEN_CPUID_LEAF(0):
      return {XEN_CPUID_FIRST_LEAF + XEN_CPUID_MAX_NUM_LEAVES, XEN_CPUID_SIGNATURE_EBX,
              XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
    case XEN_CPUID_LEAF(1): return {.eax = kXenVersion};
    case XEN_CPUID_LEAF(2):
      return {.eax = 1, .ebx = 0x40000000, .ecx = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, .edx = 0};
    case XEN_CPUID_LEAF(3): {
      const TimeScale scale = time_scale(frequency_hz);
      if (subleaf == 0) return {.eax = 2 /* the host's TSC is safe */, .ebx = 0, .ecx = khz, .edx = 1};
      if (subleaf == 1)
        return {.eax = 0, .ebx = 0, .ecx = scale.multiplier, .edx = static_cast<uint8_t>(scale.shift)};
      if (subleaf == 2) return {.eax = khz};
      return {};
    }
    case XEN_CPUID_LEAF(5): return subleaf == 0 ? Leaf{.ebx = 40} : Leaf{};  // bits of a machine address
    default: return {};
  }
}

}  // namespace

CpuEnvironment::CpuidLeaf pv_cpuid(uint32_t leaf, uint32_t subleaf, uint64_t frequency_hz) {
  if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < XEN_CPUID_FIRST_LEAF + 0x10000) {
    return hypervisor_leaf(leaf, subleaf, frequency_hz);
  }
  switch (leaf) {
    case 0: return {kBasicLeafMax, 0x756e6547, 0x6c65746e, 0x49656e69};  // GenuineIntel
    case 1: return {0x000306a9, 0x00010800, kFeatures1Ecx, kFeatures1Edx};
    case 0x80000000: return {.eax = kExtendedLeafMax};
    case 0x80000001: return {0, 0, kFeatures81Ecx, kFeatures81Edx};
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: return brand(leaf - 0x80000002);
    case 0x80000008: return {.eax = 48u << 8 | 40};
    default: return {};
  }
}

uint64_t time_stamp_counter_at(Tick now, uint64_t frequency_hz) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(now.ps) * frequency_hz / 1'000'000'000'000);
}

// As Xen's set_time_scale (xen/arch/x86/time.c): the frequency brought between 1 and 2 GHz.
TimeScale time_scale(uint64_t frequency_hz) {
  constexpr uint64_t billion = 1'000'000'000;
  uint64_t rate = std::max<uint64_t>(frequency_hz, 1);
  int8_t shift = 0;
  while (rate > 2 * billion) {
    rate >>= 1;
    --shift;
  }
  while (rate <= billion) {
    rate <<= 1;
    ++shift;
  }
  return {static_cast<uint32_t>((billion << 32) / rate), shift};
}

CpuEnvironment::CpuidLeaf PvCpuEnvironment::cpuid(uint32_t leaf, uint32_t subleaf) {
  return pv_cpuid(leaf, subleaf, frequency_hz_);
}

uint64_t PvCpuEnvironment::time_stamp_counter(Tick now) { return time_stamp_counter_at(now, frequency_hz_); }

// A PV guest's IN and OUT fault; should one come through, there is nothing behind it.
uint32_t PvCpuEnvironment::port_in(uint16_t, unsigned) { return ~uint32_t{0}; }
void PvCpuEnvironment::port_out(uint16_t, unsigned, uint32_t) {}

}  // namespace ringside
