// Which numbers a test of a filter takes: raw ones, as they lie in a payload.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sim/field_table.h"
#include "viewer/session/filter_syntax.h"

namespace ringside::viewer {

class NumberSet {
 public:
  // By comparison, of numbers of so many bytes.
  static NumberSet compared(FilterOperator operation, const FilterValue& value, unsigned size,
                            bool is_signed);
  // By the names that an enumeration or flags give to numbers: `==` a name, `~` a pattern of names, `<` the
  // number of a name. Of flags: those in which a flag stands ("a|b": both).
  static NumberSet named(FilterOperator operation, const FilterValue& value, const Field& field);
  static NumberSet of(std::vector<uint64_t> values);

  bool has(uint64_t raw) const {
    switch (kind_) {
      case Kind::range: return extended(raw) - low_ <= span_;
      case Kind::bits: return (raw & bits_) == bits_;
      default: return has_value(raw);
    }
  }
  bool is_empty() const { return kind_ == Kind::values && values_.empty(); }

 private:
  enum class Kind : uint8_t { values, range, bits } kind_ = Kind::values;
  // Of signed numbers, in an order in which the smallest is 0.
  uint64_t extended(uint64_t raw) const {
    return sign_shift_ == kUnsigned
               ? raw
               : (static_cast<uint64_t>(static_cast<int64_t>(raw << sign_shift_) >> sign_shift_) ^ 1ull
                                                                                                       << 63);
  }
  bool has_value(uint64_t raw) const;

  static constexpr uint8_t kUnsigned = 64;
  uint8_t sign_shift_ = kUnsigned;
  uint64_t low_ = 0, span_ = 0, bits_ = 0;
  std::vector<uint64_t> values_;  // sorted
};

// The number of a name, without regard to case; nothing where there is none.
const FieldName* find_name(std::span<const FieldName> names, std::string_view word);

// Little-endian, of at most 8 bytes.
inline uint64_t load_number(std::span<const uint8_t> bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i-- > 0;) number = number << 8 | bytes[i];
  return number;
}

}  // namespace ringside::viewer
