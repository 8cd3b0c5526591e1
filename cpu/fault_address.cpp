#include "cpu/fault_address.h"

#include <algorithm>

namespace ringside {

uint64_t effective_address(const MemoryOperand& operand, const Registers& registers, uint64_t next_rip) {
  uint64_t address = static_cast<uint64_t>(operand.displacement);
  if (operand.base == MemoryOperand::kRip) {
    address += next_rip;
  } else if (operand.base != MemoryOperand::kNone) {
    address += registers.general[operand.base];
  }
  if (operand.index != MemoryOperand::kNone) address += registers.general[operand.index] * operand.scale;
  if (operand.index_is_al) address += registers.general[Registers::rax] & 0xff;
  if (operand.address_is_32_bit) address = static_cast<uint32_t>(address);
  if (operand.address_is_16_bit) address = static_cast<uint16_t>(address);
  if (operand.bit_offset != MemoryOperand::kNone) {
    // BT m, r: the register is a signed count of bits; the processor reads the operand-sized unit of it
    // (SDM volume 2, BT).
    int64_t bits = static_cast<int64_t>(registers.general[operand.bit_offset]);
    if (operand.size == 4) bits = static_cast<int32_t>(bits);
    if (operand.size == 2) bits = static_cast<int16_t>(bits);
    const int64_t unit_bits = int64_t{operand.size} * 8;
    const int64_t units =
        unit_bits == 0 ? 0 : (bits >= 0 ? bits / unit_bits : -((-bits + unit_bits - 1) / unit_bits));
    address += static_cast<uint64_t>(units * operand.size);
  }
  if (operand.segment == MemoryOperand::Segment::fs) address += registers.fs_base;
  if (operand.segment == MemoryOperand::Segment::gs) address += registers.gs_base;
  return address;
}

namespace {

std::optional<FaultingOperand> find_operand(const Instruction& instruction, const Registers& registers,
                                            uint64_t page, Access access, bool kind_must_fit) {
  constexpr uint64_t kAreaBytes = 512;  // FXSAVE, the largest area
  for (uint8_t i = 0; i < instruction.operand_count; ++i) {
    const MemoryOperand& operand = instruction.operands[i];
    const bool fits = access == Access::write ? operand.write : operand.read;
    if (kind_must_fit && !fits) continue;
    const uint64_t first = effective_address(operand, registers, registers.rip + instruction.length);
    // Capstone gives areas an odd size or none: anything above a register may reach into the next page.
    const uint64_t size = operand.size == 0 || operand.size > 16 ? kAreaBytes : operand.size;
    const bool starts_in_page = (first & ~(kPageSize - 1)) == page;
    const bool reaches_page = ((first + size - 1) & ~(kPageSize - 1)) == page;
    if (!starts_in_page && !reaches_page) continue;
    const bool reaches_next_page = ((first + size - 1) & ~(kPageSize - 1)) == page + kPageSize;
    return FaultingOperand{starts_in_page ? first : page, operand.write, operand.stack, reaches_next_page};
  }
  return std::nullopt;
}

}  // namespace

std::optional<FaultingOperand> find_faulting_operand(const Instruction& instruction,
                                                     const Registers& registers, uint64_t page,
                                                     Access access) {
  // Capstone's table is sometimes wrong about the kind of an access. When no operand fits, the page alone
  // decides; an operand said to be written that was read first is both.
  if (auto found = find_operand(instruction, registers, page, access, true)) return found;
  return find_operand(instruction, registers, page, access, false);
}

}  // namespace ringside
