#include "machine/overrides.h"

#include <fmt/format.h>

#include <sstream>

namespace ringside {

namespace {

toml::value parse_value(const std::string& text) {
  try {
    std::istringstream stream("value = " + text + "\n");
    const toml::value table = toml::parse(stream, "--set");
    if (table.is_table() && table.as_table().size() == 1) return table.at("value");
  } catch (const std::exception&) {
    // Not TOML: the text itself is meant, as in `--set domain.memory=128M`.
  }
  return toml::value(text);
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  return parts;
}

// The element of an array of tables with that name; the first where `name` is none of theirs.
toml::value* element_of(toml::value& array, const std::string& name, bool& consumed) {
  consumed = false;
  if (array.as_array().empty()) return nullptr;
  for (toml::value& element : array.as_array()) {
    if (element.is_table() && element.contains("name") && element.at("name").is_string() &&
        element.at("name").as_string().str == name) {
      consumed = true;
      return &element;
    }
  }
  return &array.as_array().front();
}

bool set_path(toml::value& root, const std::vector<std::string>& parts, const toml::value& value) {
  toml::value* place = &root;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    if (!place->is_table()) return false;
    toml::value& next = place->as_table()[parts[i]];
    if (next.is_uninitialized()) next = toml::table{};
    place = &next;
    if (!place->is_array()) continue;
    bool consumed = false;
    place = element_of(*place, parts[i + 1], consumed);
    if (place == nullptr) return false;
    if (consumed && ++i + 1 >= parts.size()) return false;
  }
  if (!place->is_table()) return false;
  place->as_table()[parts.back()] = value;
  return true;
}

}  // namespace

Result<> apply_overrides(toml::value& root, const Overrides& overrides) {
  for (const auto& [path, text] : overrides) {
    const std::vector<std::string> parts = split(path);
    if (parts.empty() || !set_path(root, parts, parse_value(text))) {
      return fail(fmt::format("--set {}={}: there is no such place in the scenario; write a path such as "
                              "machine.seed, domain.memory or disk.xvda.image",
                              path, text));
    }
  }
  return {};
}

}  // namespace ringside
