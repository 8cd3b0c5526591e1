#include "wireshark/dissector.h"

#include <fmt/format.h>

#include <bit>

namespace ringside {

namespace {

constexpr std::string_view kPlace = "--@PAYLOADS@\n";

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string_view format_name(FieldFormat format) {
  switch (format) {
    case FieldFormat::decimal: return "decimal";
    case FieldFormat::signed_decimal: return "signed_decimal";
    case FieldFormat::hex: return "hex";
    case FieldFormat::enumeration: return "enumeration";
    case FieldFormat::flags: return "flags";
    case FieldFormat::duration: return "duration";
    case FieldFormat::text: return "text";
  }
  return "decimal";
}

// Flags go by the number of their bit, because Lua's numbers do not hold 64 bits.
std::string names(const Field& field) {
  std::string text;
  for (const FieldName& name : field.names) {
    const bool flags = field.format == FieldFormat::flags;
    if (flags && !std::has_single_bit(name.value)) continue;
    text += fmt::format(" [{}] = {},", flags ? std::countr_zero(name.value) : name.value, quoted(name.name));
  }
  return text;
}

std::string fields(std::span<const Field> list) {
  std::string text;
  for (const Field& field : list) {
    text += fmt::format("    {{ name = {}, offset = {}, size = {}, format = \"{}\"", quoted(field.name),
                        field.offset, field.size, format_name(field.format));
    const bool named = field.format == FieldFormat::enumeration || field.format == FieldFormat::flags;
    if (named) text += fmt::format(", names = {{{} }}", names(field));
    text += " },\n";
  }
  return text;
}

std::string tail(const PayloadType& type) {
  switch (type.tail) {
    case TailKind::none: return "";
    case TailKind::text:
      return fmt::format("  tail = {{ kind = \"text\", name = {} }},\n", quoted(type.tail_name));
    case TailKind::bytes:
      return fmt::format("  tail = {{ kind = \"bytes\", name = {} }},\n", quoted(type.tail_name));
    case TailKind::records:
      return fmt::format(
          "  tail = {{ kind = \"records\", name = {}, size_of_record = {}, fields = {{\n{}  }} }},\n",
          quoted(type.tail_name), type.tail_record_size, fields(type.tail_fields));
  }
  return "";
}

std::string payload(const PayloadType& type) {
  return fmt::format(
      "payload{{\n  id = {}, name = {}, group = {}, size = {},\n  title = {},\n  fields = {{\n{}  "
      "}},\n{}}}\n",
      type.id, quoted(type.name), quoted(type.group.empty() ? type.name : type.group), type.size,
      quoted(type.title), fields(type.fields), tail(type));
}

}  // namespace

std::string lua_dissector(std::string_view dissector_template, std::span<const PayloadType* const> types) {
  std::string result(dissector_template);
  std::string text;
  for (const PayloadType* type : types) text += payload(*type);
  if (const size_t place = result.find(kPlace); place != std::string::npos)
    result.replace(place, kPlace.size(), text);
  return result;
}

}  // namespace ringside
