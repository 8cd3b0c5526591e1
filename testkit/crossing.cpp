// Crossing and Crossings: handles to a CrossingStore.
#include "ringside/crossing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <ostream>

#include "sim/near_names.h"
#include "testkit/crossing_store.h"

namespace ringside::test {

namespace {

std::string without_quotes(const std::string& text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// "segments[2].gref" -> "segments", 2, "gref". False where it is no such path.
struct RecordPath {
  std::string_view list, field;
  size_t index = 0;
};
bool parse_path(std::string_view name, RecordPath& path) {
  const size_t open = name.find('['), close = name.find("].");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  const auto [end, error] = std::from_chars(name.data() + open + 1, name.data() + close, path.index);
  path.list = name.substr(0, open);
  path.field = name.substr(close + 2);
  return error == std::errc{} && end == name.data() + close;
}

// Of the record itself first, then of its list's records.
const DecodedField* find_field(const std::vector<DecodedField>& fields, std::string_view name) {
  RecordPath path;
  if (parse_path(name, path)) {
    for (const DecodedField& field : fields) {
      if (field.name == path.list && path.index < field.children.size())
        return find_field(field.children[path.index].children, path.field);
    }
    return nullptr;
  }
  for (const DecodedField& field : fields) {
    if (field.name == name) return &field;
  }
  for (const DecodedField& field : fields) {
    if (const DecodedField* found = find_field(field.children, name)) return found;
  }
  return nullptr;
}

void list_names(const std::vector<DecodedField>& fields, std::vector<std::string>& names) {
  for (const DecodedField& field : fields) {
    if (!field.name.empty() && std::find(names.begin(), names.end(), field.name) == names.end())
      names.push_back(field.name);
    list_names(field.children, names);
  }
}

}  // namespace

uint64_t Value::number() const {
  if (is_number_) return number_;
  throw Error(fmt::format("'{}' is a text, and a number was asked for; compare text()", text_));
}

// The field's highest bit is its sign.
int64_t Value::signed_number() const {
  const uint64_t sign = mask_ ^ (mask_ >> 1);
  return static_cast<int64_t>((number() & sign) != 0 ? number_ | ~mask_ : number_);
}

std::ostream& operator<<(std::ostream& to, const Value& value) { return to << value.text(); }

const std::string& Crossing::wire() const { return store_->wire_of(number_); }
Time Crossing::at() const { return to_time(store_->at(number_).at); }
uint64_t Crossing::sequence() const { return store_->at(number_).sequence; }
Direction Crossing::direction() const {
  return store_->at(number_).direction == ringside::Direction::out ? Direction::out : Direction::in;
}

Value Crossing::field(std::string_view name) const {
  const DecodedField* found = find_field(store_->fields_of(number_), name);
  if (found != nullptr) return {without_quotes(found->text), found->number, found->is_number, found->size};
  const std::vector<std::string> names = field_names();
  throw Error(fmt::format("a crossing of {} has no field '{}'{}; it has {}", wire(), name,
                          did_you_mean(near_names(name, names, 2)), fmt::join(names, ", ")));
}

bool Crossing::has_field(std::string_view name) const {
  return find_field(store_->fields_of(number_), name) != nullptr;
}

std::vector<std::string> Crossing::field_names() const {
  std::vector<std::string> names;
  list_names(store_->fields_of(number_), names);
  return names;
}

std::vector<uint8_t> Crossing::bytes() const {
  const CrossingStore::Record& record = store_->at(number_);
  return {record.payload, record.payload + record.size};
}

bool Crossing::injected() const { return (store_->at(number_).flags & ringside::Crossing::kInjected) != 0; }
bool Crossing::dropped() const {
  const CrossingStore::Record& record = store_->at(number_);
  return record.verdict.copies == 0 || (record.flags & ringside::Crossing::kDropped) != 0;
}
bool Crossing::delayed() const {
  const CrossingStore::Record& record = store_->at(number_);
  return !record.verdict.punctual() || (record.flags & ringside::Crossing::kDelayed) != 0;
}
bool Crossing::failed() const {
  const CrossingStore::Record& record = store_->at(number_);
  return record.verdict.fail != 0 || (record.flags & ringside::Crossing::kFailed) != 0;
}

std::string Crossing::fields_text() const { return to_line(store_->fields_of(number_)); }
std::string Crossing::text() const { return store_->line_of(number_); }
bool Crossing::operator==(const Crossing& other) const {
  return store_ == other.store_ && number_ == other.number_;
}
std::ostream& operator<<(std::ostream& to, const Crossing& crossing) { return to << crossing.text(); }

Crossings CrossingStore::select(std::string_view glob, uint64_t from) {
  std::vector<bool> wanted(wires_.size());
  for (size_t i = 0; i < wires_.size(); ++i)
    wanted[i] = wires_[i].type != nullptr && wire_matches(glob, wires_[i].name);
  if (std::find(wanted.begin(), wanted.end(), true) == wanted.end()) throw Error(no_such_wire(glob));
  Crossings found;
  found.store_ = shared_from_this();
  found.description_ = glob;
  for (uint64_t number = std::max(first_, from); number < next(); ++number) {
    if (wanted[records_[number - first_].wire]) found.numbers_.push_back(number);
  }
  return found;
}

Crossing Crossings::operator[](size_t index) const {
  if (index < numbers_.size()) return store_->handle(numbers_[index]);
  throw Error(fmt::format("{} has {} crossings, and number {} was asked for (they count from 0)",
                          description_, numbers_.size(), index));
}

Crossing Crossings::back() const { return (*this)[numbers_.empty() ? 0 : numbers_.size() - 1]; }

Crossings Crossings::where(const Condition& condition) const {
  Crossings found = *this;
  found.numbers_.clear();
  for (const uint64_t number : numbers_) {
    if (condition.matches(store_->handle(number))) found.numbers_.push_back(number);
  }
  found.description_ += " where " + condition.text();
  return found;
}

Crossings Crossings::since(Time time) const {
  Crossings found = *this;
  const Tick tick = to_tick(time);
  std::erase_if(found.numbers_, [&](uint64_t number) { return store_->at(number).at < tick; });
  found.description_ += " since " + to_string(time);
  found.origin_ = std::max(found.origin_, time);
  return found;
}

Crossings Crossings::before(Time time) const {
  Crossings found = *this;
  const Tick tick = to_tick(time);
  std::erase_if(found.numbers_, [&](uint64_t number) { return store_->at(number).at >= tick; });
  found.description_ += " before " + to_string(time);
  return found;
}

uint64_t Crossings::lost() const { return store_ == nullptr ? 0 : store_->first(); }

}  // namespace ringside::test
