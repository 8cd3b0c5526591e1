#include "cpu/counting_loop.h"

#include <algorithm>
#include <limits>

#include "cpu/quick_decode.h"

namespace ringside {
namespace {

enum class Operation : uint8_t { none, move, add, subtract, increment, decrement, compare, jump, branch };

struct Step {
  Operation operation = Operation::none;
  uint8_t length = 0;
  bool wide = false;  // 64-bit operands, else 32-bit
  uint8_t reg = 0;    // the destination, or a compare's first
  bool immediate = false;
  uint8_t source = 0;     // a register, unless `immediate`
  uint64_t value = 0;     // extended, or a jump's displacement
  uint8_t condition = 0;  // a branch's

  bool leads_on() const { return operation != Operation::jump && operation != Operation::branch; }
};

// What cannot be in a counting loop has the operation `none`.
class StepDecoder {
 public:
  explicit StepDecoder(std::span<const uint8_t> code) : code_(code) {}

  Step decode() {
    if ((byte() & 0xf0) == 0x40) rex_ = next();
    step_.wide = rex_ & 8;
    const uint8_t opcode = next();
    if ((opcode & 0xf0) == 0x70) {
      branch(opcode, 1);
    } else {
      others(opcode);
    }
    if (at_ > code_.size()) return {};
    step_.length = static_cast<uint8_t>(at_);
    return step_;
  }

 private:
  uint8_t byte() const { return at_ < code_.size() ? code_[at_] : 0; }
  uint8_t next() { return at_ < code_.size() ? code_[at_++] : (++at_, 0); }

  uint64_t signed_number(unsigned bytes) {
    if (bytes == 1) return static_cast<uint64_t>(int64_t{static_cast<int8_t>(next())});
    uint32_t number = 0;
    for (unsigned i = 0; i < 4; ++i) number |= uint32_t{next()} << (8 * i);
    return static_cast<uint64_t>(int64_t{static_cast<int32_t>(number)});
  }

  void others(uint8_t opcode) {
    switch (opcode) {
      case 0x01: return both(Operation::add, true);
      case 0x03: return both(Operation::add, false);
      case 0x29: return both(Operation::subtract, true);
      case 0x2b: return both(Operation::subtract, false);
      case 0x39: return both(Operation::compare, true);
      case 0x3b: return both(Operation::compare, false);
      case 0x89: return both(Operation::move, true);
      case 0x8b: return both(Operation::move, false);
      // XOR r, r leaves 0, with the flags of SUB r, r; TEST r, r gives those of CMP r, 0.
      case 0x31: return itself(Operation::subtract);
      case 0x33: return itself(Operation::subtract);
      case 0x85: return itself(Operation::compare);
      case 0x81: return group_1(4);
      case 0x83: return group_1(1);
      case 0xff: return group_5();
      case 0xeb: return jump(Operation::jump, 1);
      case 0xe9: return jump(Operation::jump, 4);
      case 0x0f: {
        const uint8_t second = next();
        if ((second & 0xf0) == 0x80) branch(second, 4);
        return;
      }
      default: return;
    }
  }

  // False where the operand lies in memory.
  bool mod_rm(uint8_t& reg, uint8_t& rm) {
    const uint8_t modrm = next();
    reg = static_cast<uint8_t>((modrm >> 3 & 7) | (rex_ & 4) << 1);
    rm = static_cast<uint8_t>((modrm & 7) | (rex_ & 1) << 3);
    return modrm >= 0xc0;
  }

  void both(Operation operation, bool into_rm) {
    uint8_t reg = 0, rm = 0;
    if (!mod_rm(reg, rm)) return;
    step_.operation = operation;
    step_.reg = into_rm ? rm : reg;
    step_.source = into_rm ? reg : rm;
  }

  void itself(Operation operation) {
    both(operation, true);
    if (step_.reg != step_.source) step_.operation = Operation::none;
    if (operation == Operation::compare) step_.immediate = true;
  }

  void group_1(unsigned bytes) {
    uint8_t which = 0, rm = 0;
    if (!mod_rm(which, rm)) return;
    which &= 7;
    step_.operation = which == 0   ? Operation::add
                      : which == 5 ? Operation::subtract
                      : which == 7 ? Operation::compare
                                   : Operation::none;
    step_.reg = rm;
    step_.immediate = true;
    step_.value = signed_number(bytes);
  }

  void group_5() {
    uint8_t which = 0, rm = 0;
    if (!mod_rm(which, rm) || (which & 7) > 1) return;
    step_.operation = (which & 7) == 0 ? Operation::increment : Operation::decrement;
    step_.reg = rm;
    step_.immediate = true;
    step_.value = 1;
  }

  void jump(Operation operation, unsigned bytes) {
    if (rex_ == 0) step_.operation = operation;
    step_.value = signed_number(bytes);
  }

  void branch(uint8_t opcode, unsigned bytes) {
    step_.condition = opcode & 0xf;
    jump(Operation::branch, bytes);
  }

  std::span<const uint8_t> code_;
  size_t at_ = 0;
  uint8_t rex_ = 0;
  Step step_;
};

Step step_at(std::span<const uint8_t> page, uint64_t offset) {
  return StepDecoder(page.subspan(offset)).decode();
}

// A number, or what `base` held at the beginning plus that number; `narrow`: modulo 2^32.
struct Value {
  std::optional<uint8_t> base;
  uint64_t number = 0;
  bool narrow = false;
};

// The flags, as far as a branch may ask: those of a compare, or only whether its two sides are equal.
struct Flags {
  bool known = false;
  bool equality_only = false;
  bool wide = false;
  Value first, second;
};

struct Decision {
  Flags flags;
  uint8_t condition = 0;
};

constexpr uint64_t narrowed(uint64_t value) { return static_cast<uint32_t>(value); }

class Follower {
 public:
  Follower(std::span<const uint8_t> page, uint64_t offset, const CountingLoop::General& registers,
           const CostTable& costs)
      : page_(page), begin_(offset), registers_(registers), costs_(costs) {
    for (uint8_t i = 0; i < held_.size(); ++i) held_[i] = {.base = i};
  }

  std::optional<CountingLoop> follow() {
    uint64_t at = begin_;
    for (unsigned steps = 0; steps < kStepsMax; ++steps) {
      const Step step = step_at(page_, at);
      InstructionSummary summary;
      if (step.operation == Operation::none) return std::nullopt;
      if (!quick_decode(page_.subspan(at), summary) || summary.length != step.length) return std::nullopt;
      ++loop_.instructions;
      loop_.cost += costs_.cost(summary.cycles);
      at += step.length;
      if (!execute(step, at)) return std::nullopt;
      if (at >= page_.size()) return std::nullopt;
      if (at == begin_) return close() ? std::optional(loop_) : std::nullopt;
    }
    return std::nullopt;
  }

 private:
  static constexpr unsigned kStepsMax = 32;

  uint64_t now(const Value& value) const {
    const uint64_t sum = value.number + (value.base ? registers_[*value.base] : 0);
    return value.narrow ? narrowed(sum) : sum;
  }

  Value read(uint8_t reg, bool wide) const {
    Value value = held_[reg];
    if (!value.base) return {.number = now(value), .narrow = !wide};
    if (!wide) value.narrow = true;
    return value;
  }
  Value second_operand(const Step& step) const {
    if (!step.immediate) return read(step.source, step.wide);
    return {.number = step.value, .narrow = !step.wide};
  }
  // 64-bit arithmetic on what wraps at 2^32 is no sum of this kind.
  static bool is_sum(const Value& value, bool wide) { return !wide || !value.narrow || !value.base; }

  bool execute(const Step& step, uint64_t& at) {
    switch (step.operation) {
      case Operation::branch: jumped_ = true; return decide(step, at);
      case Operation::jump:
        jumped_ = true;
        at += step.value;
        return true;
      case Operation::move: held_[step.reg] = second_operand(step); return true;
      default: return compute(step);
    }
  }

  bool compute(const Step& step) {
    const Value first = read(step.reg, step.wide), second = second_operand(step);
    if (!is_sum(first, step.wide) || !is_sum(second, step.wide)) return false;
    const bool keeps_carry = step.operation == Operation::increment || step.operation == Operation::decrement;
    (keeps_carry ? carry_kept_ : all_written_) = true;
    if (!jumped_) (keeps_carry ? carry_kept_first_ : all_written_first_) = true;
    flags_ = {
        .known = true, .equality_only = keeps_carry, .wide = step.wide, .first = first, .second = second};
    if (step.operation == Operation::compare) return true;
    Value& result = held_[step.reg];
    const bool clears = !step.immediate && step.operation == Operation::subtract && step.source == step.reg;
    if (clears) {
      result = {};
      return true;
    }
    if (second.base) return false;  // a sum of two registers
    const bool adds = step.operation == Operation::add || step.operation == Operation::increment;
    result = first;
    result.narrow = !step.wide;
    result.number = adds ? first.number + now(second) : first.number - now(second);
    if (!adds) return true;
    flags_.first = result;
    flags_.second = {.narrow = !step.wide};
    flags_.equality_only = true;
    return true;
  }

  bool decide(const Step& step, uint64_t& at) {
    if (!flags_.known) return false;
    const uint64_t a = now(flags_.first), b = now(flags_.second);
    const uint64_t sign = flags_.wide ? 1ull << 63 : 1ull << 31;
    const bool equal = a == b, below = a < b, less = (a ^ sign) < (b ^ sign);
    bool holds = false;
    switch (step.condition >> 1) {
      case kEqual: holds = equal; break;
      case kBelow: holds = below; break;
      case kBelowOrEqual: holds = below || equal; break;
      case kLess: holds = less; break;
      case kLessOrEqual: holds = less || equal; break;
      default: return false;  // overflow, sign, parity
    }
    if (flags_.equality_only && step.condition >> 1 != kEqual) return false;
    decisions_[decision_count_++] = {flags_, static_cast<uint8_t>(step.condition >> 1)};
    if (holds != (step.condition & 1)) at += step.value;
    return true;
  }

  // Back at the beginning: what has changed there, and for how long it goes on so.
  bool close() {
    const bool flags_written = all_written_ || carry_kept_;
    const bool flags_dead = all_written_first_ || (carry_kept_first_ && !all_written_);
    if (flags_written && !flags_dead) return false;
    for (uint8_t i = 0; i < held_.size(); ++i) {
      const Value& value = held_[i];
      CountingLoop::Change& change = loop_.changes[i];
      if (!value.base) {
        if (now(value) != registers_[i]) return false;
      } else {
        if (*value.base != i) return false;
        if (value.narrow && registers_[i] != narrowed(registers_[i])) return false;
        change = {value.narrow ? narrowed(value.number) : value.number, value.narrow};
      }
    }
    loop_.iterations = std::numeric_limits<uint64_t>::max();
    for (unsigned i = 0; i < decision_count_; ++i) {
      loop_.iterations = std::min(loop_.iterations, same_way(decisions_[i]));
    }
    return loop_.iterations > 0;
  }

  // What an iteration adds to it; none when that is no constant.
  std::optional<int64_t> step_of(const Value& value, bool wide) const {
    if (!value.base) return 0;
    const CountingLoop::Change& change = loop_.changes[*value.base];
    if (wide && (change.narrow || value.narrow) && change.step != 0) return std::nullopt;
    return wide ? static_cast<int64_t>(change.step) : static_cast<int32_t>(change.step);
  }

  // How many iterations decide as this one does; fewer is always right.
  uint64_t same_way(const Decision& decision) const {
    const Flags& flags = decision.flags;
    const auto first_step = step_of(flags.first, flags.wide), second_step = step_of(flags.second, flags.wide);
    if (!first_step || !second_step || (*first_step != 0 && *second_step != 0)) return 0;
    if (*first_step == 0 && *second_step == 0) return std::numeric_limits<uint64_t>::max();
    const bool first_moves = *first_step != 0;
    const uint64_t max = flags.wide ? ~0ull : 0xffff'ffffull;
    const bool is_signed = decision.condition == kLess || decision.condition == kLessOrEqual;
    const uint64_t bias = is_signed ? max / 2 + 1 : 0;
    const uint64_t moving = now(first_moves ? flags.first : flags.second) ^ bias;
    const uint64_t fixed = now(first_moves ? flags.second : flags.first) ^ bias;
    // The values around `moving` that are on the same side of `fixed`.
    uint64_t low = 0, high = max;
    const bool or_equal = decision.condition == kBelowOrEqual || decision.condition == kLessOrEqual;
    if (decision.condition == kEqual && moving == fixed) {
      low = high = fixed;
    } else if (moving == fixed) {
      // With what is below it, or with what is above: a <= b is one side, and so is b > a.
      (or_equal == first_moves ? high : low) = fixed;
    } else {
      // `fixed` itself may be on this side too; fewer is always right.
      (moving < fixed ? high : low) = moving < fixed ? fixed - 1 : fixed + 1;
    }
    const int64_t step = first_moves ? *first_step : *second_step;
    const uint64_t width = step < 0 ? 0 - static_cast<uint64_t>(step) : static_cast<uint64_t>(step);
    const uint64_t room = (step < 0 ? moving - low : high - moving) / width;
    return room == max ? room : room + 1;
  }

  static constexpr uint8_t kBelow = 1, kEqual = 2, kBelowOrEqual = 3, kLess = 6, kLessOrEqual = 7;

  std::span<const uint8_t> page_;
  const uint64_t begin_;
  const CountingLoop::General& registers_;
  const CostTable& costs_;
  std::array<Value, std::tuple_size_v<CountingLoop::General>> held_;
  Flags flags_;
  bool jumped_ = false;
  // Flags: all of them, or all but the carry; and before the first jump.
  bool all_written_ = false, carry_kept_ = false, all_written_first_ = false, carry_kept_first_ = false;
  std::array<Decision, kStepsMax> decisions_;
  unsigned decision_count_ = 0;
  CountingLoop loop_;
};

}  // namespace

std::optional<CountingLoop> find_counting_loop(std::span<const uint8_t> page, uint64_t offset,
                                               const CountingLoop::General& registers,
                                               const CostTable& costs) {
  return Follower(page, offset, registers, costs).follow();
}

bool may_be_counting_loop(std::span<const uint8_t> page, uint64_t offset) {
  while (offset < page.size()) {
    const Step step = step_at(page, offset);
    if (step.operation == Operation::none) return false;
    if (!step.leads_on()) return true;
    offset += step.length;
  }
  return false;
}

}  // namespace ringside
