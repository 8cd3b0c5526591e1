#include "viewer/session/filter_meaning.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "sim/near_names.h"
#include "viewer/session/filter_names.h"
#include "viewer/session/number_set.h"
#include "viewer/session/text_test.h"

namespace ringside::viewer {

namespace {

using Operator = FilterOperator;

constexpr std::array<FieldName, 2> kDirections{{{0, "out"}, {1, "in"}}};
constexpr std::array<FieldName, 4> kKinds{{{0, "message"}, {1, "call"}, {2, "signal"}, {3, "sampled"}}};

// What a name may be in the payloads of any type.
struct Meaning {
  std::vector<const Field*> fields;
  bool is_tail = false;               // of some type
  bool is_rendered = false;           // of messages that stand in no table
  std::set<std::string_view> almost;  // names that it fits, and is no one's alone
};

Meaning meaning_of(std::string_view word, bool whole_names_only) {
  Meaning meaning;
  for (const PayloadType* type : PayloadRegistry::instance().all()) {
    const std::vector<NamedPart> found = find_parts(*type, word);
    for (const NamedPart& part : found) {
      if (whole_names_only && part.name != word) continue;
      if (part.field != nullptr) meaning.fields.push_back(part.field);
      meaning.is_tail = meaning.is_tail || part.field == nullptr;
    }
    if (!found.empty() || whole_names_only) continue;
    for (const NamedPart& part : parts_of(*type)) {
      if (fit_of(word, part.name) != NameFit::none) meaning.almost.insert(part.name);
    }
  }
  meaning.is_rendered =
      !whole_names_only && std::any_of(rendered_names().begin(), rendered_names().end(),
                                       [&](auto name) { return fit_of(word, name) != NameFit::none; });
  return meaning;
}

bool is_order(Operator operation) {
  return operation == Operator::less || operation == Operator::less_equal || operation == Operator::greater ||
         operation == Operator::greater_equal;
}
bool is_pattern(Operator operation) { return operation == Operator::like || operation == Operator::unlike; }

Result<> unknown_name(const FilterTest& test, const Meaning& meaning) {
  if (!meaning.almost.empty()) {
    return filter_error(test.place, fmt::format("'{}' may be {}: write more of it", test.name,
                                                fmt::join(meaning.almost, ", ")));
  }
  const std::vector<std::string> names = all_names();
  const auto near = near_names(test.name, names, 3);
  return filter_error(test.place,
                      fmt::format("no crossing has '{}'{}", test.name,
                                  near.empty() ? fmt::format("; every one has {}", fmt::join(kRowNames, ", "))
                                               : did_you_mean(near)));
}

// A word where only some can be.
Result<> check_word(const FilterTest& test, const std::vector<std::string>& known) {
  const std::string value = lowercase(test.value.text);
  for (const std::string& name : known) {
    if (lowercase(name) == value) return {};
  }
  auto near = near_names(test.value.text, known, 3);
  if (near.empty()) {
    // "read" is far from "READ" only in its case.
    for (const std::string& name : near_names(
             value,
             [&] {
               std::vector<std::string> lower;
               for (const std::string& one : known) lower.push_back(lowercase(one));
               return lower;
             }(),
             3)) {
      for (const std::string& one : known) {
        if (lowercase(one) == name) near.push_back(one);
      }
    }
  }
  const size_t shown = std::min<size_t>(known.size(), 8);
  const std::vector<std::string> some(known.begin(), known.begin() + static_cast<ptrdiff_t>(shown));
  return filter_error(test.value.place,
                      fmt::format("'{}' is never '{}'{}", test.name, test.value.text,
                                  near.empty() ? fmt::format("; it is {}{}", fmt::join(some, ", "),
                                                             known.size() > shown ? ", ..." : "")
                                               : did_you_mean(near)));
}

template <class Names>
std::vector<std::string> words_of(const Names& names) {
  std::vector<std::string> words;
  for (const FieldName& name : names) words.emplace_back(name.name);
  return words;
}

Result<> check_value(const FilterTest& test, const Meaning& meaning) {
  const FilterValue& value = test.value;
  const Operator operation = test.operation;
  if (operation == Operator::present || is_pattern(operation) || value.is_number()) {
    const bool only_texts = std::all_of(meaning.fields.begin(), meaning.fields.end(), [](const Field* field) {
      return field->format == FieldFormat::text;
    });
    if (is_order(operation) && only_texts && !meaning.is_rendered)
      return filter_error(test.place, fmt::format("'{}' is a text: use ==, !=, ~ or !~", test.name));
    return {};
  }
  if (is_order(operation) && value.kind == FilterValue::Kind::text) {
    return filter_error(value.place,
                        fmt::format("'{}' compares numbers, and this is a text", to_string(operation)));
  }
  if (meaning.is_tail || meaning.is_rendered) return {};
  std::vector<std::string> names;
  for (const Field* field : meaning.fields) {
    if (field->format == FieldFormat::text) return {};
    for (const FieldName& name : field->names) {
      if (std::find(names.begin(), names.end(), name.name) == names.end()) names.emplace_back(name.name);
    }
  }
  if (names.empty()) {
    return filter_error(value.place,
                        fmt::format("'{}' is a number, and '{}' is none", test.name, value.text));
  }
  if (value.text.find('|') != std::string::npos) return {};  // flags
  return check_word(test, names);
}

Result<> check_row_name(const FilterTest& test, const Meaning& fields) {
  const Operator operation = test.operation;
  if (operation == Operator::present) return {};
  // A few fields have such names, too.
  if (!fields.fields.empty() && check_value(test, fields)) return {};
  const bool is_number = test.name == "time" || test.name == "sequence" || test.name == "size";
  if (is_number && (is_pattern(operation) || !test.value.is_number())) {
    return filter_error(test.value.place, fmt::format("'{}' is a number: compare it with one, such as {}",
                                                      test.name, test.name == "time" ? "1.5ms" : "1000"));
  }
  if (!is_number && is_order(operation)) {
    return filter_error(test.place, fmt::format("'{}' is a text: use ==, !=, ~ or !~", test.name));
  }
  const bool is_equality = operation == Operator::equal || operation == Operator::differs;
  if (is_equality && test.name == "direction") return check_word(test, words_of(kDirections));
  if (is_equality && test.name == "kind") {
    std::vector<std::string> words = words_of(kKinds);
    for (const Field* field : fields.fields) {
      for (const FieldName& name : field->names) words.emplace_back(name.name);
    }
    return check_word(test, words);
  }
  return {};
}

}  // namespace

Result<> check_meaning(const FilterSyntax& syntax) {
  for (const FilterTest& test : syntax.tests) {
    if (is_row_word(test.name)) {
      if (test.operation == Operator::present) continue;
      return filter_error(test.place, fmt::format("'{}' stands alone, or as '!{}'", test.name, test.name));
    }
    const bool of_every_row = is_row_name(test.name);
    const Meaning meaning = meaning_of(test.name, of_every_row);
    if (of_every_row) {
      SIM_TRY(check_row_name(test, meaning));
      continue;
    }
    if (meaning.fields.empty() && !meaning.is_tail && !meaning.is_rendered)
      return unknown_name(test, meaning);
    SIM_TRY(check_value(test, meaning));
  }
  return {};
}

}  // namespace ringside::viewer
