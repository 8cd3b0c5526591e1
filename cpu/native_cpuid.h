// What CPUID tells of the native core: an AMD processor with the features that work here, and no others.
#pragma once

#include "cpu/cpu.h"

namespace ringside {

CpuEnvironment::CpuidLeaf native_cpuid(uint32_t leaf, uint32_t subleaf, uint64_t frequency_hz);

}  // namespace ringside
