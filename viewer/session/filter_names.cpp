#include "viewer/session/filter_names.h"

#include <algorithm>
#include <set>

#include "host/9p/messages.h"

namespace ringside::viewer {

namespace {

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string_view> ninep_names() {
  static std::set<std::string, std::less<>> names{"message", "tag",    "path", "problem",
                                                  "entry",   "offset", "type", "name"};
  const auto add = [](std::span<const NinePField> fields) {
    for (const NinePField& field : fields) {
      names.emplace(field.name);
      if (field.format == NinePFormat::fid) names.insert(std::string(field.name) + "_path");
    }
  };
  for (unsigned type = 0; type < 256; ++type) {
    if (const NinePMessageType* row = ninep_message_type(static_cast<uint8_t>(type))) add(row->fields);
  }
  add(ninep_stat_fields());
  return {names.begin(), names.end()};
}

}  // namespace

bool is_row_name(std::string_view name) { return is_one_of(kRowNames, name); }
bool is_row_word(std::string_view name) { return is_one_of(kRowWords, name); }

NameFit fit_of(std::string_view word, std::string_view name) {
  const auto is_operation = [](std::string_view text) { return text == "op" || text == "operation"; };
  if (word == name || (is_operation(word) && is_operation(name))) return NameFit::whole;
  if (word.empty() || name.size() < word.size() + 2) return NameFit::none;
  if (name.starts_with(word) && name[word.size()] == '_') return NameFit::begins;
  if (name.ends_with(word) && name[name.size() - word.size() - 1] == '_') return NameFit::ends;
  return NameFit::none;
}

std::vector<size_t> meant_names(std::string_view word, const std::vector<std::string_view>& names) {
  NameFit best = NameFit::none;
  for (const std::string_view name : names) best = std::max(best, fit_of(word, name));
  std::vector<size_t> meant;
  if (best == NameFit::none) return meant;
  for (size_t i = 0; i < names.size(); ++i) {
    if (fit_of(word, names[i]) != best) continue;
    if (!meant.empty() && names[meant[0]] != names[i]) return {};
    meant.push_back(i);
  }
  return meant;
}

std::vector<NamedPart> parts_of(const PayloadType& type) {
  std::vector<NamedPart> parts;
  for (const Field& field : type.fields) parts.push_back({field.name, &field, false});
  if (type.tail != TailKind::none) parts.push_back({type.tail_name, nullptr, false});
  if (type.tail == TailKind::records) {
    for (const Field& field : type.tail_fields) parts.push_back({field.name, &field, true});
  }
  return parts;
}

std::vector<NamedPart> find_parts(const PayloadType& type, std::string_view word) {
  const std::vector<NamedPart> parts = parts_of(type);
  std::vector<std::string_view> names;
  for (const NamedPart& part : parts) names.push_back(part.name);
  std::vector<NamedPart> found;
  for (const size_t place : meant_names(word, names)) found.push_back(parts[place]);
  return found;
}

const std::vector<std::string_view>& rendered_names() {
  static const std::vector<std::string_view> names = ninep_names();
  return names;
}

std::vector<std::string> all_names() {
  std::set<std::string> names(kRowNames.begin(), kRowNames.end());
  names.insert(kRowWords.begin(), kRowWords.end());
  names.insert(rendered_names().begin(), rendered_names().end());
  for (const PayloadType* type : PayloadRegistry::instance().all()) {
    for (const NamedPart& part : parts_of(*type)) names.emplace(part.name);
  }
  return {names.begin(), names.end()};
}

}  // namespace ringside::viewer
