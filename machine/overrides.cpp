#include "machine/overrides.h"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "machine/toml_precheck.h"

namespace ringside {

namespace {

// What TomlErrors says as the place of what came from there.
constexpr const char* kCommandLine = "--set";

// A text with a place of its own, so that an error about it names the command line and not the file.
toml::value from_command_line(const std::string& text) {
  std::istringstream stream("value = \"\"\n");
  toml::value value = toml::parse(stream, kCommandLine).at("value");
  value.as_string() = toml::string(text);
  return value;
}

toml::value parse_value(const std::string& text) {
  if (object_to_toml(text)) return toml::value(text);
  try {
    // The TOML reader would clamp what is too large for it; here that is no number.
    int64_t number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec ==
        std::errc::result_out_of_range) {
      return from_command_line(text);
    }
    std::istringstream stream("value = " + text + "\n");
    const toml::value table = toml::parse(stream, kCommandLine);
    if (table.is_table() && table.as_table().size() == 1) return table.at("value");
  } catch (const std::exception&) {
    // Not TOML: the text itself is meant, as in `--set domain.memory=128M`.
  }
  return from_command_line(text);
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  return parts;
}

std::string name_of(const toml::value& element) {
  if (!element.is_table() || !element.contains("name") || !element.at("name").is_string()) return "";
  return element.at("name").as_string().str;
}

// The element of an array of tables with that name; null where `name` is none of theirs.
// Domains need not say theirs: they are dom1, dom2, ... in their order.
toml::value* element_of(toml::value& array, const std::string& kind, const std::string& name) {
  size_t number = 0;
  for (toml::value& element : array.as_array()) {
    ++number;
    const std::string own = name_of(element);
    if (own == name || (own.empty() && kind == "domain" && name == fmt::format("dom{}", number)))
      return &element;
  }
  return nullptr;
}

Result<> set_path(toml::value& root, const std::vector<std::string>& parts, const toml::value& value) {
  toml::value* place = &root;
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    if (parts[i].empty() || !place->is_table()) return fail("there is no such place in the scenario");
    toml::value& next = place->as_table()[parts[i]];
    if (next.is_uninitialized()) next = toml::table{};
    place = &next;
    if (!place->is_array()) continue;
    if (place->as_array().empty()) return fail(fmt::format("the scenario has no [[{}]]", parts[i]));
    // What is no name is a key of the first element; with more behind it, that key must hold a table.
    if (toml::value* named = element_of(*place, parts[i], parts[i + 1])) {
      place = named;
      if (++i + 1 >= parts.size()) return fail(fmt::format("say which key of '{}' to set", parts[i]));
      continue;
    }
    toml::value& first = place->as_array().front();
    const bool is_table =
        first.is_table() && first.contains(parts[i + 1]) && first.at(parts[i + 1]).is_table();
    if (i + 2 < parts.size() && !is_table && parts[i + 1] != "latency") {
      std::string names;
      for (const toml::value& element : place->as_array()) {
        if (!name_of(element).empty())
          names += fmt::format("{}'{}'", names.empty() ? "" : ", ", name_of(element));
      }
      return fail(fmt::format("no {} is named '{}'{}", parts[i], parts[i + 1],
                              names.empty() ? std::string() : fmt::format("; there is {}", names)));
    }
    place = &first;
  }
  if (parts.back().empty() || !place->is_table()) return fail("there is no such place in the scenario");
  place->as_table()[parts.back()] = value;
  return {};
}

// "fault" with a fault as its text is one fault more, behind those of the scenario. With an array it is like
// any other key.
bool add_fault(toml::value& root, const std::string& path, const toml::value& value) {
  if (path != "fault" || !value.is_string() || !root.is_table()) return false;
  toml::value& list = root.as_table()["fault"];
  if (list.is_uninitialized()) list = toml::array{};
  if (!list.is_array()) return false;
  list.as_array().push_back(toml::table{{"spec", value}});
  return true;
}

}  // namespace

Result<> apply_overrides(toml::value& root, const Overrides& overrides) {
  for (const auto& [path, text] : overrides) {
    const std::vector<std::string> parts = split(path);
    const toml::value value = parse_value(text);
    if (add_fault(root, path, value)) continue;
    const Result<> set =
        parts.empty() ? fail("there is no such place in the scenario") : set_path(root, parts, value);
    if (!set) {
      return fail(
          fmt::format("--set {}={}: {}; write a path such as machine.seed, domain.memory or disk.xvda.image",
                      path, text, set.error().message));
    }
  }
  return {};
}

Result<Overrides> parse_settings(const std::vector<std::string>& settings) {
  Overrides overrides;
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(fmt::format("--set {}: write key=value, such as --set machine.seed=2", setting));
    overrides.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return overrides;
}

}  // namespace ringside
