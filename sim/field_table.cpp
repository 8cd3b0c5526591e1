#include "sim/field_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/assert.h"
#include "sim/tick.h"

namespace ringside {

namespace {

uint64_t load_little_endian(std::span<const uint8_t> bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = (value << 8) | bytes[i];
  return value;
}

std::string printable(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    if (byte == '\\' || byte == '"') {
      text += '\\';
      text += static_cast<char>(byte);
    } else if (byte >= 0x20 && byte < 0x7f) {
      text += static_cast<char>(byte);
    } else if (byte == '\n') {
      text += "\\n";
    } else if (byte == '\r') {
      text += "\\r";
    } else if (byte == 0) {
      text += "\\0";
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  return text;
}

std::string format_flags(uint64_t value, std::span<const FieldName> names) {
  std::string text;
  for (const FieldName& flag : names) {
    if ((value & flag.value) == 0) continue;
    if (!text.empty()) text += '|';
    text += flag.name;
    value &= ~flag.value;
  }
  if (value != 0 || text.empty()) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", value);
  return text;
}

std::string format_number(const Field& field, uint64_t value) {
  switch (field.format) {
    case FieldFormat::decimal: return fmt::format("{}", value);
    case FieldFormat::signed_decimal: {
      const unsigned shift = 64 - 8 * field.size;
      return fmt::format("{}", static_cast<int64_t>(value << shift) >> shift);
    }
    case FieldFormat::hex: return fmt::format("{:#x}", value);
    case FieldFormat::enumeration: {
      const auto named = std::find_if(field.names.begin(), field.names.end(),
                                      [&](const FieldName& name) { return name.value == value; });
      return named != field.names.end() ? std::string(named->name) : fmt::format("{}", value);
    }
    case FieldFormat::flags: return format_flags(value, field.names);
    case FieldFormat::duration: return to_string(Tick{value});
    case FieldFormat::text: break;
  }
  return {};
}

void decode_record(std::span<const Field> fields, std::span<const uint8_t> record, size_t base,
                   std::vector<DecodedField>& out) {
  for (const Field& field : fields) {
    if (size_t{field.offset} + field.size > record.size()) continue;
    const auto bytes = record.subspan(field.offset, field.size);
    DecodedField decoded;
    decoded.name = field.name;
    decoded.offset = base + field.offset;
    decoded.size = field.size;
    if (field.format == FieldFormat::text) {
      const auto end = std::find(bytes.begin(), bytes.end(), uint8_t{0});
      decoded.text = '"' + printable(bytes.first(static_cast<size_t>(end - bytes.begin()))) + '"';
      decoded.is_number = false;
    } else {
      decoded.number = load_little_endian(bytes);
      decoded.text = format_number(field, decoded.number);
    }
    out.push_back(std::move(decoded));
  }
}

DecodedField decode_tail(const PayloadType& type, std::span<const uint8_t> payload) {
  const auto tail = payload.subspan(type.size);
  DecodedField decoded;
  decoded.name = type.tail_name;
  decoded.offset = type.size;
  decoded.size = tail.size();
  decoded.is_number = false;
  if (type.tail == TailKind::text) {
    decoded.text = '"' + printable(tail) + '"';
  } else if (type.tail == TailKind::bytes) {
    for (const uint8_t byte : tail) decoded.text += fmt::format("{:02x}", byte);
  } else {
    for (size_t at = 0; at + type.tail_record_size <= tail.size(); at += type.tail_record_size) {
      DecodedField record;
      record.name = type.tail_name;
      record.offset = type.size + at;
      record.size = type.tail_record_size;
      record.is_number = false;
      decode_record(type.tail_fields, tail.subspan(at, type.tail_record_size), type.size + at,
                    record.children);
      decoded.children.push_back(std::move(record));
    }
  }
  return decoded;
}

}  // namespace

std::vector<DecodedField> decode(const PayloadType& type, std::span<const uint8_t> payload) {
  std::vector<DecodedField> fields;
  decode_record(type.fields, payload.first(std::min<size_t>(payload.size(), type.size)), 0, fields);
  if (type.tail != TailKind::none && payload.size() > type.size) fields.push_back(decode_tail(type, payload));
  return fields;
}

std::string to_line(const std::vector<DecodedField>& fields) {
  std::string line;
  for (const DecodedField& field : fields) {
    if (!line.empty()) line += ' ';
    if (field.children.empty()) {
      line += fmt::format("{}={}", field.name, field.text);
      continue;
    }
    line += field.name + "=[";
    for (size_t i = 0; i < field.children.size(); ++i) {
      line += fmt::format("{}{{{}}}", i == 0 ? "" : " ", to_line(field.children[i].children));
    }
    line += ']';
  }
  return line;
}

PayloadRegistry& PayloadRegistry::instance() {
  static PayloadRegistry registry;
  return registry;
}

void PayloadRegistry::add(const PayloadType& type) {
  const auto place = std::lower_bound(types_.begin(), types_.end(), type.id,
                                      [](const PayloadType* have, uint16_t id) { return have->id < id; });
  if (place != types_.end() && (*place)->id == type.id) {
    SIM_ASSERT((*place)->name == type.name);
    return;
  }
  types_.insert(place, &type);
}

const PayloadType* PayloadRegistry::find(uint16_t id) const {
  for (const PayloadType* type : types_) {
    if (type->id == id) return type;
  }
  return nullptr;
}

std::vector<const PayloadType*> PayloadRegistry::all() const { return types_; }

}  // namespace ringside
