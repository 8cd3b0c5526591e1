// Reading messages by the table.
#include "host/9p/messages.h"

#include <algorithm>
#include <cstring>

namespace ringside {

namespace {

constexpr std::string_view kCut = ninep::cut_short;
constexpr std::string_view kNul = "holds a NUL";
constexpr std::string_view kTooMany = "are more than 16";
constexpr std::string_view kBehind = "bytes follow the last field";

uint64_t load(std::span<const uint8_t> bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

bool has_nul(std::span<const uint8_t> text) {
  return !text.empty() && std::memchr(text.data(), 0, text.size()) != nullptr;
}

// What a field begins with: a number, or the count of what follows.
size_t number_bytes(NinePFieldKind kind) {
  switch (kind) {
    case NinePFieldKind::u8: return 1;
    case NinePFieldKind::u16:
    case NinePFieldKind::text:
    case NinePFieldKind::names:
    case NinePFieldKind::qids:
    case NinePFieldKind::stat: return 2;
    case NinePFieldKind::u32:
    case NinePFieldKind::data:
    case NinePFieldKind::entries: return 4;
    case NinePFieldKind::u64: return 8;
    case NinePFieldKind::qid: return 0;
  }
  return 0;
}

// The bytes that `count` names take at the start of `rest`, or what is wrong with them.
std::string_view measure_names(uint64_t count, std::span<const uint8_t> rest, size_t& length) {
  if (count > ninep::walk_names_max) return kTooMany;
  length = 0;
  for (; count > 0; --count) {
    if (rest.size() - length < 2) return kCut;
    const size_t name = static_cast<size_t>(load(rest.subspan(length, 2)));
    if (rest.size() - length - 2 < name) return kCut;
    if (has_nul(rest.subspan(length + 2, name))) return kNul;
    length += 2 + name;
  }
  return {};
}

// Reads the field at the start of `rest`; returns what is wrong with it.
std::string_view read_field(NinePFieldKind kind, std::span<const uint8_t> rest, NinePValue& value) {
  const size_t head = number_bytes(kind);
  if (rest.size() < head) return kCut;
  value.number = load(rest.first(head));
  const std::span<const uint8_t> behind = rest.subspan(head);
  size_t length = 0;
  switch (kind) {
    case NinePFieldKind::u8:
    case NinePFieldKind::u16:
    case NinePFieldKind::u32:
    case NinePFieldKind::u64: break;
    case NinePFieldKind::qid: length = ninep::qid_bytes; break;
    case NinePFieldKind::text:
    case NinePFieldKind::data:
    case NinePFieldKind::entries:
    case NinePFieldKind::stat: length = static_cast<size_t>(value.number); break;
    case NinePFieldKind::qids:
      if (value.number > ninep::walk_names_max) return kTooMany;
      length = static_cast<size_t>(value.number) * ninep::qid_bytes;
      break;
    case NinePFieldKind::names: {
      const std::string_view problem = measure_names(value.number, behind, length);
      if (!problem.empty()) return problem;
      break;
    }
  }
  if (behind.size() < length) return kCut;
  value.bytes = behind.first(length);
  value.size = head + length;
  if (kind == NinePFieldKind::text && has_nul(value.bytes)) return kNul;
  return {};
}

}  // namespace

NinePValues ninep_values(std::span<const NinePField> fields, NinePDialect dialect,
                         std::span<const uint8_t> whole, size_t at) {
  NinePValues values;
  for (const NinePField& field : fields) {
    if (field.dotl_only && dialect != NinePDialect::dotl) continue;
    NinePValue& value = values.at[values.count];
    values.problem = read_field(field.kind, whole.subspan(at), value);
    if (!values.problem.empty()) {
      values.problem_field = field.name;
      return values;
    }
    value.offset = at;
    at += value.size;
    ++values.count;
  }
  if (at != whole.size()) values.problem = kBehind;
  return values;
}

std::string_view ninep_next_name(std::span<const uint8_t>& bytes) {
  const size_t length = static_cast<size_t>(load(bytes.first(2)));
  const auto name = bytes.subspan(2, length);
  bytes = bytes.subspan(2 + length);
  return {reinterpret_cast<const char*>(name.data()), name.size()};
}

std::optional<std::string> ninep_message_problem(std::span<const uint8_t> message, NinePDialect dialect) {
  if (message.size() < ninep::header_bytes)
    return "a message of " + std::to_string(message.size()) + " bytes";
  const uint64_t size = load(message.first(4));
  if (size != message.size()) {
    return "size " + std::to_string(size) + " in a message of " + std::to_string(message.size()) + " bytes";
  }
  const NinePMessageType* row = ninep_message_type(message[4]);
  if (row == nullptr) return "type " + std::to_string(message[4]);
  const NinePValues values = ninep_values(row->fields, dialect, message, ninep::header_bytes);
  if (values.problem.empty()) return std::nullopt;
  std::string text(row->name);
  if (!values.problem_field.empty()) text += ", " + std::string(values.problem_field);
  return text + ": " + std::string(values.problem);
}

std::optional<NinePDialect> ninep_dialect(std::string_view version) {
  if (version == "9P2000.L") return NinePDialect::dotl;
  // version(5): what follows a period is an extension, and a later version's server speaks the earlier ones.
  const std::string_view stem = version.substr(0, version.find('.'));
  if (stem.size() < 3 || !stem.starts_with("9P")) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : stem.substr(2)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = std::min<uint64_t>(number * 10 + static_cast<uint64_t>(digit - '0'), 1'000'000);
  }
  if (number < 2000) return std::nullopt;
  return NinePDialect::base;
}

}  // namespace ringside
