#include "viewer/session/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "host/9p/message_renderer.h"
#include "host/9p/messages.h"

namespace ringside::viewer {

namespace {

// Words that a file may make up are kept up to so many.
constexpr size_t kKeptMax = 4096;

// Fields that say what happens, the best first.
constexpr std::array<std::string_view, 6> kTelling = {"op",      "operation", "action",
                                                      "command", "type",      "message"};

constexpr FieldName kLevels[] = {{0, "lower"}, {1, "raise"}};
constexpr FieldName kLink[] = {{0, "down"}, {1, "up"}};

// Where the table alone does not tell. A field without names of its own gets some; a word stands for all.
struct Exception {
  std::string_view type, field, second, word;
  std::span<const FieldName> names = {};
};
constexpr Exception kExceptions[] = {
    {"interrupt", "level", {}, {}, kLevels},
    {"nic_link", "up", {}, {}, kLink},
    {"nic_ring", "ring", "event", {}},
    {"notice", "kind", {}, {}},
    {"driver", {}, {}, "violation"},
    {"netif_tx_request", {}, {}, "tx"},
    {"netif_tx_response", {}, "status", "tx"},
    {"netif_rx_request", {}, {}, "rx buffer"},
    {"netif_rx_response", {}, {}, "rx"},
    {"uart_character", "byte", {}, {}},
    {"post_code", "code", {}, {}},
    {"ethernet", {}, {}, "frame"},
};

const Field* find_field(const PayloadType& type, std::string_view name) {
  for (const Field& field : type.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::optional<uint64_t> number_of(const Field& field, std::span<const uint8_t> payload) {
  if (field.size > 8 || size_t{field.offset} + field.size > payload.size()) return std::nullopt;
  uint64_t number = 0;
  for (size_t i = field.size; i-- > 0;) number = number << 8 | payload[field.offset + i];
  return number;
}

std::string_view name_of(std::span<const FieldName> names, uint64_t number) {
  for (const FieldName& name : names) {
    if (name.value == number) return name.name;
  }
  return {};
}

std::string in_digits(const Field& field, uint64_t number) {
  if (field.name == "byte" && number >= 0x20 && number < 0x7f)
    return fmt::format("'{}'", static_cast<char>(number));
  return field.format == FieldFormat::hex ? fmt::format("{:#x}", number) : fmt::format("{}", number);
}

}  // namespace

Verbs::Rule Verbs::make_rule(const PayloadType& type) {
  Rule rule;
  for (const Exception& exception : kExceptions) {
    if (exception.type != type.name) continue;
    rule.field = find_field(type, exception.field);
    rule.names = exception.names;
    rule.status = find_field(type, exception.second);
    rule.always_status = rule.status != nullptr;
    rule.word = exception.word;
    if (rule.field != nullptr && rule.names.empty()) rule.names = rule.field->names;
    if (rule.field != nullptr || !rule.word.empty()) return rule;
  }
  const auto is_enumeration = [](const Field& field) { return field.format == FieldFormat::enumeration; };
  for (const std::string_view name : kTelling) {
    const Field* field = find_field(type, name);
    if (field != nullptr && is_enumeration(*field) && rule.field == nullptr) rule.field = field;
  }
  if (rule.field == nullptr) {
    const auto first = std::find_if(type.fields.begin(), type.fields.end(), is_enumeration);
    if (first != type.fields.end()) rule.field = &*first;
  }
  if (rule.field == nullptr) {
    // "blkif_indices" -> "indices"
    rule.word = type.tail != TailKind::none ? type.tail_name : type.name.substr(type.name.rfind('_') + 1);
    return rule;
  }
  rule.names = rule.field->names;
  const Field* status = find_field(type, "status");
  if (status != nullptr && status != rule.field && is_enumeration(*status)) rule.status = status;
  return rule;
}

std::string_view Verbs::keep(std::string text) {
  if (const auto known = kept_.find(text); known != kept_.end()) return *known;
  if (kept_.size() >= kKeptMax) return "?";
  return *kept_.insert(std::move(text)).first;
}

std::string_view Verbs::verb(const PayloadType* type, std::span<const uint8_t> payload) {
  if (type == nullptr) return {};
  if (type->make_renderer == make_ninep_renderer) {
    const size_t place = size_t{type->size} + 4;  // behind the message's size
    if (payload.size() <= place) return {};
    const NinePMessageType* message = ninep_message_type(payload[place]);
    return message != nullptr ? message->name : "unknown";
  }
  auto found = rules_.find(type);
  if (found == rules_.end()) found = rules_.emplace(type, make_rule(*type)).first;
  const Rule& rule = found->second;
  std::string_view word = rule.word;
  if (rule.field != nullptr) {
    const auto number = number_of(*rule.field, payload);
    if (!number) return {};
    word = name_of(rule.names, *number);
    if (word.empty()) word = keep(in_digits(*rule.field, *number));
  }
  if (rule.status == nullptr) return word;
  const auto status = number_of(*rule.status, payload);
  if (!status || (*status == 0 && !rule.always_status)) return word;
  const std::string_view name = name_of(rule.status->names, *status);
  return keep(name.empty() ? fmt::format("{} {}", word, *status) : fmt::format("{} {}", word, name));
}

}  // namespace ringside::viewer
