// Messages for people: `ringside show`, the viewer.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "host/9p/messages.h"

namespace ringside {

namespace {

constexpr size_t kDataShown = 32;

std::string quoted(std::span<const uint8_t> bytes) {
  std::string text = "\"";
  for (const uint8_t byte : bytes) {
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
      text += static_cast<char>(byte);
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  return text + '"';
}

std::string flags_text(uint64_t value, std::span<const FieldName> names) {
  std::string text;
  for (const FieldName& flag : names) {
    if ((value & flag.value) == 0) continue;
    text += fmt::format("{}{}", text.empty() ? "" : "|", flag.name);
    value &= ~flag.value;
  }
  if (value != 0 || text.empty()) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", value);
  return text;
}

std::string number_text(const NinePField& field, uint64_t value) {
  switch (field.format) {
    case NinePFormat::decimal: return fmt::format("{}", value);
    case NinePFormat::hex: return fmt::format("{:#x}", value);
    case NinePFormat::octal: return fmt::format("0{:o}", value);
    case NinePFormat::fid: return value == ninep::nofid ? "-1" : fmt::format("{}", value);
    case NinePFormat::errno_name: {
      const char* name = value < 4096 ? strerrorname_np(static_cast<int>(value)) : nullptr;
      return name != nullptr ? name : fmt::format("{}", value);
    }
    case NinePFormat::names:
      for (const FieldName& named : field.values) {
        if (named.value == value) return std::string(named.name);
      }
      return fmt::format("{}", value);
    case NinePFormat::flags: return flags_text(value, field.values);
  }
  return {};
}

// As diod writes it: the path, the version, and a letter for each bit of the type.
std::string qid_text(std::span<const uint8_t> qid) {
  constexpr std::pair<uint8_t, char> kLetters[] = {{0x80, 'd'}, {0x40, 'a'}, {0x20, 'x'},
                                                   {0x08, 'A'}, {0x04, 't'}, {0x02, 'L'}};
  uint64_t path = 0;
  uint32_t version = 0;
  for (size_t i = 8; i-- > 0;) path = path << 8 | qid[5 + i];
  for (size_t i = 4; i-- > 0;) version = version << 8 | qid[1 + i];
  std::string letters;
  for (const auto& [bit, letter] : kLetters) {
    if ((qid[0] & bit) != 0) letters += letter;
  }
  return fmt::format("({:x} {} '{}')", path, version, letters);
}

std::string data_text(std::span<const uint8_t> data) {
  std::string text = fmt::format("{} bytes", data.size());
  if (data.empty()) return text;
  text += ": ";
  for (const uint8_t byte : data.first(std::min(data.size(), kDataShown)))
    text += fmt::format("{:02x}", byte);
  if (data.size() > kDataShown) text += "...";
  return text;
}

DecodedField field_of(const NinePField& field, const NinePValue& value);

std::vector<DecodedField> fields_of(std::span<const NinePField> fields, NinePDialect dialect,
                                    const NinePValues& values) {
  std::vector<DecodedField> decoded;
  size_t next = 0;
  for (const NinePField& field : fields) {
    if (field.dotl_only && dialect != NinePDialect::dotl) continue;
    if (next == values.count) break;
    decoded.push_back(field_of(field, values.at[next++]));
  }
  return decoded;
}

DecodedField record_of(std::string_view name, std::vector<DecodedField> fields, size_t offset, size_t size) {
  DecodedField record;
  record.name = name;
  record.offset = offset;
  record.size = size;
  record.is_number = false;
  for (DecodedField& field : fields) field.offset += offset;
  record.children = std::move(fields);
  return record;
}

// The entries of an Rreaddir, those that are whole.
constexpr NinePField kEntryFields[] = {{"qid", NinePFieldKind::qid},
                                       {"offset", NinePFieldKind::u64},
                                       {"type", NinePFieldKind::u8},
                                       {"name", NinePFieldKind::text}};

std::vector<DecodedField> entries_of(const NinePValue& value) {
  std::vector<DecodedField> entries;
  size_t at = 0;
  while (at < value.bytes.size()) {
    const auto rest = value.bytes.subspan(at);
    const NinePValues entry = ninep_values(kEntryFields, NinePDialect::dotl, rest, 0);
    if (entry.count < std::size(kEntryFields)) break;
    const NinePValue& last = entry.at[entry.count - 1];
    entries.push_back(record_of("entry", fields_of(kEntryFields, NinePDialect::dotl, entry),
                                value.offset + 4 + at, last.offset + last.size));
    at += last.offset + last.size;
  }
  return entries;
}

std::string list_text(const NinePField& field, const NinePValue& value) {
  std::string text = "[";
  std::span<const uint8_t> rest = value.bytes;
  for (uint64_t i = 0; i < value.number; ++i) {
    if (i != 0) text += ' ';
    if (field.kind == NinePFieldKind::names) {
      const std::string_view name = ninep_next_name(rest);
      text += quoted({reinterpret_cast<const uint8_t*>(name.data()), name.size()});
    } else {
      text += qid_text(rest.first(ninep::qid_bytes));
      rest = rest.subspan(ninep::qid_bytes);
    }
  }
  return text + ']';
}

DecodedField field_of(const NinePField& field, const NinePValue& value) {
  DecodedField decoded;
  decoded.name = field.name;
  decoded.offset = value.offset;
  decoded.size = value.size;
  decoded.number = value.number;
  decoded.is_number = false;
  switch (field.kind) {
    case NinePFieldKind::u8:
    case NinePFieldKind::u16:
    case NinePFieldKind::u32:
    case NinePFieldKind::u64:
      decoded.text = number_text(field, value.number);
      decoded.is_number = true;
      break;
    case NinePFieldKind::text: decoded.text = quoted(value.bytes); break;
    case NinePFieldKind::qid: decoded.text = qid_text(value.bytes); break;
    case NinePFieldKind::data: decoded.text = data_text(value.bytes); break;
    case NinePFieldKind::names:
    case NinePFieldKind::qids: decoded.text = list_text(field, value); break;
    case NinePFieldKind::entries:
      decoded.children = entries_of(value);
      if (decoded.children.empty()) decoded.text = data_text(value.bytes);
      break;
    case NinePFieldKind::stat: {
      const NinePValues stat = ninep_values(ninep_stat_fields(), NinePDialect::base, value.bytes, 0);
      decoded.children.push_back(record_of("stat", fields_of(ninep_stat_fields(), NinePDialect::base, stat),
                                           value.offset + 2, value.bytes.size()));
      break;
    }
  }
  return decoded;
}

}  // namespace

NinePDecoded decode_message(std::span<const uint8_t> message, NinePDialect dialect) {
  NinePDecoded decoded;
  decoded.name = "cut";
  if (message.size() < ninep::header_bytes) {
    decoded.problem = fmt::format("{} bytes are no message", message.size());
    return decoded;
  }
  for (size_t i = 4; i-- > 0;) decoded.size = decoded.size << 8 | message[i];
  decoded.type = message[4];
  decoded.tag = static_cast<uint16_t>(message[5] | message[6] << 8);
  const NinePMessageType* row = ninep_message_type(decoded.type);
  decoded.name = row != nullptr ? row->name : "unknown";
  if (row == nullptr) {
    decoded.problem = fmt::format("type {} is unknown", decoded.type);
    return decoded;
  }
  message =
      message.first(std::min<size_t>(message.size(), std::max<size_t>(decoded.size, ninep::header_bytes)));
  const NinePValues values = ninep_values(row->fields, dialect, message, ninep::header_bytes);
  decoded.fields = fields_of(row->fields, dialect, values);
  if (!values.problem.empty()) {
    decoded.problem =
        fmt::format("{}{}{}", values.problem_field, values.problem_field.empty() ? "" : " ", values.problem);
  }
  return decoded;
}

}  // namespace ringside
