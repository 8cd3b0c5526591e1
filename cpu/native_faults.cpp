// Exceptions, as the emulator tells of them and as the architecture wants them: exact addresses, error codes,
// and what was executed before.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cpu/unicorn_native.h"
#include "sim/hash.h"

namespace ringside {
namespace {

constexpr uint8_t kDebug = 1, kUndefined = 6, kDoubleFault = 8, kTss = 10, kNotPresent = 11, kStack = 12,
                  kGeneral = 13, kPage = 14, kAlignment = 17;
constexpr uint64_t kLastPageOfLowerHalf = 0x7fff'ffff'f000;
constexpr uint64_t kDr6Step = 1 << 14;

}  // namespace

// A fault of the instruction at RIP: nothing of it has been done.
std::optional<Exit> NativeUnicornCpu::fault(uint8_t vector, std::optional<uint32_t> error_code) {
  settle_at(linear(rip()));
  return deliver({.kind = EventKind::exception, .vector = vector, .error_code = error_code});
}

std::optional<Exit> NativeUnicornCpu::exception_intercepted(uint8_t vector) {
  const uint64_t at = linear(rip());
  std::array<uint8_t, 2> bytes{};
  if (vector == kUndefined && peek(at, bytes.data(), 2) >= 1) {
    // ICEBP (F1), which the emulator does not know: a #DB trap.
    if (bytes[0] == 0xf1) {
      finish_instruction(1);
      return deliver({.kind = EventKind::exception, .vector = kDebug});
    }
    // RDPMC (0F 33) is undefined to the emulator; there are no counters to choose.
    if (bytes[0] == 0x0f && bytes[1] == 0x33) return fault(kGeneral, 0);
  }
  switch (vector) {
    case kDebug:
      // A trap: it comes behind its instruction, which is a block of its own.
      current_ = {};
      write(UC_X86_REG_DR6, read(UC_X86_REG_DR6) | kDr6Step);
      return deliver({.kind = EventKind::exception, .vector = vector});
    case kTss:
    case kNotPresent:
    case kStack:
    case kGeneral: return fault(vector, selector_error_code());
    case kDoubleFault:
    case kAlignment: return fault(vector, 0);
    default: return fault(vector, std::nullopt);
  }
}

// What bytes mean does not depend on where they lie, and faults come back to the same instructions.
bool NativeUnicornCpu::decode_at(uint64_t at, Instruction& into) {
  std::array<uint8_t, 16> bytes{};
  const size_t length = peek(at, bytes.data(), 15);
  bytes[15] = static_cast<uint8_t>(static_cast<unsigned>(code_mode().width) << 4 | length);
  Decoded& held = decoded_[hash64(bytes) % decoded_.size()];
  if (held.key != bytes) {
    held.known = disassembler_.decode({bytes.data(), length}, at, held.instruction, code_mode().width);
    held.key = bytes;
  }
  into = held.instruction;
  return held.known;
}

// --- Page faults ---

std::optional<Exit> NativeUnicornCpu::page_fault() {
  const Pending noted = pending_;
  Event event{.kind = EventKind::exception, .vector = kPage, .error_code = noted.error_code};
  if (noted.access == Access::fetch) {
    // Fetches fault while a block is made, before any of it is charged.
    current_ = {};
    if (auto other = advance_to_page_end(noted.page)) return other;
    if (advanced_) return std::nullopt;
    const uint64_t at = linear(rip());
    event.cr2 = (at & ~(kPageSize - 1)) == noted.page ? at : noted.page;
    return deliver(event);
  }
  const Registers now = registers();
  const uint64_t at = linear(now.rip);
  settle_at(at);
  event.cr2 = noted.page;
  Instruction instruction;
  if (decode_at(at, instruction)) {
    if (const auto operand = faulting_operand(instruction, now, noted.page, noted.access)) {
      // An operand that reaches over the end of the lower half is refused before any page is looked at.
      if (noted.page == kLastPageOfLowerHalf && operand->reaches_next_page && paging_.long_mode) {
        return deliver(
            {.kind = EventKind::exception, .vector = operand->stack ? kStack : kGeneral, .error_code = 0});
      }
      event.cr2 = operand->address;
      // The emulator reads before it writes; the processor asks for the right to write at once.
      if (operand->writes) event.error_code = noted.error_code | page_fault_code::write;
    }
  }
  return deliver(event);
}

std::optional<Exit> NativeUnicornCpu::general_fault() {
  const Pending noted = pending_;
  if (noted.access == Access::fetch) {
    current_ = {};
    if (auto other = advance_to_page_end(noted.page)) return other;
    if (advanced_) return std::nullopt;
    return fault(kGeneral, 0);
  }
  const Registers now = registers();
  Instruction instruction;
  if (decode_at(linear(now.rip), instruction)) {
    const auto operand = faulting_operand(instruction, now, noted.page, noted.access);
    if (operand && operand->stack) return fault(kStack, 0);
  }
  return fault(kGeneral, 0);
}

// As find_faulting_operand(), with the bases of segments.
std::optional<FaultingOperand> NativeUnicornCpu::faulting_operand(Instruction instruction,
                                                                  const Registers& registers, uint64_t page,
                                                                  Access access) const {
  if (paging_.long_mode && code_mode().width == CodeWidth::bits_64) {
    return find_faulting_operand(instruction, registers, page, access);
  }
  Registers flat = registers;
  flat.rip = linear(registers.rip);
  for (uint8_t i = 0; i < instruction.operand_count; ++i) {
    MemoryOperand& operand = instruction.operands[i];
    const uint64_t at = linear_address(operand, registers, registers.rip + instruction.length);
    MemoryOperand absolute;
    absolute.displacement = static_cast<int64_t>(at);
    absolute.size = operand.size;
    absolute.read = operand.read;
    absolute.write = operand.write;
    absolute.stack = operand.stack;
    operand = absolute;
  }
  return find_faulting_operand(instruction, flat, page, access);
}

// At CPL 3 a segment load reads descriptor tables as a supervisor, and a gate or an interrupt return may use
// a supervisor's stack; the emulator does not say so. An explicit operand is the user's all the same.
bool NativeUnicornCpu::is_implicit_access(uint64_t page, Access access) {
  if (access == Access::fetch) return false;
  Instruction instruction;
  if (!decode_at(linear(rip()), instruction) || !instruction.loads_segment) return false;
  const Registers now = registers();
  for (uint8_t i = 0; i < instruction.operand_count; ++i) {
    MemoryOperand operand = instruction.operands[i];
    const uint64_t first = linear_address(operand, now, now.rip + instruction.length);
    const uint64_t bytes_wide = operand.size == 0 ? 10 : operand.size;
    if ((first & ~(kPageSize - 1)) == page || ((first + bytes_wide - 1) & ~(kPageSize - 1)) == page)
      return false;
  }
  return true;
}

// The emulator does not tell error codes. They are 0 but for the load of a segment, where the code is the
// selector (APM volume 2, 8.4.1).
uint32_t NativeUnicornCpu::selector_error_code() {
  const Registers now = registers();
  const uint64_t at = linear(now.rip);
  std::array<uint8_t, 16> bytes{};
  const size_t length = peek(at, bytes.data(), 15);
  Instruction instruction;
  if (!disassembler_.decode({bytes.data(), length}, at, instruction, code_mode().width)) return 0;
  if (!instruction.loads_segment) return 0;
  const bool wide_code = code_mode().width == CodeWidth::bits_64;
  size_t opcode = 0;
  bool operand_prefix = false;
  uint8_t rex = 0;
  for (; opcode + 2 < length; ++opcode) {
    const uint8_t byte = bytes[opcode];
    const bool is_rex = wide_code && (byte & 0xf0) == 0x40;
    if (!is_rex && byte != 0x66 && byte != 0x67 && byte != 0x64 && byte != 0x65 && byte != 0x26 &&
        byte != 0x2e && byte != 0x36 && byte != 0x3e) {
      break;
    }
    operand_prefix = operand_prefix || byte == 0x66;
    rex = is_rex ? byte : 0;
  }
  const auto word_at = [&](uint64_t address) {
    uint16_t value = 0;
    return peek(address, reinterpret_cast<uint8_t*>(&value), 2) == 2 ? value & 0xfffcu : 0u;
  };
  const auto stack_word = [&](uint64_t offset) {
    MemoryOperand operand;
    operand.base = Registers::rsp;
    operand.implied = MemoryOperand::Implied::ss;
    operand.displacement = static_cast<int64_t>(offset);
    return word_at(linear_address(operand, now, 0));
  };
  const bool is_16 = code_mode().width == CodeWidth::bits_16;
  uint64_t width = is_16 != operand_prefix ? 2 : 4;
  if (rex & 8) width = 8;
  const uint8_t first = bytes[opcode], second = bytes[opcode + 1];
  const bool from_register = (second & 0xc0) == 0xc0;
  const bool is_table_load = first == 0x0f && second == 0x00;  // LLDT, LTR
  if (first == 0x8e || is_table_load) {
    const uint8_t modrm = first == 0x8e ? second : bytes[opcode + 2];
    const bool by_register = first == 0x8e ? from_register : (modrm & 0xc0) == 0xc0;
    if (by_register) return now.general[(modrm & 7) | (rex & 1) << 3] & 0xfffc;
    if (instruction.operand_count == 0) return 0;
    return word_at(linear_address(instruction.operands[0], now, now.rip + instruction.length));
  }
  if (first == 0x9a || first == 0xea) return word_at(at + opcode + 1 + width);
  if (first == 0xcf || first == 0xca || first == 0xcb) return stack_word(width);
  if (first == 0xff && instruction.operand_count > 0) {
    return word_at(linear_address(instruction.operands[0], now, now.rip + instruction.length) + width);
  }
  // POP of a segment register.
  return stack_word(0);
}

// --- Exact stops within a block ---

// A block that runs on into a page that cannot be fetched is refused as a whole, at its first instruction.
// The processor would execute what lies before that page: so do that now, and let it be found again.
std::optional<Exit> NativeUnicornCpu::advance_to_page_end(uint64_t page) {
  advanced_ = false;
  const uint64_t from = linear(rip());
  if ((from & ~(kPageSize - 1)) == page || page - from >= kPageSize) return std::nullopt;
  uint64_t to = from;
  Instruction instruction;
  std::array<uint8_t, kPageSize> bytes{};
  const size_t length = peek(from, bytes.data(), page - from);
  const CodeWidth width = code_mode().width;
  while (to < page &&
         disassembler_.decode(std::span(bytes).first(length).subspan(to - from), to, instruction, width)) {
    to += instruction.length;
  }
  if (to == from) return std::nullopt;
  const GuestPhys at = peek_page(from).value_or(GuestPhys{}) + (from & (kPageSize - 1));
  const uint64_t base = from - rip();
  const BlockTable::Cached& cached =
      blocks_.look_up_watched(from, at, std::span(bytes).first(to - from), BlockTable::Kept::never, width);
  blocks_.set_base(*cached.block, base);
  clock_.now.ps += cached.cost_ps;
  clock_.instructions += cached.instructions;
  current_ = {from, cached.size, 0, cached.block, false};
  shadow_ = false;
  advanced_ = true;
  return run_up_to(to);
}

// Runs from RIP, straight on, to `address`, in a block that has been charged. Returns an exit when something
// else comes first and wants one. Exit addresses are looked at when a block is made, so the block that is
// cached goes, and the short one that this makes goes as well.
std::optional<Exit> NativeUnicornCpu::run_up_to(uint64_t address) {
  const Current charged = current_;
  const auto forget_block = [&](uint64_t at) {
    if (const auto page = peek_page(at)) drop_blocks(*page + (at & (kPageSize - 1)), 1);
  };
  const uint64_t from_rip = rip();
  const uint64_t from = linear(from_rip);
  forget_block(from);
  uint64_t exits = address;
  uc_ctl_set_exits(uc_, &exits, 1);
  pending_ = {};
  stepping_ = true;
  stepping_entered_ = false;
  check_at_ps_ = 0;
  const uc_err error = run_emulator(from_rip);
  stepping_ = false;
  uc_ctl_set_exits(uc_, &exits, 0);
  if (current_.block != nullptr) {
    const uint32_t reached = current_.io_offset;
    current_ = charged;
    current_.io_offset = reached;
  }
  // The emulator imitates HLT at an exit address, and that is intercepted.
  constexpr uint32_t kHalt = 0x78;
  if (pending_.cause == Cause::intercept && pending_.vector == kHalt && linear(rip()) == address) {
    pending_ = {};
  }
  const Pending noted = pending_;
  forget_block(from);
  if (noted.cause == Cause::none) forget_block(address);
  if (noted.cause == Cause::boundary) forget_block(noted.page);
  pending_ = noted;
  if (pending_.cause == Cause::boundary) return std::nullopt;
  if (pending_.cause == Cause::none && linear(rip()) == address) return std::nullopt;
  return handle_exit(error);
}

}  // namespace ringside
