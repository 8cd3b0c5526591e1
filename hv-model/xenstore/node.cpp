#include "hv-model/xenstore/node.h"

#include <fmt/format.h>
#include <cstdlib>

namespace ringside::xenstore {

std::optional<Permission> parse_permission(const std::string& text) {
  Permission permission;
  switch (text.empty() ? '\0' : text[0]) {
    case 'r': permission.bits = kPermRead; break;
    case 'w': permission.bits = kPermWrite; break;
    case 'b': permission.bits = kPermRead | kPermWrite; break;
    case 'n': permission.bits = kPermNone; break;
    default: return std::nullopt;
  }
  const char* number = text.c_str() + 1;
  char* end = nullptr;
  permission.domain = static_cast<uint32_t>(std::strtol(number, &end, 0));
  if (*end != '\0' || *number == '\0') return std::nullopt;
  return permission;
}

std::string to_string(const Permission& permission) {
  static constexpr char kLetters[] = {'n', 'r', 'w', 'b'};
  return fmt::format("{}{}", kLetters[permission.bits & 3], static_cast<int32_t>(permission.domain));
}

size_t find_child(const std::string& children, std::string_view name) {
  for (size_t at = 0; at < children.size();) {
    const std::string_view child(children.c_str() + at);
    if (child == name) return at;
    at += child.size() + 1;
  }
  return std::string::npos;
}

}  // namespace ringside::xenstore
