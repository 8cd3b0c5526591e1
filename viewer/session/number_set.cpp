#include "viewer/session/number_set.h"

#include <algorithm>
#include <optional>

#include "viewer/session/text_test.h"

namespace ringside::viewer {

namespace {

__extension__ typedef __int128 Wide;  // holds what 64 bits do, signed or not

// The bits of flags by their names; nothing where one is not known.
std::optional<uint64_t> bits_of(std::span<const FieldName> names, std::string_view text) {
  uint64_t bits = 0;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('|'));
    const FieldName* name = find_name(names, one);
    if (name == nullptr) return std::nullopt;
    bits |= name->value;
    text.remove_prefix(std::min(one.size() + 1, text.size()));
  }
  return bits == 0 ? std::nullopt : std::optional(bits);
}

}  // namespace

const FieldName* find_name(std::span<const FieldName> names, std::string_view word) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const FieldName& name) {
    return lowercase(name.name) == lowercase(word);
  });
  return found == names.end() ? nullptr : &*found;
}

bool NumberSet::has_value(uint64_t raw) const {
  return std::binary_search(values_.begin(), values_.end(), raw);
}

NumberSet NumberSet::of(std::vector<uint64_t> values) {
  NumberSet set;
  std::sort(values.begin(), values.end());
  set.values_ = std::move(values);
  return set;
}

NumberSet NumberSet::compared(FilterOperator operation, const FilterValue& value, unsigned size,
                              bool is_signed) {
  NumberSet set;
  const Wide smallest = is_signed ? -(Wide(1) << 63) : 0;
  const Wide largest = is_signed ? (Wide(1) << 63) - 1 : (Wide(1) << 64) - 1;
  Wide number = value.negative ? -Wide(value.magnitude) : Wide(value.magnitude);
  const bool is_equality = operation == FilterOperator::equal || operation == FilterOperator::differs;
  // An unsigned field may hold what people know as a negative number.
  if (!is_signed && number < 0 && is_equality && number >= -(Wide(1) << (8 * size - 1)))
    number += Wide(1) << (8 * size);
  Wide low = smallest, high = largest;
  switch (operation) {
    case FilterOperator::less: high = number - 1; break;
    case FilterOperator::less_equal: high = number; break;
    case FilterOperator::greater: low = number + 1; break;
    case FilterOperator::greater_equal: low = number; break;
    default: low = high = number; break;
  }
  low = std::max(low, smallest);
  high = std::min(high, largest);
  if (low > high) return set;
  set.kind_ = Kind::range;
  set.low_ = static_cast<uint64_t>(low - smallest);
  set.span_ = static_cast<uint64_t>(high - low);
  if (is_signed) set.sign_shift_ = static_cast<uint8_t>(64 - 8 * size);
  return set;
}

NumberSet NumberSet::named(FilterOperator operation, const FilterValue& value, const Field& field) {
  if (operation == FilterOperator::like || operation == FilterOperator::unlike) {
    const TextTest test = TextTest::of_name(operation, value.text);
    std::vector<uint64_t> values;
    for (const FieldName& name : field.names) {
      if (test.matches(name.name)) values.push_back(name.value);
    }
    return of(std::move(values));
  }
  if (value.is_number()) return compared(operation, value, field.size, false);
  const bool is_equality = operation == FilterOperator::equal || operation == FilterOperator::differs;
  if (field.format == FieldFormat::flags && is_equality) {
    NumberSet set;
    const auto bits = bits_of(field.names, value.text);
    if (!bits) return set;
    set.kind_ = Kind::bits;
    set.bits_ = *bits;
    return set;
  }
  if (is_equality) {
    std::vector<uint64_t> values;
    for (const FieldName& name : field.names) {
      if (lowercase(name.name) == lowercase(value.text)) values.push_back(name.value);
    }
    return of(std::move(values));
  }
  const FieldName* name = find_name(field.names, value.text);
  if (name == nullptr) return {};
  FilterValue number;
  number.magnitude = name->value;
  return compared(operation, number, field.size, false);
}

}  // namespace ringside::viewer
