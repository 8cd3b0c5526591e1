#include "cpu/disassembler.h"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include "cpu/cpu.h"
#include "sim/assert.h"

namespace ringside {

std::string capstone_version() {
  // Capstone 4.0 counts its patch level in CS_VERSION_EXTRA, which the library itself does not report.
  int major = 0, minor = 0;
  cs_version(&major, &minor);
  return fmt::format("{}.{}.{}", major, minor, CS_VERSION_EXTRA);
}

struct Disassembler::Engine {
  std::array<csh, 3> handles{};  // by CodeWidth
  cs_insn* instruction = nullptr;

  csh handle(CodeWidth width) const { return handles[static_cast<size_t>(width)]; }
};

Disassembler::Disassembler() : engine_(std::make_unique<Engine>()) {
  constexpr std::array<cs_mode, 3> kModes = {CS_MODE_16, CS_MODE_32, CS_MODE_64};
  for (size_t i = 0; i < kModes.size(); ++i) {
    SIM_ASSERT(cs_open(CS_ARCH_X86, kModes[i], &engine_->handles[i]) == CS_ERR_OK);
    cs_option(engine_->handles[i], CS_OPT_DETAIL, CS_OPT_ON);
  }
  engine_->instruction = cs_malloc(engine_->handle(CodeWidth::bits_64));
  SIM_ASSERT(engine_->instruction != nullptr);
}

Disassembler::~Disassembler() {
  cs_free(engine_->instruction, 1);
  for (csh& handle : engine_->handles) cs_close(&handle);
}

namespace {

using General = Registers::General;

// An index into Registers::general for any width of the register, or kNone.
uint8_t general_index(unsigned reg) {
  switch (reg) {
    case X86_REG_AL:
    case X86_REG_AH:
    case X86_REG_AX:
    case X86_REG_EAX:
    case X86_REG_RAX: return General::rax;
    case X86_REG_CL:
    case X86_REG_CH:
    case X86_REG_CX:
    case X86_REG_ECX:
    case X86_REG_RCX: return General::rcx;
    case X86_REG_DL:
    case X86_REG_DH:
    case X86_REG_DX:
    case X86_REG_EDX:
    case X86_REG_RDX: return General::rdx;
    case X86_REG_BL:
    case X86_REG_BH:
    case X86_REG_BX:
    case X86_REG_EBX:
    case X86_REG_RBX: return General::rbx;
    case X86_REG_SP:
    case X86_REG_ESP:
    case X86_REG_RSP: return General::rsp;
    case X86_REG_BP:
    case X86_REG_EBP:
    case X86_REG_RBP: return General::rbp;
    case X86_REG_SI:
    case X86_REG_ESI:
    case X86_REG_RSI: return General::rsi;
    case X86_REG_DI:
    case X86_REG_EDI:
    case X86_REG_RDI: return General::rdi;
    default: break;
  }
  const auto numbered = [&](unsigned first) { return static_cast<uint8_t>(General::r8 + (reg - first)); };
  if (reg >= X86_REG_R8 && reg <= X86_REG_R15) return numbered(X86_REG_R8);
  if (reg >= X86_REG_R8D && reg <= X86_REG_R15D) return numbered(X86_REG_R8D);
  if (reg >= X86_REG_R8W && reg <= X86_REG_R15W) return numbered(X86_REG_R8W);
  return MemoryOperand::kNone;
}

bool is_one_of(unsigned id, std::initializer_list<unsigned> ids) {
  for (unsigned candidate : ids) {
    if (candidate == id) return true;
  }
  return false;
}

bool is_string(const cs_insn& insn) {
  // MOVSD and CMPSD are also the names of two SSE2 instructions: those are 0F xx.
  if (is_one_of(insn.id, {X86_INS_MOVSD, X86_INS_CMPSD})) {
    return insn.detail->x86.opcode[0] == 0xa5 || insn.detail->x86.opcode[0] == 0xa7;
  }
  return is_one_of(
      insn.id, {X86_INS_MOVSB, X86_INS_MOVSW, X86_INS_MOVSQ, X86_INS_STOSB, X86_INS_STOSW, X86_INS_STOSD,
                X86_INS_STOSQ, X86_INS_LODSB, X86_INS_LODSW, X86_INS_LODSD, X86_INS_LODSQ, X86_INS_CMPSB,
                X86_INS_CMPSW, X86_INS_CMPSQ, X86_INS_SCASB, X86_INS_SCASW, X86_INS_SCASD, X86_INS_SCASQ});
}

bool in_group(const cs_insn& insn, uint8_t group) {
  for (uint8_t i = 0; i < insn.detail->groups_count; ++i) {
    if (insn.detail->groups[i] == group) return true;
  }
  return false;
}

bool is_floating(const cs_insn& insn) {
  const uint8_t* opcode = insn.detail->x86.opcode;
  if (opcode[0] >= 0xd8 && opcode[0] <= 0xdf) return true;
  for (uint8_t group : {X86_GRP_MMX, X86_GRP_SSE1, X86_GRP_SSE2, X86_GRP_SSE3, X86_GRP_SSSE3, X86_GRP_SSE41,
                        X86_GRP_SSE42, X86_GRP_SSE4A, X86_GRP_3DNOW, X86_GRP_AES, X86_GRP_FPU}) {
    if (in_group(insn, group)) return true;
  }
  return false;
}

InstructionKind kind_of(const cs_insn& insn) {
  if (is_string(insn)) return InstructionKind::string;
  using Kind = InstructionKind;
  struct Group {
    Kind kind;
    std::initializer_list<unsigned> ids;
  };
  static const Group kGroups[] = {
      {Kind::multiply, {X86_INS_MUL, X86_INS_IMUL}},
      {Kind::divide, {X86_INS_DIV, X86_INS_IDIV}},
      {Kind::cpuid, {X86_INS_CPUID}},
      {Kind::time_stamp, {X86_INS_RDTSC, X86_INS_RDTSCP}},
      {Kind::fence, {X86_INS_MFENCE, X86_INS_LFENCE, X86_INS_SFENCE, X86_INS_CLFLUSH}},
      {Kind::pause, {X86_INS_PAUSE}},
      {Kind::state_area,
       {X86_INS_FXSAVE, X86_INS_FXSAVE64, X86_INS_FXRSTOR, X86_INS_FXRSTOR64, X86_INS_FNSAVE, X86_INS_FRSTOR,
        X86_INS_FNSTENV, X86_INS_FLDENV}},
      {Kind::floating_divide,
       {X86_INS_FDIV, X86_INS_FDIVR, X86_INS_FDIVP, X86_INS_FDIVRP, X86_INS_FIDIV, X86_INS_FIDIVR,
        X86_INS_FSQRT, X86_INS_FPREM, X86_INS_FPREM1, X86_INS_DIVSS, X86_INS_DIVSD, X86_INS_DIVPS,
        X86_INS_DIVPD, X86_INS_SQRTSS, X86_INS_SQRTSD, X86_INS_SQRTPS, X86_INS_SQRTPD}},
      {Kind::transcendental,
       {X86_INS_FSIN, X86_INS_FCOS, X86_INS_FSINCOS, X86_INS_FPTAN, X86_INS_FPATAN, X86_INS_F2XM1,
        X86_INS_FYL2X, X86_INS_FYL2XP1, X86_INS_FSCALE}},
      {Kind::system,
       {X86_INS_SYSCALL, X86_INS_SYSENTER, X86_INS_SYSRET, X86_INS_SYSEXIT, X86_INS_INT, X86_INS_INT1,
        X86_INS_INT3, X86_INS_INTO, X86_INS_UD2, X86_INS_HLT, X86_INS_IN, X86_INS_OUT, X86_INS_IRETQ,
        X86_INS_IRETD, X86_INS_IRET}},
      {Kind::branch, {X86_INS_LOOP, X86_INS_LOOPE, X86_INS_LOOPNE, X86_INS_JRCXZ, X86_INS_JECXZ}},
  };
  for (const Group& group : kGroups) {
    if (is_one_of(insn.id, group.ids)) return group.kind;
  }
  if (in_group(insn, X86_GRP_JUMP) || in_group(insn, X86_GRP_CALL) || in_group(insn, X86_GRP_RET)) {
    return InstructionKind::branch;
  }
  if (in_group(insn, X86_GRP_PRIVILEGE) || in_group(insn, X86_GRP_VM)) return InstructionKind::system;
  if (is_floating(insn)) return InstructionKind::floating;
  if (insn.detail->x86.prefix[0] == X86_PREFIX_LOCK) return InstructionKind::fence;
  return InstructionKind::simple;
}

MemoryOperand stack_operand(int64_t displacement, uint8_t size, bool write) {
  MemoryOperand operand;
  operand.base = General::rsp;
  operand.displacement = displacement;
  operand.size = size;
  operand.read = !write;
  operand.write = write;
  operand.stack = true;
  operand.implied = MemoryOperand::Implied::ss;
  return operand;
}

// Bytes that a push or pop moves.
uint8_t stack_width(const cs_insn& insn, CodeWidth width) {
  const bool prefixed = insn.detail->x86.prefix[2] == X86_PREFIX_OPSIZE;
  if (width == CodeWidth::bits_64) return prefixed ? 2 : 8;
  return (width == CodeWidth::bits_32) != prefixed ? 4 : 2;
}

bool loads_segment(const cs_insn& insn) {
  const cs_x86& x86 = insn.detail->x86;
  switch (insn.id) {
    case X86_INS_LJMP:
    case X86_INS_LCALL:
    case X86_INS_RETF:
    case X86_INS_RETFQ:
    case X86_INS_IRET:
    case X86_INS_IRETD:
    case X86_INS_IRETQ:
    case X86_INS_LDS:
    case X86_INS_LES:
    case X86_INS_LFS:
    case X86_INS_LGS:
    case X86_INS_LSS:
    case X86_INS_LTR:
    case X86_INS_LLDT:
    case X86_INS_LAR:
    case X86_INS_LSL:
    case X86_INS_VERR:
    case X86_INS_VERW: return true;
    case X86_INS_MOV:
    case X86_INS_POP:
      return x86.op_count > 0 && x86.operands[0].type == X86_OP_REG &&
             is_one_of(x86.operands[0].reg, {X86_REG_DS, X86_REG_ES, X86_REG_SS, X86_REG_FS, X86_REG_GS});
    default: return false;
  }
}

BlockEnd end_of(const cs_insn& insn) {
  const cs_x86& x86 = insn.detail->x86;
  switch (insn.id) {
    case X86_INS_STI: return BlockEnd::sti;
    case X86_INS_IRET:
    case X86_INS_IRETD:
    case X86_INS_IRETQ: return BlockEnd::iret;
    case X86_INS_POPF:
    case X86_INS_POPFD:
    case X86_INS_POPFQ:
    case X86_INS_SYSRET:
    // A far jump or call may lead to another task.
    case X86_INS_LJMP:
    case X86_INS_LCALL: return BlockEnd::sets_flags;
    case X86_INS_MOV:
    case X86_INS_POP:
      return x86.op_count > 0 && x86.operands[0].type == X86_OP_REG && x86.operands[0].reg == X86_REG_SS
                 ? BlockEnd::shadow
                 : BlockEnd::ordinary;
    default: return BlockEnd::ordinary;
  }
}

MemoryOperand explicit_operand(const cs_insn& insn, const cs_x86_op& op) {
  MemoryOperand operand;
  operand.base = op.mem.base == X86_REG_RIP || op.mem.base == X86_REG_EIP ? MemoryOperand::kRip
                                                                          : general_index(op.mem.base);
  operand.index = general_index(op.mem.index);
  operand.scale = static_cast<uint8_t>(op.mem.scale);
  operand.displacement = op.mem.disp;
  operand.size = op.size;
  operand.address_is_32_bit = insn.detail->x86.addr_size == 4;
  operand.address_is_16_bit = insn.detail->x86.addr_size == 2;
  if (operand.base == General::rsp || operand.base == General::rbp) {
    operand.implied = MemoryOperand::Implied::ss;
  }
  if (op.mem.segment == X86_REG_CS) operand.implied = MemoryOperand::Implied::cs;
  if (op.mem.segment == X86_REG_DS) operand.implied = MemoryOperand::Implied::ds;
  if (op.mem.segment == X86_REG_ES) operand.implied = MemoryOperand::Implied::es;
  if (op.mem.segment == X86_REG_SS) operand.implied = MemoryOperand::Implied::ss;
  if (op.mem.segment == X86_REG_FS) operand.segment = MemoryOperand::Segment::fs;
  if (op.mem.segment == X86_REG_GS) operand.segment = MemoryOperand::Segment::gs;
  operand.stack = (operand.base == General::rsp || operand.base == General::rbp) &&
                  operand.segment == MemoryOperand::Segment::flat;
  operand.read = op.access & CS_AC_READ;
  operand.write = op.access & CS_AC_WRITE;
  return operand;
}

// What Capstone's table says wrongly, or not at all, about the access to an explicit operand.
void correct_access(const cs_insn& insn, MemoryOperand& operand) {
  const uint8_t* encoded = insn.detail->x86.opcode;
  if (encoded[0] == 0x0f && (encoded[1] & 0xf0) == 0x90) {  // SETcc
    operand.read = false;
    operand.write = true;
    return;
  }
  switch (insn.id) {
    case X86_INS_LEA:
    case X86_INS_NOP:
    case X86_INS_PREFETCHT0:
    case X86_INS_PREFETCHT1:
    case X86_INS_PREFETCHT2:
    case X86_INS_PREFETCHNTA:
    case X86_INS_PREFETCHW:
    case X86_INS_PREFETCH: operand.read = operand.write = false; return;
    case X86_INS_ADD:
    case X86_INS_OR:
    case X86_INS_ADC:
    case X86_INS_SBB:
    case X86_INS_AND:
    case X86_INS_SUB:
    case X86_INS_XOR: {
      // The first operand is read and written, another one only read; opcode bit 1 and the immediate forms
      // 80-83 say which one is in memory.
      const uint8_t opcode = insn.detail->x86.opcode[0];
      const bool destination = (opcode >= 0x80 && opcode <= 0x83) || !(opcode & 2);
      operand.read = true;
      operand.write = destination;
      return;
    }
    case X86_INS_INC:
    case X86_INS_DEC:
    case X86_INS_NOT:
    case X86_INS_NEG:
    case X86_INS_XCHG:
    case X86_INS_XADD:
    case X86_INS_CMPXCHG:
    case X86_INS_CMPXCHG8B:
    case X86_INS_CMPXCHG16B:
    case X86_INS_SHL:
    case X86_INS_SAL:
    case X86_INS_SHR:
    case X86_INS_SAR:
    case X86_INS_ROL:
    case X86_INS_ROR:
    case X86_INS_RCL:
    case X86_INS_RCR:
    case X86_INS_SHLD:
    case X86_INS_SHRD:
    case X86_INS_BTS:
    case X86_INS_BTR:
    case X86_INS_BTC: operand.read = operand.write = true; return;
    case X86_INS_CMP:
    case X86_INS_TEST:
    case X86_INS_BT:
    case X86_INS_PUSH:
    case X86_INS_CALL:
    case X86_INS_JMP:
    case X86_INS_MUL:
    case X86_INS_IMUL:
    case X86_INS_DIV:
    case X86_INS_IDIV:
    case X86_INS_FXRSTOR:
    case X86_INS_FXRSTOR64:
    case X86_INS_FRSTOR:
    case X86_INS_FLDENV:
    case X86_INS_LDMXCSR:
      operand.read = true;
      operand.write = false;
      return;
    case X86_INS_POP:
    case X86_INS_FXSAVE:
    case X86_INS_FXSAVE64:
    case X86_INS_FNSAVE:
    case X86_INS_FNSTENV:
    case X86_INS_STMXCSR:
    case X86_INS_FST:
    case X86_INS_FSTP:
    case X86_INS_FISTP:
    case X86_INS_FIST:
    case X86_INS_FISTTP:
    case X86_INS_FBSTP:
    case X86_INS_FNSTCW:
    case X86_INS_FNSTSW:
      operand.read = false;
      operand.write = true;
      return;
    default:
      // An operand of which the table says nothing may be either.
      if (!operand.read && !operand.write) operand.read = operand.write = true;
  }
}

class OperandList {
 public:
  explicit OperandList(Instruction& into) : into_(into) {}
  void add(const MemoryOperand& operand) {
    if (!operand.read && !operand.write) return;
    if (into_.operand_count == into_.operands.size()) return;
    into_.operands[into_.operand_count++] = operand;
    into_.loads += operand.read;
    into_.stores += operand.write;
    into_.writes_memory |= operand.write;
  }

 private:
  Instruction& into_;
};

void add_string_operands(const cs_insn& insn, OperandList& list) {
  const cs_x86& x86 = insn.detail->x86;
  MemoryOperand source, destination;
  source.base = General::rsi;
  destination.base = General::rdi;
  const uint8_t size = x86.op_count > 0 ? x86.operands[0].size : 0;
  source.size = destination.size = size;
  source.address_is_32_bit = destination.address_is_32_bit = x86.addr_size == 4;
  source.address_is_16_bit = destination.address_is_16_bit = x86.addr_size == 2;
  destination.implied = MemoryOperand::Implied::es;
  if (x86.prefix[1] == X86_PREFIX_FS) source.segment = MemoryOperand::Segment::fs;
  if (x86.prefix[1] == X86_PREFIX_GS) source.segment = MemoryOperand::Segment::gs;
  switch (x86.opcode[0] & 0xfe) {
    case 0xa4:  // MOVS
      source.read = destination.write = true;
      list.add(source);
      return list.add(destination);
    case 0xa6:  // CMPS: the emulator reads [rdi] first, and so do we
      source.read = destination.read = true;
      list.add(destination);
      return list.add(source);
    case 0xaa:  // STOS
      destination.write = true;
      return list.add(destination);
    case 0xac:  // LODS
      source.read = true;
      return list.add(source);
    default:  // SCAS
      destination.read = true;
      return list.add(destination);
  }
}

// Memory that is not among the operands as they are written: the stack, XLAT's table, MASKMOV's target.
void add_implicit_operands(const cs_insn& insn, bool before, CodeWidth code, OperandList& list) {
  const uint8_t width = stack_width(insn, code);
  const bool reads_stack_first = is_one_of(
      insn.id, {X86_INS_POP, X86_INS_POPF, X86_INS_POPFQ, X86_INS_RET, X86_INS_RETF, X86_INS_RETFQ,
                X86_INS_IRET, X86_INS_IRETD, X86_INS_IRETQ, X86_INS_POPFD, X86_INS_POPAW, X86_INS_POPAL});
  const bool writes_stack_last = is_one_of(
      insn.id, {X86_INS_PUSH, X86_INS_PUSHF, X86_INS_PUSHFQ, X86_INS_CALL, X86_INS_PUSHFD, X86_INS_LCALL});
  if (before) {
    if (reads_stack_first) list.add(stack_operand(0, width, false));
    return;
  }
  if (writes_stack_last) list.add(stack_operand(-int64_t{width}, width, true));
  if (insn.id == X86_INS_ENTER) list.add(stack_operand(-int64_t{width}, width, true));
  if (insn.id == X86_INS_PUSHAW) list.add(stack_operand(-16, 16, true));
  if (insn.id == X86_INS_PUSHAL) list.add(stack_operand(-32, 32, true));
  if (insn.id == X86_INS_LEAVE) {
    MemoryOperand operand = stack_operand(0, width, false);
    operand.base = General::rbp;
    list.add(operand);
  }
  if (insn.id == X86_INS_XLATB) {
    MemoryOperand operand;
    operand.base = General::rbx;
    operand.index_is_al = operand.read = true;
    operand.size = 1;
    list.add(operand);
  }
  if (insn.id == X86_INS_MASKMOVQ || insn.id == X86_INS_MASKMOVDQU) {
    MemoryOperand operand;
    operand.base = General::rdi;
    operand.write = true;
    list.add(operand);
  }
}

void add_operands(const cs_insn& insn, CodeWidth code, Instruction& into) {
  OperandList list(into);
  if (into.kind == InstructionKind::string) return add_string_operands(insn, list);
  add_implicit_operands(insn, true, code, list);
  const cs_x86& x86 = insn.detail->x86;
  for (uint8_t i = 0; i < x86.op_count; ++i) {
    if (x86.operands[i].type != X86_OP_MEM || insn.id == X86_INS_XLATB) continue;
    MemoryOperand operand = explicit_operand(insn, x86.operands[i]);
    correct_access(insn, operand);
    if (is_one_of(insn.id, {X86_INS_BT, X86_INS_BTS, X86_INS_BTR, X86_INS_BTC}) && x86.op_count == 2 &&
        x86.operands[1].type == X86_OP_REG) {
      operand.bit_offset = general_index(x86.operands[1].reg);
    }
    // POP [rsp + n] computes the address with RSP as it is after the pop (SDM volume 2, POP).
    if (insn.id == X86_INS_POP && operand.base == General::rsp) operand.displacement += operand.size;
    list.add(operand);
  }
  add_implicit_operands(insn, false, code, list);
}

}  // namespace

bool Disassembler::decode(std::span<const uint8_t> bytes, uint64_t address, Instruction& into,
                          CodeWidth width) const {
  into = Instruction{};
  const uint8_t* code = bytes.data();
  size_t size = bytes.size();
  uint64_t at = address;
  if (!cs_disasm_iter(engine_->handle(width), &code, &size, &at, engine_->instruction)) return false;
  const cs_insn& insn = *engine_->instruction;
  into.length = static_cast<uint8_t>(insn.size);
  into.kind = kind_of(insn);
  const uint8_t prefix = insn.detail->x86.prefix[0];
  into.repeated =
      into.kind == InstructionKind::string && (prefix == X86_PREFIX_REP || prefix == X86_PREFIX_REPNE);
  into.ends_block =
      into.kind == InstructionKind::branch || into.kind == InstructionKind::system || into.repeated;
  into.uses_port = is_one_of(insn.id, {X86_INS_IN, X86_INS_OUT, X86_INS_INSB, X86_INS_INSW, X86_INS_INSD,
                                       X86_INS_OUTSB, X86_INS_OUTSW, X86_INS_OUTSD});
  into.end = end_of(insn);
  into.loads_segment = loads_segment(insn);
  add_operands(insn, width, into);
  return true;
}

std::string Disassembler::text(std::span<const uint8_t> bytes, uint64_t address, unsigned& length,
                               CodeWidth width) const {
  const uint8_t* code = bytes.data();
  size_t size = bytes.size();
  uint64_t at = address;
  length = 0;
  if (!cs_disasm_iter(engine_->handle(width), &code, &size, &at, engine_->instruction)) return {};
  const cs_insn& insn = *engine_->instruction;
  length = insn.size;
  return insn.op_str[0] == 0 ? std::string(insn.mnemonic) : fmt::format("{} {}", insn.mnemonic, insn.op_str);
}

}  // namespace ringside
