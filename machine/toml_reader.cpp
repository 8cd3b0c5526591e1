#include "machine/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace ringside {

void TomlErrors::add(const toml::value& where, std::string message) {
  const toml::source_location place = where.location();
  if (place.file_name() == "--set") {
    if (!first_) first_ = fmt::format("--set: {}", message);
    return;
  }
  add(place.line(), std::move(message));
}

void TomlErrors::add(uint_least32_t line, std::string message) {
  if (first_) return;
  first_ = fmt::format("{}:{}: {}", origin_, line, message);
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  size_t best_distance = std::max<size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t replaced = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

TomlReader::TomlReader(const toml::value& table, std::string title, TomlErrors& errors)
    : table_(table), title_(std::move(title)), errors_(errors) {
  if (!table_.is_table()) error(fmt::format("{} must be a table", title_));
}

void TomlReader::finish() {
  if (!table_.is_table()) return;
  // Complain in the order of the file, not of the hash map that toml11 keeps.
  const toml::value* first_unknown = nullptr;
  std::string first_key;
  for (const auto& [key, value] : table_.as_table()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    if (first_unknown == nullptr || value.location().line() < first_unknown->location().line()) {
      first_unknown = &value;
      first_key = key;
    }
  }
  if (first_unknown == nullptr) return;
  std::string message = fmt::format("unknown key '{}' in {}", first_key, title_);
  if (const auto meant = nearest(first_key, known_)) {
    message += fmt::format("; did you mean '{}'?", *meant);
  } else {
    message += fmt::format("; it takes: {}", fmt::join(known_, ", "));
  }
  errors_.add(*first_unknown, message);
}

const toml::value* TomlReader::find(const std::string& key) {
  known_.push_back(key);
  if (!table_.is_table() || !table_.contains(key)) return nullptr;
  return &table_.at(key);
}

bool TomlReader::has(const std::string& key) { return table_.is_table() && table_.contains(key); }

void TomlReader::error(std::string message) { errors_.add(table_, std::move(message)); }

void TomlReader::error(const std::string& key, std::string message) {
  errors_.add(has(key) ? table_.at(key) : table_, std::move(message));
}

void TomlReader::require(const std::string& key) {
  if (!has(key)) error(fmt::format("{} needs the key '{}'", title_, key));
}

void TomlReader::read(const std::string& key, std::string& into) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return errors_.add(*value, fmt::format("'{}' must be a text in quotes", key));
  into = value->as_string().str;
}

void TomlReader::read(const std::string& key, bool& into) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return errors_.add(*value, fmt::format("'{}' must be true or false", key));
  into = value->as_boolean();
}

void TomlReader::read(const std::string& key, uint64_t& into) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_integer() || value->as_integer() < 0) {
    return errors_.add(*value, fmt::format("'{}' must be a whole number, 0 or more", key));
  }
  into = static_cast<uint64_t>(value->as_integer());
}

void TomlReader::read(const std::string& key, uint32_t& into) {
  uint64_t wide = into;
  read(key, wide);
  if (wide > UINT32_MAX) return error(key, fmt::format("'{}' is too large", key));
  into = static_cast<uint32_t>(wide);
}

void TomlReader::read(const std::string& key, Tick& into) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) {
    return errors_.add(*value,
                       fmt::format("'{}' must be a time in quotes, such as \"20s\" or \"30us\"", key));
  }
  const auto tick = parse_tick(value->as_string().str);
  if (!tick) return errors_.add(*value, fmt::format("'{}': {}", key, tick.error().message));
  into = *tick;
}

void TomlReader::read(const std::string& key, std::vector<std::string>& into) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) return errors_.add(*value, fmt::format("'{}' must be an array of texts", key));
  for (const toml::value& element : value->as_array()) {
    if (!element.is_string()) return errors_.add(element, fmt::format("'{}' must hold texts only", key));
    into.push_back(element.as_string().str);
  }
}

void TomlReader::read(const std::string& key, std::vector<std::pair<std::string, std::string>>& into) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_table()) return errors_.add(*value, fmt::format("'{}' must be a table of texts", key));
  for (const auto& [name, text] : value->as_table()) {
    if (!text.is_string())
      return errors_.add(text, fmt::format("'{}' in '{}' must be a text in quotes", name, key));
    into.emplace_back(name, text.as_string().str);
  }
  // Not in the order of the hash map that toml11 keeps.
  std::sort(into.begin(), into.end());
}

void TomlReader::read_scaled(const std::string& key, uint64_t& into,
                             const std::vector<std::pair<std::string_view, uint64_t>>& units,
                             const char* example) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (value->is_integer() && value->as_integer() > 0) {
    into = static_cast<uint64_t>(value->as_integer());
    return;
  }
  if (value->is_string()) {
    const std::string& text = value->as_string().str;
    uint64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    for (const auto& [unit, scale] : units) {
      if (code != std::errc{} || number == 0 || std::string_view(end) != unit) continue;
      if (number > UINT64_MAX / scale) break;
      into = number * scale;
      return;
    }
  }
  errors_.add(*value, fmt::format("'{}' must be a number with a unit, such as \"{}\"", key, example));
}

void TomlReader::read_size(const std::string& key, uint64_t& into) {
  read_scaled(key, into, {{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}}, "64M");
}

void TomlReader::read_frequency(const std::string& key, uint64_t& into) {
  read_scaled(key, into, {{"Hz", 1}, {"kHz", 1000}, {"MHz", 1'000'000}, {"GHz", 1'000'000'000}}, "2GHz");
}

void TomlReader::read_rate(const std::string& key, uint64_t& into) {
  read_scaled(key, into, {{"B/s", 1}, {"kB/s", 1000}, {"MB/s", 1'000'000}, {"GB/s", 1'000'000'000}},
              "500MB/s");
}

void TomlReader::table(const std::string& key, const std::function<void(TomlReader&)>& use) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  TomlReader reader(*value, fmt::format("[{}]", key), errors_);
  use(reader);
  reader.finish();
}

void TomlReader::each(const std::string& key, const std::function<void(TomlReader&)>& use) {
  const toml::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array()) {
    return errors_.add(*value, fmt::format("write [[{}]] with double brackets: there may be several", key));
  }
  for (const toml::value& element : value->as_array()) {
    TomlReader reader(element, fmt::format("[[{}]]", key), errors_);
    use(reader);
    reader.finish();
  }
}

}  // namespace ringside
