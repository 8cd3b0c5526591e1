// The opcode maps of quick_decode: AMD64 Architecture Programmer's Manual volume 3 (24594, revision 3.34),
// appendix A, tables A-1 to A-4 (one-byte opcodes, and those after 0F) and A-6, A-7 (groups by ModRM.reg).
// A cell says what the instruction costs by Capstone 4.0.2 and instruction_cost.h, not what it computes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cpu/disassembler.h"

namespace ringside::opcode_maps {

using Kind = InstructionKind;

// What follows the opcode besides the immediate, and which of its forms are known.
enum class Operand : uint8_t {
  none,             // no ModRM byte
  any,              // register or memory
  memory,           // memory only
  memory_unless_w,  // register or memory, but with REX.W another instruction
  reg,              // register only
  reg_0,            // register only, and ModRM.rm is part of the opcode: 0
  reg_2,            // the same: 2
};

struct Form {
  char letter = '.';
  Kind kind = Kind::unknown;
  Operand operand = Operand::none;
  uint8_t loads = 0, stores = 0;                    // of an operand in memory
  uint8_t implicit_loads = 0, implicit_stores = 0;  // of the stack, or by a string instruction
  bool lockable = false;
  bool uses_port = false;
  BlockEnd end = BlockEnd::ordinary;
};

// The letters of the maps.
inline constexpr Form kForms[] = {
    {'.'},  // not known
    // Integer instructions: nothing but registers and immediates, then by what they do to their operand.
    {'s', Kind::simple},
    {'n', Kind::simple, Operand::reg_2},   // ENDBR64
    {'a', Kind::simple, Operand::memory},  // LEA and NOP: an address that is not accessed
    {'r', Kind::simple, Operand::any, 1, 0},
    {'w', Kind::simple, Operand::any, 0, 1},
    {'u', Kind::simple, Operand::any, 1, 1},
    {'l', Kind::simple, Operand::any, 1, 1, 0, 0, true},
    {'k', Kind::simple, Operand::memory, 1, 1, 0, 0, true},  // CMPXCHG8B
    {'m', Kind::multiply, Operand::any, 1, 0},
    {'d', Kind::divide, Operand::any, 1, 0},
    // The stack.
    {'p', Kind::simple, Operand::none, 0, 0, 0, 1},
    {'P', Kind::simple, Operand::any, 1, 0, 0, 1},
    {'q', Kind::simple, Operand::none, 0, 0, 1, 0},
    {'Q', Kind::simple, Operand::none, 0, 0, 1, 0, false, false, BlockEnd::sets_flags},  // POPF
    // Branches: jumps, calls, returns.
    {'j', Kind::branch},
    {'J', Kind::branch, Operand::any, 1, 0},
    {'c', Kind::branch, Operand::none, 0, 0, 0, 1},
    {'C', Kind::branch, Operand::any, 1, 0, 0, 1},
    {'t', Kind::branch, Operand::none, 0, 0, 1, 0},
    // String instructions: MOVS, CMPS, STOS, then LODS and SCAS.
    {'M', Kind::string, Operand::none, 0, 0, 1, 1},
    {'K', Kind::string, Operand::none, 0, 0, 2, 0},
    {'S', Kind::string, Operand::none, 0, 0, 0, 1},
    {'L', Kind::string, Operand::none, 0, 0, 1, 0},
    // MMX, SSE and SSE2. Capstone takes many stores for loads, and so do we.
    {'v', Kind::floating},
    {'f', Kind::floating, Operand::any, 1, 0},
    {'g', Kind::floating, Operand::any, 0, 1},
    {'h', Kind::floating, Operand::memory, 1, 0},
    {'b', Kind::floating, Operand::memory},  // PREFETCHh
    {'e', Kind::floating, Operand::reg},
    {'o', Kind::floating, Operand::memory_unless_w, 1, 0},
    {'D', Kind::floating_divide, Operand::any, 1, 0},
    // The system's.
    {'x', Kind::system},
    {'i', Kind::system, Operand::none, 0, 0, 0, 0, false, true},
    {'I', Kind::system, Operand::none, 0, 0, 0, 0, false, false, BlockEnd::sti},
    {'T', Kind::system, Operand::none, 0, 0, 1, 0, false, false, BlockEnd::iret},
    {'R', Kind::system, Operand::none, 0, 0, 0, 0, false, false, BlockEnd::sets_flags},  // SYSRET
    {'z', Kind::cpuid},
    {'Z', Kind::time_stamp},
    {'F', Kind::fence, Operand::reg_0},
    {'y', Kind::pause},
};

// A cell of a map is a letter of kForms, or a key of kGroups, and its immediate: b is a byte, w a word, z a
// word or doubleword by the operand's size, v the same or a quadword; in a group, i is what the opcode says.
inline constexpr std::string_view kOneByteMap[16] = {
    // 0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f
    "l  l  r  r  sb sz .  .  l  l  r  r  sb sz .  . ",  // 0
    "l  l  r  r  sb sz .  .  l  l  r  r  sb sz .  . ",  // 1
    "l  l  r  r  sb sz .  .  l  l  r  r  sb sz .  . ",  // 2
    "l  l  r  r  sb sz .  .  r  r  r  r  sb sz .  . ",  // 3
    ".  .  .  .  .  .  .  .  .  .  .  .  .  .  .  . ",  // 4
    "p  p  p  p  p  p  p  p  q  q  q  q  q  q  q  q ",  // 5
    ".  .  .  r  .  .  .  .  pz mz pb mb .  .  .  . ",  // 6
    "jb jb jb jb jb jb jb jb jb jb jb jb jb jb jb jb",  // 7
    "1b 1z .  1b r  r  l  l  w  w  r  r  .  a  .  . ",  // 8
    "s  s  s  s  s  s  s  s  s  s  .  v  p  Q  s  s ",  // 9
    ".  .  .  .  M  M  K  K  sb sz S  S  L  L  L  L ",  // a
    "sb sb sb sb sb sb sb sb sv sv sv sv sv sv sv sv",  // b
    "ub ub tw t  .  .  0b 0z .  q  .  .  x  xb .  T ",  // c
    "u  u  u  u  .  .  .  .  .  .  .  .  .  .  .  . ",  // d
    "jb jb jb jb ib ib ib ib cz jz .  jb i  i  i  i ",  // e
    ".  x  .  .  x  s  3b 3z s  s  x  I  s  s  4  5 ",  // f
};

inline constexpr std::string_view kTwoByteMap[16] = {
    // 0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f
    ".  .  .  .  .  x  s  R  .  .  .  x  .  6  .  . ",  // 0
    "f  .  f  h  f  f  f  h  7  .  .  .  .  .  .  a ",  // 1
    ".  .  .  .  .  .  .  .  f  g  f  h  f  .  f  f ",  // 2
    "x  Z  s  .  .  .  .  .  .  .  .  .  .  .  .  . ",  // 3
    "r  r  r  r  r  r  r  r  r  r  r  r  r  r  r  r ",  // 4
    "e  D  f  f  f  f  f  f  f  f  f  f  f  f  D  f ",  // 5
    "f  f  f  f  f  f  f  f  f  f  f  f  .  .  f  f ",  // 6
    "fb 2b 2b .  f  f  f  v  .  .  .  .  .  .  .  . ",  // 7
    "jz jz jz jz jz jz jz jz jz jz jz jz jz jz jz jz",  // 8
    "w  w  w  w  w  w  w  w  w  w  w  w  w  w  w  w ",  // 9
    "p  .  z  r  ub u  .  .  p  .  .  l  ub u  .  m ",  // a
    "l  l  .  l  .  .  r  r  .  .  8b l  r  r  r  r ",  // b
    "l  l  fb .  fb .  fb 9  s  s  s  s  s  s  s  s ",  // c
    ".  f  f  f  f  f  .  e  f  f  f  f  f  f  f  f ",  // d
    "f  f  f  f  f  f  .  h  f  f  f  f  f  f  f  f ",  // e
    ".  f  f  f  f  f  f  .  f  f  f  f  f  f  f  . ",  // f
};

struct Group {
  char key;
  std::string_view cells;  // by ModRM.reg
};

inline constexpr Group kGroups[] = {
    // 0  1  2  3  4  5  6  7
    {'1', "li li li li li li li ri"},  // 80-83: group 1
    {'3', "ri ri l  l  m  m  d  d "},  // F6, F7: group 3
    {'4', "l  l  .  .  .  .  .  . "},  // FE: group 4
    {'5', "l  l  C  .  J  .  P  . "},  // FF: group 5
    {'0', "wi .  .  .  .  .  .  . "},  // C6, C7: group 11
    {'8', ".  .  .  .  ri li li li"},  // 0F BA: group 8
    {'9', ".  k  .  .  .  .  .  . "},  // 0F C7: group 9
    {'2', ".  .  ei .  ei .  ei . "},  // 0F 71, 72: groups 12 and 13
    {'@', ".  .  ei .  .  .  ei . "},  // 0F 73: group 14
    {'#', ".  .  ei ei .  .  ei ei"},  // 66 0F 73: group 14
    {'7', "b  b  b  b  .  .  .  . "},  // 0F 18: group 16, PREFETCHh
    {'6', ".  a  .  .  .  .  .  . "},  // 0F 0D: group P, PREFETCHW
    {'E', ".  .  .  .  .  .  .  n "},  // F3 0F 1E: ENDBR64
    {'!', ".  .  .  .  .  F  F  F "},  // 0F AE: group 15, the fences
};

// Opcodes whose answer depends on the prefix.
struct ByPrefix {
  uint8_t map;  // 0: one byte, 1: after 0F
  uint8_t opcode;
  std::string_view cells;  // without, 66, F3, F2
};

inline constexpr ByPrefix kByPrefix[] = {
    {0, 0x90, "s  s  y  . "},  // NOP, PAUSE
    {0, 0xa5, "M  M  M  . "},  // Capstone takes F2 for MOVSD of SSE2, and sees no repetition
    {1, 0x11, "f  f  g  g "},  // MOVUPS, MOVUPD, MOVSS, MOVSD
    {1, 0x1e, ".  .  E  . "},  // ENDBR64
    {1, 0x2d, "f  f  .  . "},  // CVTPS2PI, CVTPD2PI
    {1, 0x6c, ".  f  .  . "},  // PUNPCKLQDQ
    {1, 0x6d, ".  f  .  . "},  // PUNPCKHQDQ
    {1, 0x73, "@b #b .  . "},  // PSRLQ, PSLLQ, with 66 PSRLDQ, PSLLDQ too
    {1, 0x7e, "o  g  o  . "},  // MOVD, MOVQ
    {1, 0x7f, "f  f  g  . "},  // MOVQ, MOVDQA, MOVDQU
    {1, 0xae, "!  .  .  . "},  // fences
    {1, 0xb8, ".  .  r  . "},  // POPCNT
    {1, 0xbc, "r  r  r  . "},  // BSF, TZCNT
    {1, 0xbd, "r  r  r  . "},  // BSR, LZCNT
    {1, 0xc3, "h  .  .  . "},  // MOVNTI
    {1, 0xc5, "eb eb .  . "},  // PEXTRW
    {1, 0xd6, ".  f  .  . "},  // MOVQ
    {1, 0xe6, ".  f  f  f "},  // CVTTPD2DQ, CVTDQ2PD, CVTPD2DQ
};

struct Cell {
  uint8_t form = 0;  // an index of kForms, or of kGroups from kGroup on
  char immediate = ' ';
};
inline constexpr uint8_t kGroup = 0x80;

// Not constant, and so an error when the maps are made, for a letter that is in neither table.
constexpr Cell parse(std::string_view cells, size_t at) {
  const char letter = cells[at * 3], immediate = cells[at * 3 + 1];
  for (size_t i = 0; i < std::size(kForms); ++i) {
    if (kForms[i].letter == letter) return {static_cast<uint8_t>(i), immediate};
  }
  for (size_t i = 0; i < std::size(kGroups); ++i) {
    if (kGroups[i].key == letter) return {static_cast<uint8_t>(kGroup + i), immediate};
  }
  throw letter;
}

enum Column : uint8_t { kPlain, kOperandSize, kRepeat, kRepeatNot };
using OpcodeMap = std::array<std::array<Cell, 256>, 4>;  // by Column

constexpr bool is_floating(Kind kind) { return kind == Kind::floating || kind == Kind::floating_divide; }

// Whether F2 or F3 leave an instruction what it is, or make it another one of the same cost.
constexpr bool may_be_repeated(Cell cell) {
  if (cell.form & kGroup) return false;
  const Kind kind = kForms[cell.form].kind;
  return kind == Kind::string || kind == Kind::branch || is_floating(kind);
}

constexpr OpcodeMap expand(const std::string_view (&rows)[16], uint8_t map) {
  OpcodeMap cells{};
  for (size_t opcode = 0; opcode < 256; ++opcode) {
    const Cell cell = parse(rows[opcode / 16], opcode % 16);
    cells[kPlain][opcode] = cells[kOperandSize][opcode] = cell;
    if (may_be_repeated(cell)) cells[kRepeat][opcode] = cells[kRepeatNot][opcode] = cell;
  }
  for (const ByPrefix& entry : kByPrefix) {
    if (entry.map != map) continue;
    for (size_t column = 0; column < 4; ++column) cells[column][entry.opcode] = parse(entry.cells, column);
  }
  return cells;
}

inline constexpr std::array<OpcodeMap, 2> kMaps = {expand(kOneByteMap, 0), expand(kTwoByteMap, 1)};

inline constexpr auto kGroupCells = [] {
  std::array<std::array<Cell, 8>, std::size(kGroups)> cells{};
  for (size_t group = 0; group < cells.size(); ++group) {
    for (size_t reg = 0; reg < 8; ++reg) cells[group][reg] = parse(kGroups[group].cells, reg);
  }
  return cells;
}();

}  // namespace ringside::opcode_maps
