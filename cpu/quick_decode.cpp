// The decoder over the opcode maps: prefixes, ModRM, SIB, displacement and immediate as in AMD64 Architecture
// Programmer's Manual volume 3 (24594, revision 3.34), chapter 1.
#include "cpu/quick_decode.h"

#include <algorithm>

#include "cpu/instruction_cost.h"
#include "cpu/opcode_maps.h"

namespace ringside {

namespace {

using namespace opcode_maps;

// The bytes of one instruction from its first on; past the end of what may be read there is nothing.
class Bytes {
 public:
  explicit Bytes(std::span<const uint8_t> bytes) : bytes_(bytes.first(std::min(bytes.size(), kLengthMax))) {}
  bool ended() const { return at_ >= bytes_.size(); }
  uint8_t peek() const { return ended() ? 0 : bytes_[at_]; }
  uint8_t next() { return ended() ? (++at_, 0) : bytes_[at_++]; }
  void skip(size_t count) { at_ += count; }
  bool overran() const { return at_ > bytes_.size(); }
  uint8_t length() const { return static_cast<uint8_t>(at_); }

 private:
  static constexpr size_t kLengthMax = 15;
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

struct Prefixes {
  bool operand_size = false, lock = false, segment = false;
  uint8_t repeat = 0;  // F2 or F3
  uint8_t last = 0;    // of all but REX
  uint8_t count = 0;   // the same
  uint8_t rex = 0;

  bool wide() const { return rex & 8; }
  Column column() const {
    if (repeat) return repeat == 0xf3 ? kRepeat : kRepeatNot;
    return operand_size ? kOperandSize : kPlain;
  }
  // Capstone takes 66, F2 and F3 for a part of the opcode only where no other prefix follows.
  bool column_certain() const {
    if (repeat) return last == repeat;
    return !operand_size || last == 0x66;
  }
};

// False for those whose effect is not certain: two of one group. What stands where no opcode may, as 67, is
// in no map.
bool read_prefixes(Bytes& bytes, Prefixes& into) {
  for (;; into.last = bytes.next(), ++into.count) {
    const uint8_t byte = bytes.peek();
    switch (byte) {
      case 0x66: into.operand_size = true; continue;
      case 0xf0:
        if (into.lock || into.repeat) return false;
        into.lock = true;
        continue;
      case 0xf2:
      case 0xf3:
        if (into.lock || into.repeat) return false;
        into.repeat = byte;
        continue;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
        if (into.segment) return false;
        into.segment = true;
        continue;
      default: break;
    }
    if ((byte & 0xf0) == 0x40) into.rex = bytes.next();
    return true;
  }
}

// Past the SIB byte and the displacement (APM volume 3, 1.4).
void skip_address(Bytes& bytes, uint8_t modrm) {
  const uint8_t mod = modrm >> 6, rm = modrm & 7;
  if (mod == 3) return;
  const uint8_t base = rm == 4 ? bytes.next() & 7 : rm;
  if (mod == 1) return bytes.skip(1);
  if (mod == 2 || base == 5) bytes.skip(4);
}

size_t immediate_bytes(char letter, const Prefixes& prefixes) {
  switch (letter) {
    case 'b': return 1;
    case 'w': return 2;
    case 'v':
      if (prefixes.wide()) return 8;
      [[fallthrough]];
    case 'z': return prefixes.operand_size && !prefixes.wide() ? 2 : 4;
    default: return 0;
  }
}

bool operand_known(const Form& form, uint8_t modrm, const Prefixes& prefixes) {
  const bool memory = modrm < 0xc0;
  switch (form.operand) {
    case Operand::none:
    case Operand::any: return true;
    case Operand::memory: return memory;
    case Operand::memory_unless_w: return !prefixes.wide();
    case Operand::reg: return !memory;
    case Operand::reg_0: return !memory && (modrm & 7) == 0;
    case Operand::reg_2: return !memory && (modrm & 7) == 2 && prefixes.count == 1 && !prefixes.rex;
  }
  return false;
}

bool prefixes_known(const Form& form, bool memory, const Prefixes& prefixes) {
  if (prefixes.lock && !(form.lockable && memory)) return false;
  if ((prefixes.repeat || is_floating(form.kind)) && !prefixes.column_certain()) return false;
  if (form.kind == Kind::pause && prefixes.rex) return false;  // then it may be XCHG
  if (!prefixes.operand_size) return true;
  return form.kind != Kind::branch && form.kind != Kind::system &&
         !(prefixes.repeat && is_floating(form.kind));
}

InstructionSummary summary(const Form& form, bool memory, const Prefixes& prefixes) {
  InstructionSummary result;
  const uint32_t loads = form.implicit_loads + (memory ? form.loads : 0);
  const uint32_t stores = form.implicit_stores + (memory ? form.stores : 0);
  const Kind kind = prefixes.lock ? Kind::fence : form.kind;
  result.cycles = cycles_of(kind) + loads * kLoadCycles + stores * kStoreCycles;
  const bool ends_block =
      kind == Kind::branch || kind == Kind::system || (kind == Kind::string && prefixes.repeat);
  result.cuttable = stores > 0 && !ends_block;
  result.uses_port = form.uses_port;
  result.end = form.end;
  return result;
}

}  // namespace

bool quick_decode(std::span<const uint8_t> encoded, InstructionSummary& into) {
  Bytes bytes(encoded);
  Prefixes prefixes;
  if (!read_prefixes(bytes, prefixes)) return false;
  uint8_t opcode = bytes.next();
  const bool two_bytes = opcode == 0x0f;
  if (two_bytes) opcode = bytes.next();
  Cell cell = kMaps[two_bytes][prefixes.column()][opcode];
  char immediate = cell.immediate;
  uint8_t modrm = 0xc0;
  if (cell.form & kGroup || kForms[cell.form].operand != Operand::none) modrm = bytes.next();
  if (cell.form & kGroup) {
    cell = kGroupCells[cell.form - kGroup][modrm >> 3 & 7];
    if (cell.immediate != 'i') immediate = cell.immediate;
  }
  const Form& form = kForms[cell.form];
  const bool memory = modrm < 0xc0;
  if (form.kind == Kind::unknown) return false;
  if (!operand_known(form, modrm, prefixes) || !prefixes_known(form, memory, prefixes)) return false;
  skip_address(bytes, modrm);
  bytes.skip(immediate_bytes(immediate, prefixes));
  if (bytes.overran()) return false;
  into = summary(form, memory, prefixes);
  into.length = bytes.length();
  return true;
}

InstructionSummary summary_of(const Instruction& instruction) {
  InstructionSummary result;
  result.cycles = cycles_of(instruction);
  result.length = instruction.length;
  result.cuttable = instruction.writes_memory && !instruction.ends_block;
  result.uses_port = instruction.uses_port;
  result.end = instruction.end;
  return result;
}

}  // namespace ringside
