// What an instruction of 64-bit code counts for, without Capstone: the block table asks about every
// instruction that is translated, and needs neither operands nor text. The common instructions are answered
// from opcode maps; for all else the answer is "not known", and Capstone is asked.
//
// Where it answers, it says exactly what Disassembler::decode() says of the same bytes, also where Capstone's
// tables are wrong: the numbers are part of every recording, and must not depend on who was asked.
#pragma once

#include <cstdint>
#include <span>

#include "cpu/disassembler.h"

namespace ringside {

struct InstructionSummary {
  uint32_t cycles = 0;  // by instruction_cost.h
  uint8_t length = 0;
  bool cuttable = false;  // a store that is no branch and no repeated string instruction
  bool uses_port = false;
  BlockEnd end = BlockEnd::ordinary;

  friend bool operator==(const InstructionSummary&, const InstructionSummary&) = default;
};

// False when it is not known; `into` is then as it was. Reads nothing outside `bytes`.
bool quick_decode(std::span<const uint8_t> bytes, InstructionSummary& into);

InstructionSummary summary_of(const Instruction& instruction);

}  // namespace ringside
