// What the bytes of an instruction mean: its kind for the cost table, the memory that it touches for exact
// fault addresses, and one line of text for people. This is the only place that knows Capstone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace ringside {

// The default width of the code segment; 64-bit code is no segment's, but long mode's.
enum class CodeWidth : uint8_t { bits_16, bits_32, bits_64 };

// What the last instruction of a block does to interrupts: whoever delivers them must look behind it.
enum class BlockEnd : uint8_t {
  ordinary,
  shadow,      // MOV SS, POP SS: no interrupt before the next instruction has been executed
  sti,         // the same, and may set IF
  sets_flags,  // POPF and all else that may set IF
  iret,        // as sets_flags, and ends the blocking of NMIs
};

enum class InstructionKind : uint8_t {
  simple,  // moves, integer arithmetic, logic, shifts, flags, NOP
  multiply,
  divide,
  branch,           // jumps, calls, returns
  string,           // one iteration of MOVS, STOS, LODS, CMPS, SCAS, repeated or not
  floating,         // x87, MMX and SSE arithmetic and moves
  floating_divide,  // division and square root
  transcendental,   // x87 sine, logarithm and the like
  state_area,       // FXSAVE, FXRSTOR, FNSAVE, FRSTOR
  cpuid,
  time_stamp,  // RDTSC, RDTSCP
  fence,       // MFENCE, LFENCE, SFENCE, locked instructions, CLFLUSH
  pause,
  system,   // SYSCALL, INT n and all that is privileged
  unknown,  // Capstone cannot decode it
};

// Where an operand in memory lies, as long as the registers are what they were before the instruction.
struct MemoryOperand {
  static constexpr uint8_t kNone = 0xff;
  static constexpr uint8_t kRip = 16;
  // Flat is DS, SS or ES, whichever the instruction implies; `implied` tells where their bases matter.
  enum class Segment : uint8_t { flat, fs, gs };
  enum class Implied : uint8_t { ds, es, ss, cs };

  uint8_t base = kNone;   // an index into Registers::general, or kRip
  uint8_t index = kNone;  // an index into Registers::general
  uint8_t scale = 1;
  uint8_t size = 0;            // bytes; 0 for areas larger than a register
  uint8_t bit_offset = kNone;  // BT and its kin: a register whose value counts bits from the address
  Segment segment = Segment::flat;
  Implied implied = Implied::ds;
  bool address_is_32_bit = false;
  bool address_is_16_bit = false;
  bool index_is_al = false;  // XLAT
  bool read = false;
  bool write = false;
  bool stack = false;  // by RSP or RBP: a non-canonical address gives #SS instead of #GP
  int64_t displacement = 0;
};

struct Instruction {
  uint8_t length = 0;
  InstructionKind kind = InstructionKind::unknown;
  bool repeated = false;       // REP, REPE, REPNE on a string instruction
  bool writes_memory = false;  // by any operand, the stack included
  bool uses_port = false;      // IN, OUT, INS, OUTS
  bool ends_block = false;     // a branch, or an instruction after which the emulator always looks up anew
  bool loads_segment = false;  // reads a descriptor table: a segment load, a far transfer
  BlockEnd end = BlockEnd::ordinary;
  uint8_t loads = 0, stores = 0;
  uint8_t operand_count = 0;
  std::array<MemoryOperand, 4> operands;  // in the order in which they are accessed
};

class Disassembler {
 public:
  Disassembler();
  ~Disassembler();
  Disassembler(const Disassembler&) = delete;
  Disassembler& operator=(const Disassembler&) = delete;

  // False when there is no whole valid instruction at the start of `bytes`.
  bool decode(std::span<const uint8_t> bytes, uint64_t address, Instruction& into,
              CodeWidth width = CodeWidth::bits_64) const;
  // "mov rax, qword ptr [rbx]"; empty when there is none. `length` gets its bytes.
  std::string text(std::span<const uint8_t> bytes, uint64_t address, unsigned& length,
                   CodeWidth width = CodeWidth::bits_64) const;

 private:
  struct Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace ringside
