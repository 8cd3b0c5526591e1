// The exact address of a fault. The emulator says only which page could not be reached and how; the
// instruction's operands and the registers as they were before it say where in the page.
#pragma once

#include <optional>

#include "cpu/cpu.h"
#include "cpu/disassembler.h"

namespace ringside {

uint64_t effective_address(const MemoryOperand& operand, const Registers& registers, uint64_t next_rip);

struct FaultingOperand {
  uint64_t address = 0;  // the first byte of the access that lies in the page
  bool writes = false;   // a read-modify-write is a write, although it reads first
  bool stack = false;
  bool reaches_next_page = false;
};

// The operand of `instruction` (at registers.rip) that touches the page in this way; nothing when none does.
std::optional<FaultingOperand> find_faulting_operand(const Instruction& instruction,
                                                     const Registers& registers, uint64_t page,
                                                     Access access);

}  // namespace ringside
