// Model-specific registers that only hold a value, with what a stock system reads from them at boot. The ones
// that do something are the core's (native_exits.cpp) or the environment's.
//
// AMD64 Architecture Programmer's Manual volume 2 (revision 3.38), appendix A "MSR Cross-Reference"; AMD BIOS
// and Kernel Developer's Guide for family 10h processors (31116, revision 3.62), 3.12.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/state.h"

namespace ringside {

namespace msr {
inline constexpr uint32_t tsc = 0x10, apic_base = 0x1b, sysenter_cs = 0x174, sysenter_esp = 0x175,
                          sysenter_eip = 0x176, pat = 0x277, efer = 0xc000'0080, star = 0xc000'0081,
                          lstar = 0xc000'0082, cstar = 0xc000'0083, sfmask = 0xc000'0084,
                          fs_base = 0xc000'0100, gs_base = 0xc000'0101, kernel_gs_base = 0xc000'0102,
                          tsc_aux = 0xc000'0103, vm_hsave = 0xc001'0117;
}

struct MsrRow {
  uint32_t index;
  const char* name;
  uint64_t reset;
  uint64_t writable;  // bits that keep what is written
  uint64_t reserved;  // bits that must not be set: #GP
};
std::span<const MsrRow> msr_table();

class NativeMsrs : public Stateful {
 public:
  NativeMsrs();
  void reset();
  // Nothing and false: not in the table, or a reserved bit is set.
  std::optional<uint64_t> read(uint32_t index) const;
  bool write(uint32_t index, uint64_t value);
  void visit_state(StateVisitor& visitor) const override;

 private:
  std::vector<uint64_t> values_;  // in the table's order
};

}  // namespace ringside
