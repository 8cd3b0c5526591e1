#include <algorithm>
#include <set>

#include "viewer/session/filter.h"
#include "viewer/session/filter_names.h"
#include "viewer/session/filter_syntax.h"
#include "viewer/session/wire_parts.h"

namespace ringside::viewer {

namespace {

void add_names(const CrossingTable& table, std::set<std::string>& names) {
  names.insert(kRowNames.begin(), kRowNames.end());
  names.insert(kRowWords.begin(), kRowWords.end());
  for (const ViewedWire& wire : table.wires()) {
    if (wire.type == nullptr) continue;
    for (const NamedPart& part : parts_of(*wire.type)) names.emplace(part.name);
    if (wire.type->make_renderer != nullptr) names.insert(rendered_names().begin(), rendered_names().end());
  }
}

// What a name may be compared with.
void add_values(const CrossingTable& table, std::string_view name, std::set<std::string>& values) {
  if (name == "direction") values.insert({"in", "out"});
  for (const ViewedWire& wire : table.wires()) {
    if (name == "wire") values.insert(wire.name);
    if (name == "device") values.emplace(device_of_wire(wire.name));
    if (name == "domain") values.emplace(domain_of_wire(wire.name));
    if (name == "kind") values.emplace(to_string(wire.kind));
    if (wire.type == nullptr) continue;
    if (name == "type") values.emplace(wire.type->name);
    for (const NamedPart& part : find_parts(*wire.type, name)) {
      if (part.field == nullptr || (is_row_name(name) && part.name != name)) continue;
      for (const FieldName& value : part.field->names) values.emplace(value.name);
    }
  }
  values.erase("");
}

void drop_blanks(std::string_view& text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
}

// The name that an operator at the end of the text compares; empty where there is none.
std::string_view compared_name(std::string_view text) {
  const size_t size = text.size();
  while (!text.empty() && std::string_view("=!<>~").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  if (text.size() == size) return {};
  drop_blanks(text);
  size_t begin = text.size();
  while (begin > 0 && is_name_character(text[begin - 1])) --begin;
  return text.substr(begin);
}

}  // namespace

std::vector<std::string> filter_completions(const CrossingTable& table, std::string_view text) {
  size_t begin = text.size();
  while (begin > 0 && is_word_character(text[begin - 1])) --begin;
  const std::string_view word = text.substr(begin);
  text = text.substr(0, begin);
  drop_blanks(text);
  std::set<std::string> candidates;
  if (const std::string_view name = compared_name(text); !name.empty()) {
    add_values(table, name, candidates);
  } else if (text.empty() || text.ends_with('(') || text.ends_with('!') || text.ends_with("&&") ||
             text.ends_with("||")) {
    add_names(table, candidates);
  }
  std::vector<std::string> fitting;
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(word) && candidate != word) fitting.push_back(candidate);
  }
  return fitting;
}

}  // namespace ringside::viewer
