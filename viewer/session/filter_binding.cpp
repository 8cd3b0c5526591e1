#include "viewer/session/filter_binding.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/fault/fault_injector.h"
#include "sim/notice.h"
#include "viewer/session/filter_names.h"
#include "viewer/session/wire_parts.h"

namespace ringside::viewer {

namespace {

using Operator = FilterOperator;

bool is_pattern(Operator operation) { return operation == Operator::like || operation == Operator::unlike; }

// Bytes of a text field up to its padding.
std::string_view text_of(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.substr(0, text.find('\0'));
}

std::string hex_of(std::span<const uint8_t> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

void collect(const std::vector<DecodedField>& fields, std::vector<const DecodedField*>& all) {
  for (const DecodedField& field : fields) {
    all.push_back(&field);
    collect(field.children, all);
  }
}

}  // namespace

BoundTest::BoundTest(const FilterTest& test, const ViewedWire& wire)
    : test_(&test),
      type_(wire.type),
      negated_(test.operation == Operator::differs || test.operation == Operator::unlike) {
  if (is_row_word(test.name)) {
    bind_row_word(wire);
    return;
  }
  const bool of_every_row = is_row_name(test.name);
  if (of_every_row) bind_row_name(wire);
  if (wire.type != nullptr) bind_fields(*wire.type, of_every_row);
}

void BoundTest::settle(bool matches) {
  always_there_ = true;
  always_fits_ = always_fits_ || matches || test_->operation == Operator::present;
}

void BoundTest::bind_row_word(const ViewedWire& wire) {
  const auto has_type = [&](const PayloadType& type) { return wire.payload_type == type.id; };
  if (test_->name == "fault") {
    always_there_ = true;
    always_fits_ = has_type(kFaultPayload);
    if (!always_fits_) checks_.push_back(NumberCheck{Place{Place::Kind::flags, 0, 0}, NumberSet::of({1})});
  } else if (has_type(kNoticePayload)) {
    if (test_->name == "notice") return settle(true);
    checks_.push_back(NumberCheck{Place{Place::Kind::field, 0, 1},
                                  NumberSet::of({static_cast<uint64_t>(NoticeKind::violation)})});
  }
}

void BoundTest::bind_row_name(const ViewedWire& wire) {
  const std::string_view name = test_->name;
  const std::string& value = test_->value.text;
  const Operator operation = test_->operation;
  const TextTest as_name = TextTest::of_name(operation, value);
  const auto bind_number = [&](Place::Kind kind) {
    settle(false);
    if (test_->value.is_number() && !is_pattern(operation))
      checks_.push_back(
          NumberCheck{Place{kind, 0, 0}, NumberSet::compared(operation, test_->value, 8, false)});
  };
  if (name == "wire") {
    // "ring/*" is of any domain.
    const std::string_view domain = domain_of_wire(wire.name);
    const std::string_view rest = std::string_view(wire.name).substr(domain.empty() ? 0 : domain.size() + 1);
    settle(as_name.matches(wire.name) || as_name.matches(rest));
  } else if (name == "device") {
    settle(as_name.matches(device_of_wire(wire.name)));
  } else if (name == "domain") {
    settle(as_name.matches(domain_of_wire(wire.name)));
  } else if (name == "type") {
    settle(wire.type != nullptr && as_name.matches(wire.type->name));
  } else if (name == "kind") {
    settle(as_name.matches(to_string(wire.kind)));
  } else if (name == "time") {
    bind_number(Place::Kind::time);
  } else if (name == "sequence") {
    bind_number(Place::Kind::sequence);
  } else if (name == "size") {
    bind_number(Place::Kind::size);
  } else if (name == "direction") {
    settle(false);
    std::vector<uint64_t> directions;
    if (as_name.matches("out")) directions.push_back(static_cast<uint64_t>(Direction::out));
    if (as_name.matches("in")) directions.push_back(static_cast<uint64_t>(Direction::in));
    checks_.push_back(NumberCheck{Place{Place::Kind::direction, 0, 0}, NumberSet::of(directions)});
  } else {
    settle(false);
    checks_.push_back(TextCheck{Place{Place::Kind::line, 0, 0}, TextTest::of_text(operation, value), false});
  }
}

void BoundTest::bind_fields(const PayloadType& type, bool whole_names_only) {
  if (type.make_renderer != nullptr) {
    if (!whole_names_only) checks_.push_back(RenderedCheck{});
    return;
  }
  for (const NamedPart& part : find_parts(type, test_->name)) {
    if (whole_names_only && part.name != test_->name) continue;
    if (part.field != nullptr) {
      bind_field(*part.field, part.in_tail);
    } else {
      bind_tail(type);
    }
  }
}

void BoundTest::bind_field(const Field& field, bool in_tail) {
  const Place place{in_tail ? Place::Kind::tail_field : Place::Kind::field, field.offset, field.size};
  const FilterValue& value = test_->value;
  const Operator operation = test_->operation;
  if (operation == Operator::present) {
    checks_.push_back(PresenceCheck{place});
  } else if (field.format == FieldFormat::text) {
    checks_.push_back(TextCheck{place, TextTest::of_text(operation, value.text), false});
  } else if (field.format == FieldFormat::enumeration ||
             (field.format == FieldFormat::flags && !is_pattern(operation))) {
    checks_.push_back(NumberCheck{place, NumberSet::named(operation, value, field)});
  } else if (is_pattern(operation)) {
    checks_.push_back(FormattedCheck{field.name, TextTest::of_name(operation, value.text)});
  } else if (value.is_number()) {
    const bool is_signed = field.format == FieldFormat::signed_decimal;
    checks_.push_back(NumberCheck{place, NumberSet::compared(operation, value, field.size, is_signed)});
  } else {
    checks_.push_back(NumberCheck{place, {}});
  }
}

void BoundTest::bind_tail(const PayloadType& type) {
  const Place place{Place::Kind::tail, 0, 0};
  if (test_->operation == Operator::present || type.tail == TailKind::records) {
    checks_.push_back(PresenceCheck{place});
  } else {
    checks_.push_back(TextCheck{place, TextTest::of_text(test_->operation, test_->value.text),
                                type.tail == TailKind::bytes});
  }
}

std::optional<bool> BoundTest::known() const {
  if (always_fits_) return !negated_;
  if (checks_.empty()) return negated_ && always_there_;
  return std::nullopt;
}

bool BoundTest::matches(const CrossingTable& table, RowText& text, Row row) const {
  bool is_present = always_there_;
  for (const Check& check : checks_) {
    const Answer answer = ask(check, table, text, row);
    if (answer == Answer::yes) return !negated_;
    is_present = is_present || answer == Answer::no;
  }
  return negated_ && is_present;
}

BoundTest::Answer BoundTest::ask(const Check& check, const CrossingTable& table, RowText& text,
                                 Row row) const {
  if (const auto* numbers = std::get_if<NumberCheck>(&check)) return ask_numbers(*numbers, table, row);
  if (const auto* asked = std::get_if<TextCheck>(&check)) return ask_text(*asked, table, text, row);
  if (const auto* formatted = std::get_if<FormattedCheck>(&check))
    return ask_formatted(*formatted, table, row);
  if (std::holds_alternative<RenderedCheck>(check)) return ask_rendered(text, row);
  const Place& place = std::get<PresenceCheck>(check).place;
  return is_there(place, table.payload(row)) ? Answer::yes : Answer::absent;
}

bool BoundTest::is_there(const Place& place, std::span<const uint8_t> payload) const {
  switch (place.kind) {
    case Place::Kind::field: return payload.size() >= size_t{place.offset} + place.size;
    case Place::Kind::tail: return payload.size() > type_->size;
    case Place::Kind::tail_field:
      return payload.size() >= size_t{type_->size} + type_->tail_record_size && type_->tail_record_size != 0;
    default: return true;
  }
}

// Whether any whole record of the tail fits.
template <class Ask>
BoundTest::Answer BoundTest::ask_records(const Place& place, std::span<const uint8_t> payload,
                                         Ask asked) const {
  if (!is_there(place, payload) || size_t{place.offset} + place.size > type_->tail_record_size)
    return Answer::absent;
  for (auto tail = payload.subspan(type_->size); tail.size() >= type_->tail_record_size;
       tail = tail.subspan(type_->tail_record_size)) {
    if (asked(tail.subspan(place.offset, place.size))) return Answer::yes;
  }
  return Answer::no;
}

BoundTest::Answer BoundTest::ask_numbers(const NumberCheck& check, const CrossingTable& table,
                                         Row row) const {
  const Place& place = check.place;
  uint64_t number = 0;
  switch (place.kind) {
    case Place::Kind::time: number = table.at(row).ps; break;
    case Place::Kind::sequence: number = table.sequence(row); break;
    case Place::Kind::size: number = table.full_size(row); break;
    case Place::Kind::direction: number = static_cast<uint64_t>(table.direction(row)); break;
    case Place::Kind::flags: number = (table.flags(row) & Crossing::kInjected) != 0 ? 1 : 0; break;
    case Place::Kind::tail_field:
      return ask_records(place, table.payload(row), [&](std::span<const uint8_t> bytes) {
        return check.numbers.has(load_number(bytes));
      });
    default: {
      const auto payload = table.payload(row);
      if (payload.size() < size_t{place.offset} + place.size) return Answer::absent;
      number = load_number(payload.subspan(place.offset, place.size));
    }
  }
  return check.numbers.has(number) ? Answer::yes : Answer::no;
}

BoundTest::Answer BoundTest::ask_text(const TextCheck& check, const CrossingTable& table, RowText& text,
                                      Row row) const {
  const auto payload = table.payload(row);
  const Place& place = check.place;
  bool fits = false;
  switch (place.kind) {
    case Place::Kind::line: fits = check.test.matches(text.line(row)); break;
    case Place::Kind::tail_field:
      return ask_records(place, payload,
                         [&](std::span<const uint8_t> bytes) { return check.test.matches(text_of(bytes)); });
    case Place::Kind::tail: {
      if (!is_there(place, payload)) return Answer::absent;
      const auto tail = payload.subspan(type_->size);
      fits = check.in_hex ? check.test.matches(hex_of(tail))
                          : check.test.matches({reinterpret_cast<const char*>(tail.data()), tail.size()});
      break;
    }
    default:
      if (!is_there(place, payload)) return Answer::absent;
      fits = check.test.matches(text_of(payload.subspan(place.offset, place.size)));
  }
  return fits ? Answer::yes : Answer::no;
}

BoundTest::Answer BoundTest::ask_formatted(const FormattedCheck& check, const CrossingTable& table,
                                           Row row) const {
  const std::vector<DecodedField> fields = decode(*type_, table.payload(row));
  std::vector<const DecodedField*> all;
  collect(fields, all);
  Answer answer = Answer::absent;
  for (const DecodedField* field : all) {
    if (field->name != check.name || !field->children.empty()) continue;
    if (check.test.matches(field->text)) return Answer::yes;
    answer = Answer::no;
  }
  return answer;
}

BoundTest::Answer BoundTest::ask_rendered(RowText& text, Row row) const {
  const std::vector<DecodedField> fields = text.fields(row);
  std::vector<const DecodedField*> all;
  collect(fields, all);
  std::vector<std::string_view> names;
  for (const DecodedField* field : all) names.push_back(field->name);
  const std::vector<size_t> meant = meant_names(test_->name, names);
  const Operator operation = test_->operation;
  if (operation == Operator::present) return meant.empty() ? Answer::absent : Answer::yes;
  Answer answer = Answer::absent;
  for (const size_t place : meant) {
    const DecodedField& field = *all[place];
    std::string_view shown = field.text;
    const bool is_quoted = shown.size() >= 2 && shown.front() == '"';
    if (is_quoted) shown = shown.substr(1, shown.size() - 2);
    bool fits = false;
    if (field.is_number && test_->value.is_number() && !is_pattern(operation)) {
      fits = NumberSet::compared(operation, test_->value, 8, false).has(field.number);
    } else if (operation == Operator::equal || operation == Operator::differs || is_pattern(operation)) {
      fits = (is_quoted ? TextTest::of_text(operation, test_->value.text)
                        : TextTest::of_name(operation, test_->value.text))
                 .matches(shown);
    }
    if (fits) return Answer::yes;
    answer = Answer::no;
  }
  return answer;
}

}  // namespace ringside::viewer
