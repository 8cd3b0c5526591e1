// What an instruction costs in virtual time: a table by kind, no pipeline and no cache. docs/time.md says
// where the numbers come from. Any change of a number is a change of every recording: raise the version.
#pragma once

#include <cstdint>

#include "cpu/cpu.h"
#include "cpu/disassembler.h"
#include "sim/tick.h"

namespace ringside {

// Cycles of the kind itself, without its accesses to memory.
uint32_t cycles_of(InstructionKind kind);
inline constexpr uint32_t kLoadCycles = 1;
inline constexpr uint32_t kStoreCycles = 1;
// Of an exit, the way into the hypervisor and back.
uint32_t cycles_of(ExitReason reason);

uint32_t cycles_of(const Instruction& instruction);

// What an access to a device takes besides its instruction, whatever the processor's frequency.
inline constexpr Tick kPortAccess = microseconds(1);     // IN, OUT: a cycle of the ISA bus
inline constexpr Tick kDeviceAccess = nanoseconds(500);  // a load or store beyond RAM: a PCI transaction
// Taking an exception or an interrupt: the tables, the stack, and the way into the handler.
inline constexpr uint32_t kDeliveryCycles = 100;

class CostTable {
 public:
  explicit CostTable(uint64_t frequency_hz) : frequency_hz_(frequency_hz) {}
  // Rounded to the nearest picosecond.
  Tick cost(uint64_t cycles) const {
    return picoseconds((cycles * 1'000'000'000'000ull + frequency_hz_ / 2) / frequency_hz_);
  }

 private:
  uint64_t frequency_hz_;
};

}  // namespace ringside
