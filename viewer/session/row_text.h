// Rows in words: fields, and a line. Some payloads mean something only after those before them (9P's fids):
// such wires are decoded in order once, and what came of it is kept.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/field_table.h"
#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

class RowText {
 public:
  explicit RowText(const CrossingTable& table);
  ~RowText();

  // Decodes on for about so long what has to be decoded in order; true when nothing is left. Without it the
  // first question about such a row decodes all before it: a few seconds for a million messages.
  bool prepare_for(std::chrono::nanoseconds budget);

  std::vector<DecodedField> fields(Row row);
  // As `ringside show` prints it behind the arrow.
  std::string line(Row row);
  // What a row is in one or two words, for a mark and a list: "READ", "map", "Twalk", "deliver", "XS_READ".
  // Empty where the payload was not recorded.
  std::string_view verb(Row row);
  // What is kept of rows that were decoded in order.
  size_t bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::viewer
