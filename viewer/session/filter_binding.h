// A test of a filter, bound to one wire: names have become places in its payloads, and what is the same for
// all of its rows is known.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "viewer/session/crossing_table.h"
#include "viewer/session/filter_syntax.h"
#include "viewer/session/number_set.h"
#include "viewer/session/row_text.h"
#include "viewer/session/text_test.h"

namespace ringside::viewer {

class BoundTest {
 public:
  // `test` is kept by the caller.
  BoundTest(const FilterTest& test, const ViewedWire& wire);

  // Where all rows have the same answer.
  std::optional<bool> known() const;
  bool matches(const CrossingTable& table, RowText& text, Row row) const;

 private:
  // Where a check finds what it looks at.
  struct Place {
    enum class Kind : uint8_t {
      field,
      tail_field,  // of any record of the tail
      tail,
      time,
      sequence,
      size,
      direction,
      flags,
      line
    } kind = Kind::field;
    uint16_t offset = 0, size = 0;  // of a field
  };
  struct NumberCheck {
    Place place;
    NumberSet numbers;
  };
  struct TextCheck {
    Place place;
    TextTest test;
    bool in_hex = false;  // of bytes
  };
  struct FormattedCheck {  // a number's text
    std::string_view name;
    TextTest test;
  };
  struct RenderedCheck {};  // the fields of a message that was decoded in order
  struct PresenceCheck {
    Place place;
  };
  using Check = std::variant<NumberCheck, TextCheck, FormattedCheck, RenderedCheck, PresenceCheck>;
  enum class Answer : uint8_t { absent, no, yes };

  void bind_row_name(const ViewedWire& wire);
  void bind_row_word(const ViewedWire& wire);
  void bind_fields(const PayloadType& type, bool whole_names_only);
  void bind_field(const Field& field, bool in_tail);
  void bind_tail(const PayloadType& type);
  void settle(bool matches);  // a text of the wire's own

  Answer ask(const Check& check, const CrossingTable& table, RowText& text, Row row) const;
  Answer ask_numbers(const NumberCheck& check, const CrossingTable& table, Row row) const;
  Answer ask_text(const TextCheck& check, const CrossingTable& table, RowText& text, Row row) const;
  Answer ask_formatted(const FormattedCheck& check, const CrossingTable& table, Row row) const;
  Answer ask_rendered(RowText& text, Row row) const;
  bool is_there(const Place& place, std::span<const uint8_t> payload) const;
  template <class Ask>
  Answer ask_records(const Place& place, std::span<const uint8_t> payload, Ask ask) const;

  const FilterTest* test_;
  const PayloadType* type_;
  bool negated_ = false;  // != and !~: there, and not what == and ~ ask for
  bool always_there_ = false, always_fits_ = false;
  std::vector<Check> checks_;
};

}  // namespace ringside::viewer
