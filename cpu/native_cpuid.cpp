// AMD64 Architecture Programmer's Manual volume 3 (revision 3.34), appendix E "Obtaining Processor
// Information Via the CPUID Instruction".
//
// Family 10h, model 4, stepping 3: the youngest family of which a stock Linux expects neither AVX nor XSAVE,
// nor a microcode or an erratum that stepping 3 does not have fixed. The hypervisor bit (leaf 1, ECX bit 31)
// is clear: with it Linux asks for more (paravirtual clocks, TSC and timer tricks of the vendor behind the
// leaf at 4000'0000), and what it leaves out instead, it leaves out because it cannot trust the machine. Here
// it can: the TSC is invariant, and calibrating it against the PIT takes 50 ms of virtual time.
#include "cpu/native_cpuid.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "cpu/native_walker.h"

namespace ringside {
namespace {

using Leaf = CpuEnvironment::CpuidLeaf;

constexpr uint32_t bit(unsigned n) { return 1u << n; }

constexpr uint32_t kSignature = 0x0010'0f43;

// Leaf 1 EDX, and 8000'0001 EDX where the two agree.
constexpr uint32_t kCommon = bit(0) |                  // FPU
                             bit(2) |                  // DE
                             bit(3) |                  // PSE
                             bit(4) |                  // TSC
                             bit(5) |                  // MSR
                             bit(6) |                  // PAE
                             bit(7) |                  // MCE
                             bit(8) |                  // CMPXCHG8B
                             bit(9) |                  // APIC
                             bit(12) |                 // MTRR
                             bit(13) |                 // PGE
                             bit(14) |                 // MCA
                             bit(15) |                 // CMOV
                             bit(16) |                 // PAT
                             bit(17) |                 // PSE36
                             bit(23) |                 // MMX
                             bit(24);                  // FXSR
constexpr uint32_t kStandardEdx = kCommon | bit(11) |  // SYSENTER
                                  bit(19) |            // CLFLUSH
                                  bit(25) |            // SSE
                                  bit(26);             // SSE2
constexpr uint32_t kStandardEcx = bit(0) |             // SSE3
                                  bit(9) |             // SSSE3
                                  bit(13) |            // CMPXCHG16B
                                  bit(19) |            // SSE4.1
                                  bit(20) |            // SSE4.2
                                  bit(23);             // POPCNT
constexpr uint32_t kExtendedEdx = kCommon | bit(11) |  // SYSCALL
                                  bit(20) |            // NX
                                  bit(26) |            // 1 GiB pages
                                  bit(27) |            // RDTSCP
                                  bit(29);             // long mode
constexpr uint32_t kExtendedEcx = bit(0) |             // LAHF in 64-bit mode
                                  bit(4) |             // LOCK MOV CR0 is CR8
                                  bit(8) |             // PREFETCHW
                                  bit(9);              // OSVW

uint32_t four(const char* text) {
  uint32_t value = 0;
  std::memcpy(&value, text, 4);
  return value;
}

Leaf vendor(uint32_t highest) { return {highest, four("Auth"), four("cAMD"), four("enti")}; }

Leaf brand(unsigned part, uint64_t frequency_hz) {
  std::array<char, 48> name{};
  const std::string text = fmt::format("Ringside x86-64 processor at {} MHz", frequency_hz / 1'000'000);
  std::memcpy(name.data(), text.data(), std::min(text.size(), name.size() - 1));
  Leaf leaf;
  std::memcpy(&leaf, name.data() + size_t{part} * 16, 16);
  return leaf;
}

}  // namespace

Leaf native_cpuid(uint32_t leaf, uint32_t subleaf, uint64_t frequency_hz) {
  (void)subleaf;  // no leaf of this model has any
  switch (leaf) {
    case 0: return vendor(5);
    // EBX: local APIC 0, one logical processor, lines of 8 * 8 bytes for CLFLUSH.
    case 1: return {kSignature, 0x0001'0800, kStandardEcx, kStandardEdx};
    case 0x8000'0000: return vendor(0x8000'0008);
    case 0x8000'0001: return {kSignature, 0, kExtendedEcx, kExtendedEdx};
    case 0x8000'0002:
    case 0x8000'0003:
    case 0x8000'0004: return brand(leaf - 0x8000'0002, frequency_hz);
    // First-level TLBs and caches: 64 KiB each, two ways, lines of 64 bytes.
    case 0x8000'0005: return {0xff30'ff10, 0xff30'ff20, 0x4002'0140, 0x4002'0140};
    // Second-level TLBs, a second-level cache of 512 KiB with 16 ways; no third level.
    case 0x8000'0006: return {0x2080'0000, 0x4220'4200, 0x0200'8140, 0};
    case 0x8000'0007: return {0, 0, 0, bit(8)};  // the TSC is invariant
    case 0x8000'0008: return {48u << 8 | kPhysicalBits, 0, 0, 0};
    default: return {};
  }
}

}  // namespace ringside
