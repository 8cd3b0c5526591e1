#include "cpu/instruction_cost.h"

namespace ringside {

std::string cost_table_version() { return "3"; }

uint32_t cycles_of(InstructionKind kind) {
  switch (kind) {
    case InstructionKind::simple: return 1;
    case InstructionKind::multiply: return 3;
    case InstructionKind::divide: return 26;
    case InstructionKind::branch: return 2;
    case InstructionKind::string: return 1;
    case InstructionKind::floating: return 3;
    case InstructionKind::floating_divide: return 15;
    case InstructionKind::transcendental: return 100;
    case InstructionKind::state_area: return 60;
    case InstructionKind::cpuid: return 150;
    case InstructionKind::time_stamp: return 25;
    case InstructionKind::fence: return 20;
    case InstructionKind::pause: return 400;
    case InstructionKind::system: return 10;
    case InstructionKind::unknown: return 1;
  }
  return 1;
}

uint32_t cycles_of(ExitReason reason) {
  switch (reason) {
    case ExitReason::hypercall: return 400;
    case ExitReason::exception:
    case ExitReason::invalid_opcode: return 1000;
    case ExitReason::halt: return 400;
    case ExitReason::port_io: return 1000;
    case ExitReason::deadline:
    case ExitReason::stop_requested:
    case ExitReason::breakpoint:
    case ExitReason::stepped:
    case ExitReason::shutdown:
    case ExitReason::broken: return 0;
  }
  return 0;
}

uint32_t cycles_of(const Instruction& instruction) {
  return cycles_of(instruction.kind) + instruction.loads * kLoadCycles + instruction.stores * kStoreCycles;
}

}  // namespace ringside
