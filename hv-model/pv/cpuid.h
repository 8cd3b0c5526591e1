// CPUID as a PV domU of Xen 4.17 sees it on our processor.
#pragma once

#include <cstdint>

#include "cpu/cpu.h"

namespace ringside {

CpuEnvironment::CpuidLeaf pv_cpuid(uint32_t leaf, uint32_t subleaf, uint64_t frequency_hz);

// The TSC counts at the processor's frequency from 0 at power on.
uint64_t time_stamp_counter_at(Tick now, uint64_t frequency_hz);

// Factors for vcpu_time_info: nanoseconds = ((ticks shifted by `shift`) * multiplier) >> 32.
struct TimeScale {
  uint32_t multiplier;
  int8_t shift;
};
TimeScale time_scale(uint64_t frequency_hz);

}  // namespace ringside
