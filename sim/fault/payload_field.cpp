#include "sim/fault/payload_field.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/fault/fault_text.h"
#include "sim/near_names.h"

namespace ringside {

namespace {

constexpr size_t kElementsMax = 1 << 20;

const Field* find_field(std::span<const Field> fields, std::string_view name) {
  const auto place =
      std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
  return place != fields.end() ? &*place : nullptr;
}

tl::unexpected<Error> no_such_field(const PayloadType& type, std::string_view path) {
  std::vector<std::string> names;
  for (const Field& field : type.fields) names.emplace_back(field.name);
  if (type.tail == TailKind::records) {
    for (const Field& field : type.tail_fields)
      names.push_back(fmt::format("{}[0].{}", type.tail_name, field.name));
  } else if (type.tail != TailKind::none) {
    names.emplace_back(type.tail_name);
  }
  return fail(fmt::format("{} has no field '{}'{}; there is {}", type.name, path,
                          did_you_mean(near_names(path, names, 1)),
                          names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

// Behind the tail's name: "", "+12", "[12]", "[2].gref".
Result<PayloadField> find_in_tail(const PayloadType& type, std::string_view path, std::string_view rest) {
  PayloadField found{type.size, 0, FieldFormat::text, {}};
  if (rest.empty() && type.tail != TailKind::records) return found;
  const bool bracket = rest.starts_with('[');
  if (!bracket && !rest.starts_with('+')) return no_such_field(type, path);
  const size_t close = bracket ? rest.find(']') : rest.size();
  if (close == rest.npos) return no_such_field(type, path);
  const auto number = read_number(rest.substr(1, close - 1));
  if (!number || *number >= kElementsMax) return no_such_field(type, path);
  std::string_view behind = rest.substr(std::min(close + 1, rest.size()));
  if (type.tail != TailKind::records) {
    if (!behind.empty()) return no_such_field(type, path);
    return PayloadField{type.size + *number, 1, FieldFormat::hex, {}};
  }
  if (!bracket || !behind.starts_with('.')) return no_such_field(type, path);
  const Field* field = find_field(type.tail_fields, behind.substr(1));
  if (field == nullptr) return no_such_field(type, path);
  return PayloadField{type.size + *number * type.tail_record_size + field->offset, field->size, field->format,
                      field->names};
}

std::vector<uint8_t> bytes_of(uint64_t number, size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size && i < 8; ++i) bytes[i] = static_cast<uint8_t>(number >> (8 * i));
  return bytes;
}

// A number that fits into so many bytes, with or without a sign.
std::optional<uint64_t> number_that_fits(std::string_view value, size_t size) {
  const uint64_t ones = size >= 8 ? UINT64_MAX : (uint64_t{1} << (8 * size)) - 1;
  if (const auto number = read_number(value)) return *number <= ones ? number : std::nullopt;
  const auto number = read_signed_number(value);
  if (!number) return std::nullopt;
  const int64_t least = size >= 8 ? INT64_MIN : -(int64_t{1} << (8 * size - 1));
  return *number >= least ? std::optional(static_cast<uint64_t>(*number) & ones) : std::nullopt;
}

std::optional<uint64_t> named_number(const PayloadField& field, std::string_view value) {
  const auto named = [&](std::string_view name) -> std::optional<uint64_t> {
    for (const FieldName& known : field.names) {
      if (known.name == name) return known.value;
    }
    return std::nullopt;
  };
  if (field.format != FieldFormat::flags) return named(value);
  uint64_t sum = 0;
  for (;;) {
    const size_t bar = value.find('|');
    const auto flag = named(value.substr(0, bar));
    if (!flag) return std::nullopt;
    sum |= *flag;
    if (bar == value.npos) return sum;
    value.remove_prefix(bar + 1);
  }
}

tl::unexpected<Error> no_such_value(const PayloadField& field, std::string_view path,
                                    std::string_view value) {
  std::vector<std::string> names;
  for (const FieldName& known : field.names) names.emplace_back(known.name);
  const std::string near = did_you_mean(near_names(value, names, 1));
  return fail(fmt::format("'{}' is no value of the field '{}', which has {} byte{}{}{}", value, path,
                          field.size, field.size == 1 ? "" : "s", near,
                          names.empty() ? "" : fmt::format("; there is {}", fmt::join(names, ", "))));
}

}  // namespace

Result<PayloadField> find_payload_field(const PayloadType& type, std::string_view path) {
  if (const Field* field = find_field(type.fields, path))
    return PayloadField{field->offset, field->size, field->format, field->names};
  if (type.tail != TailKind::none && !type.tail_name.empty() && path.starts_with(type.tail_name))
    return find_in_tail(type, path, path.substr(type.tail_name.size()));
  return no_such_field(type, path);
}

Result<std::vector<uint8_t>> read_field_value(const PayloadField& field, std::string_view path,
                                              std::string_view value) {
  if (field.is_text()) {
    std::vector<uint8_t> bytes(value.begin(), value.end());
    if (field.size != 0 && bytes.size() > field.size)
      return fail(
          fmt::format("'{}' is too long for the field '{}', which has {} bytes", value, path, field.size));
    if (field.size != 0) bytes.resize(field.size);
    return bytes;
  }
  if (const auto number = named_number(field, value)) return bytes_of(*number, field.size);
  if (const auto number = number_that_fits(value, field.size)) return bytes_of(*number, field.size);
  if (field.format == FieldFormat::duration) {
    if (const auto time = parse_tick(value)) return bytes_of(time->ps, field.size);
  }
  return no_such_value(field, path, value);
}

Result<FieldCondition> FieldCondition::create(const PayloadType& type, const FaultCondition& given) {
  auto field = find_payload_field(type, given.field);
  if (!field) return tl::unexpected(field.error());
  FieldCondition condition;
  condition.field_ = *field;
  condition.op_ = given.op;
  const bool orders = given.op != FaultOperator::equal && given.op != FaultOperator::not_equal;
  if (field->is_text()) {
    if (orders && given.op != FaultOperator::contains)
      return fail(
          fmt::format("the field '{}' is a text: only ==, != and ~ (contains) ask about it", given.field));
    condition.text_ = given.value;
    return condition;
  }
  if (given.op == FaultOperator::contains && field->format != FieldFormat::flags)
    return fail(
        fmt::format("~ asks whether a text or flags contain something, and '{}' is neither", given.field));
  const auto value = read_field_value(*field, given.field, given.value);
  if (!value) return tl::unexpected(value.error());
  if (field->format == FieldFormat::signed_decimal)
    condition.sign_bit_ = uint64_t{1} << (8 * field->size - 1);
  for (size_t i = value->size(); i-- > 0;) condition.number_ = condition.number_ << 8 | (*value)[i];
  condition.number_ ^= condition.sign_bit_;
  if (field->size < 8) condition.mask_ = (uint64_t{1} << (8 * field->size)) - 1;
  return condition;
}

bool FieldCondition::matches_number(std::span<const uint8_t> payload) const {
  if (field_.offset + field_.size > payload.size()) return false;
  const uint8_t* const bytes = payload.data() + field_.offset;
  uint64_t number = 0;
  if (payload.size() - field_.offset >= 8) {
    std::memcpy(&number, bytes, 8);
    number &= mask_;
  } else {
    for (size_t i = field_.size; i-- > 0;) number = number << 8 | bytes[i];
  }
  number ^= sign_bit_;
  switch (op_) {
    case FaultOperator::equal: return number == number_;
    case FaultOperator::not_equal: return number != number_;
    case FaultOperator::less: return number < number_;
    case FaultOperator::at_most: return number <= number_;
    case FaultOperator::greater: return number > number_;
    case FaultOperator::at_least: return number >= number_;
    case FaultOperator::contains: return (number & number_) == number_;
  }
  return false;
}

bool FieldCondition::matches_text(std::span<const uint8_t> payload) const {
  if (field_.offset + field_.size > payload.size()) return false;
  const size_t size = field_.size != 0 ? field_.size : payload.size() - field_.offset;
  std::string_view text(reinterpret_cast<const char*>(payload.data()) + field_.offset, size);
  // A field of fixed size is padded; a tail is as it is.
  if (field_.size != 0) text = text.substr(0, text.find('\0'));
  if (op_ == FaultOperator::contains) return text.find(text_) != text.npos;
  return (text == text_) == (op_ == FaultOperator::equal);
}

}  // namespace ringside
