#include "campaign/site_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace ringside {

namespace {

bool is_decimal(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// A device's number has one digit or two; "e1000" is a name.
std::string_view without_number(std::string_view part) {
  size_t digits = 0;
  while (digits < part.size() && is_decimal(part[part.size() - 1 - digits])) ++digits;
  return digits == part.size() || digits <= 2 ? part.substr(0, part.size() - digits) : part;
}

const Field* operation_field(const PayloadType& type) {
  for (const std::string_view name : {"operation", "op", "type", "command"}) {
    for (const Field& field : type.fields) {
      if (field.name == name && field.format == FieldFormat::enumeration) return &field;
    }
  }
  return nullptr;
}

std::string operation_name(const Field& field, uint64_t value) {
  for (const FieldName& name : field.names) {
    if (name.value == value) return std::string(name.name);
  }
  return fmt::format("{} {}", field.name, value);
}

}  // namespace

std::string wire_kind_name(std::string_view wire, std::span<const std::string> domains) {
  std::string kind;
  for (size_t at = 0; at <= wire.size();) {
    const size_t slash = std::min(wire.find('/', at), wire.size());
    const std::string_view part = wire.substr(at, slash - at);
    at = slash + 1;
    const bool is_domain = std::find(domains.begin(), domains.end(), part) != domains.end();
    const std::string_view kept = is_domain ? std::string_view() : without_number(part);
    if (!kept.empty()) kind += fmt::format("{}{}", kind.empty() ? "" : "/", kept);
  }
  return kind.empty() ? std::string(wire) : kind;
}

uint32_t SiteKinds::number_of(const std::string& name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return static_cast<uint32_t>(found - names_.begin());
  names_.push_back(name);
  return static_cast<uint32_t>(names_.size() - 1);
}

uint32_t SiteKinds::without_operation(OfWire& wire) {
  if (!wire.other) wire.other = number_of(wire.base);
  return *wire.other;
}

uint32_t SiteKinds::kind_of(const Wire& wire, std::span<const uint8_t> payload) {
  const auto [place, is_new] = wires_.try_emplace(wire.index());
  OfWire& known = place->second;
  if (is_new) {
    known.operation = operation_field(wire.payload_type());
    known.base = wire_kind_name(wire.name(), domains_);
  }
  const Field* field = known.operation;
  if (field == nullptr || field->size > sizeof(uint64_t) || payload.size() < field->offset + field->size)
    return without_operation(known);
  uint64_t value = 0;
  std::memcpy(&value, payload.data() + field->offset, field->size);
  const auto operation = known.by_operation.find(value);
  if (operation != known.by_operation.end()) return operation->second;
  if (known.by_operation.size() >= kOperationsMax) return without_operation(known);
  const uint32_t kind = number_of(fmt::format("{} {}", known.base, operation_name(*field, value)));
  known.by_operation.emplace(value, kind);
  return kind;
}

}  // namespace ringside
