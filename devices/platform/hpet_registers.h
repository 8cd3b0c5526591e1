// The HPET's registers (IA-PC HPET specification 1.0a, 2.3). All are 64 bits wide.
#pragma once

#include "devices/platform/hpet.h"

namespace ringside {

namespace hpet {

// General configuration, 2.3.5.
inline constexpr uint64_t kEnable = 1 << 0;  // ENABLE_CNF
inline constexpr uint64_t kLegacy = 1 << 1;  // LEG_RT_CNF
// Timer n configuration and capabilities, 2.3.8.
inline constexpr uint64_t kLevel = 1 << 1;                                               // Tn_INT_TYPE_CNF
inline constexpr uint64_t kInterruptEnable = 1 << 2;                                     // Tn_INT_ENB_CNF
inline constexpr uint64_t kPeriodic = 1 << 3;                                            // Tn_TYPE_CNF
inline constexpr uint64_t kPeriodicCapable = 1 << 4;                                     // Tn_PER_INT_CAP
inline constexpr uint64_t kSize64Capable = 1 << 5;                                       // Tn_SIZE_CAP
inline constexpr uint64_t kSetValue = 1 << 6;                                            // Tn_VAL_SET_CNF
inline constexpr uint64_t kMode32 = 1 << 8;                                              // Tn_32MODE_CNF
constexpr unsigned route_of(uint64_t configuration) { return configuration >> 9 & 31; }  // Tn_INT_ROUTE_CNF

inline constexpr uint64_t kRoutes = 0x00f0'0000ull << 32;  // Tn_INT_ROUTE_CAP: 20 to 23
inline constexpr uint64_t kTimerWritable = kLevel | kInterruptEnable | kSetValue | kMode32 | 0x3e00;
// 10,000,000 fs a count; Intel; legacy replacement, 64 bits, three timers, revision 1.
inline constexpr uint64_t kCapabilities = 10'000'000ull << 32 | 0x8086'a201;

}  // namespace hpet

struct HpetRegisters {
  static constexpr uint32_t kConfiguration = 0x010, kTimer0 = 0x100, kTimerStep = 0x20;
  static constexpr Register<Hpet> kRegisters[] = {
      {{.name = "GCAP_ID",
        .offset = 0x000,
        .width = 8,
        .access = RegisterAccess::read_only,
        .reset = hpet::kCapabilities,
        .section = "2.3.4"}},
      {{.name = "GEN_CONF",
        .offset = kConfiguration,
        .width = 8,
        .writable = hpet::kEnable | hpet::kLegacy,
        .section = "2.3.5"},
       nullptr,
       &Hpet::write_configuration},
      {{.name = "GINTR_STA",
        .offset = 0x020,
        .width = 8,
        .access = RegisterAccess::write_one_clear,
        .writable = 0x7,
        .section = "2.3.6"},
       &Hpet::read_status,
       &Hpet::write_status},
      {{.name = "MAIN_CNT", .offset = 0x0f0, .width = 8, .section = "2.3.7"},
       &Hpet::read_counter,
       &Hpet::write_counter},
      {{.name = "TIM0_CONF",
        .offset = kTimer0,
        .width = 8,
        .reset = hpet::kRoutes | hpet::kPeriodicCapable | hpet::kSize64Capable,
        .writable = hpet::kTimerWritable | hpet::kPeriodic,
        .section = "2.3.8"},
       nullptr,
       &Hpet::write_timer<0>},
      {{.name = "TIM0_COMP", .offset = kTimer0 + 8, .width = 8, .reset = ~0ull, .section = "2.3.9"},
       &Hpet::read_comparator<0>,
       &Hpet::write_comparator<0>},
      {{.name = "TIM1_CONF",
        .offset = kTimer0 + kTimerStep,
        .width = 8,
        .reset = hpet::kRoutes | hpet::kSize64Capable,
        .writable = hpet::kTimerWritable,
        .section = "2.3.8"},
       nullptr,
       &Hpet::write_timer<1>},
      {{.name = "TIM1_COMP",
        .offset = kTimer0 + kTimerStep + 8,
        .width = 8,
        .reset = ~0ull,
        .section = "2.3.9"},
       &Hpet::read_comparator<1>,
       &Hpet::write_comparator<1>},
      {{.name = "TIM2_CONF",
        .offset = kTimer0 + 2 * kTimerStep,
        .width = 8,
        .reset = hpet::kRoutes | hpet::kSize64Capable,
        .writable = hpet::kTimerWritable,
        .section = "2.3.8"},
       nullptr,
       &Hpet::write_timer<2>},
      {{.name = "TIM2_COMP",
        .offset = kTimer0 + 2 * kTimerStep + 8,
        .width = 8,
        .reset = ~0ull,
        .section = "2.3.9"},
       &Hpet::read_comparator<2>,
       &Hpet::write_comparator<2>},
  };
};

}  // namespace ringside
