// The local APIC's registers: SDM volume 3A, table 10-1 and the sections named in each row. Each is 32 bits
// wide and stands at a multiple of sixteen bytes.
#pragma once

#include "devices/platform/apic/local_apic.h"

namespace ringside {

struct LocalApicRegisters {
  static constexpr uint32_t kId = 0x020, kLogicalDestination = 0x0d0, kDestinationFormat = 0x0e0,
                            kSpurious = 0x0f0;
  static constexpr uint32_t kErrorStatus = 0x280, kCommand = 0x300, kCommandHigh = 0x310;
  static constexpr uint32_t kInitialCount = 0x380, kDivide = 0x3e0;
  // LVT entries by LocalApic::Local: timer, thermal sensor, performance counters, LINT0, LINT1, error.
  static constexpr uint32_t kLocals[] = {0x320, 0x330, 0x340, 0x350, 0x360, 0x370};

  // 10.4.8: version 0x14 and the number of the highest LVT entry.
  static constexpr uint64_t kVersion = 0x00050014;
  // 10.5.1: an LVT entry's mask, set by reset.
  static constexpr uint32_t kMasked = 1 << 16;

  using A = LocalApic;
  static constexpr auto rw = RegisterAccess::read_write;
  static constexpr auto ro = RegisterAccess::read_only;
  static constexpr auto wo = RegisterAccess::write_only;
  static constexpr Register<LocalApic> kRows[] = {
      {{"ID", kId, 4, rw, 0, 0xff000000, "10.4.6"}},
      {{"VERSION", 0x030, 4, ro, kVersion, 0, "10.4.8"}},
      {{"TPR", 0x080, 4, rw, 0, 0xff, "10.8.3.1"}, &A::read_task_priority, &A::write_task_priority},
      // Only the P6 family arbitrates by priority: in later ones the register is reserved, and reads 0 here.
      {{"APR", 0x090, 4, ro, 0, 0, "10.6.2.4"}},
      {{"PPR", 0x0a0, 4, ro, 0, 0, "10.8.3.1"}, &A::read_processor_priority},
      {{"EOI", 0x0b0, 4, wo, 0, 0, "10.8.5"}, nullptr, &A::write_end_of_interrupt},
      {{"RRD", 0x0c0, 4, ro, 0, 0, "10.4.1"}},
      {{"LDR", kLogicalDestination, 4, rw, 0, 0xff000000, "10.6.2.2"}},
      {{"DFR", kDestinationFormat, 4, rw, 0xffffffff, 0xf0000000, "10.6.2.2"}},
      {{"SVR", kSpurious, 4, rw, 0xff, 0x3ff, "10.9"}, nullptr, &A::write_spurious},
      {{"ISR0", 0x100, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<0>},
      {{"ISR1", 0x110, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<1>},
      {{"ISR2", 0x120, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<2>},
      {{"ISR3", 0x130, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<3>},
      {{"ISR4", 0x140, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<4>},
      {{"ISR5", 0x150, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<5>},
      {{"ISR6", 0x160, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<6>},
      {{"ISR7", 0x170, 4, ro, 0, 0, "10.8.4"}, &A::read_in_service<7>},
      {{"TMR0", 0x180, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<0>},
      {{"TMR1", 0x190, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<1>},
      {{"TMR2", 0x1a0, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<2>},
      {{"TMR3", 0x1b0, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<3>},
      {{"TMR4", 0x1c0, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<4>},
      {{"TMR5", 0x1d0, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<5>},
      {{"TMR6", 0x1e0, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<6>},
      {{"TMR7", 0x1f0, 4, ro, 0, 0, "10.8.4"}, &A::read_trigger_mode<7>},
      {{"IRR0", 0x200, 4, ro, 0, 0, "10.8.4"}, &A::read_request<0>},
      {{"IRR1", 0x210, 4, ro, 0, 0, "10.8.4"}, &A::read_request<1>},
      {{"IRR2", 0x220, 4, ro, 0, 0, "10.8.4"}, &A::read_request<2>},
      {{"IRR3", 0x230, 4, ro, 0, 0, "10.8.4"}, &A::read_request<3>},
      {{"IRR4", 0x240, 4, ro, 0, 0, "10.8.4"}, &A::read_request<4>},
      {{"IRR5", 0x250, 4, ro, 0, 0, "10.8.4"}, &A::read_request<5>},
      {{"IRR6", 0x260, 4, ro, 0, 0, "10.8.4"}, &A::read_request<6>},
      {{"IRR7", 0x270, 4, ro, 0, 0, "10.8.4"}, &A::read_request<7>},
      // A write does not store: it moves in what has been recorded since the last one.
      {{"ESR", kErrorStatus, 4, rw, 0, 0, "10.5.3"}, nullptr, &A::write_error_status},
      // Bit 12, the delivery status, is always idle: a message arrives at once.
      {{"ICR_LOW", kCommand, 4, rw, 0, 0x000ccfff, "10.6.1"}, nullptr, &A::write_command},
      {{"ICR_HIGH", kCommandHigh, 4, rw, 0, 0xff000000, "10.6.1"}},
      // Bit 14 of LINT0 and LINT1, the remote IRR, and bit 12 of all, the delivery status, are read-only.
      {{"LVT_TIMER", 0x320, 4, rw, kMasked, 0x000300ff, "10.5.1"}, nullptr, &A::write_local<0>},
      {{"LVT_THERMAL", 0x330, 4, rw, kMasked, 0x000107ff, "10.5.1"}, nullptr, &A::write_local<1>},
      {{"LVT_PERFORMANCE", 0x340, 4, rw, kMasked, 0x000107ff, "10.5.1"}, nullptr, &A::write_local<2>},
      {{"LVT_LINT0", 0x350, 4, rw, kMasked, 0x0001a7ff, "10.5.1"}, nullptr, &A::write_local<3>},
      {{"LVT_LINT1", 0x360, 4, rw, kMasked, 0x0001a7ff, "10.5.1"}, nullptr, &A::write_local<4>},
      {{"LVT_ERROR", 0x370, 4, rw, kMasked, 0x000100ff, "10.5.1"}, nullptr, &A::write_local<5>},
      {{"INITIAL_COUNT", kInitialCount, 4, rw, 0, 0xffffffff, "10.5.4"}, nullptr, &A::write_initial_count},
      {{"CURRENT_COUNT", 0x390, 4, ro, 0, 0, "10.5.4"}, &A::read_current_count},
      {{"DIVIDE", kDivide, 4, rw, 0, 0x0b, "10.5.4"}, nullptr, &A::write_divide},
  };
};

}  // namespace ringside
