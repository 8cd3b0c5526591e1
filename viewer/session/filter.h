// Filter expressions over rows: wire ~ "ring/*" && op == "read" && sector > 2048
//
//   or       = and { "||" and }
//   and      = not { "&&" not }
//   not      = "!" not | "(" or ")" | test
//   test     = name [ operator value ]   a name alone: the row has such a field, or is one of the words below
//   operator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
//   value    = a number (7, 0x1f, -5) | a time (1.5ms) | a word | "a text"
//
// Names of every row: wire, device, domain, time, sequence, direction (in, out), kind (message, call, signal,
// sampled), type, size, text (the line that `ringside show` prints). Words: fault (one struck here), notice,
// violation.
//
// Other names are fields of the payload's table and of its tail's records (any of them), by their whole name,
// or by what it begins with up to an underscore, or else ends with, where only one does ("sector"; "remote"
// fits two); "op" is "operation" as well. A field that has the name of what every row has (XenStore's "type")
// counts, too. A row without such a field fits no test of it, `!=` and `!~` included.
//
// `~` matches a pattern with `*` and `?`: the whole of a name, any part of a text; a pattern without them any
// part of both. Names of wires stand with or without their domain. Case counts in texts only. Enumerations
// are compared by names (`state >= Connected` by their numbers); of flags, `==` asks whether one is set.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"
#include "viewer/session/crossing_table.h"
#include "viewer/session/row_text.h"

namespace ringside::viewer {

class Filter {
 public:
  // An error says at which character what is wrong, and names near field names. Empty text matches every row.
  static Result<Filter> parse(std::string_view text);
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;
  ~Filter();

  const std::string& text() const;
  bool matches(const CrossingTable& table, RowText& text, Row row);
  // Appends the rows of [first, end) that match.
  void find(const CrossingTable& table, RowText& text, Row first, Row end, std::vector<Row>& found);

 private:
  struct Impl;
  explicit Filter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Names that may stand at the end of `text`, for completion: fields of the types that the table's wires have.
std::vector<std::string> filter_completions(const CrossingTable& table, std::string_view text);

}  // namespace ringside::viewer
