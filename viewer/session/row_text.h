// Rows in words: fields, and a line. Some payloads mean something only after those before them (9P's fids):
// such wires are decoded in order once, and what came of it is kept.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/field_table.h"
#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

class RowText {
 public:
  explicit RowText(const CrossingTable& table);
  ~RowText();

  std::vector<DecodedField> fields(Row row);
  // As `ringside show` prints it behind the arrow.
  std::string line(Row row);
  // What a row is in one or two words, for a mark and a list: "READ", "map", "Twalk", "deliver", "XS_READ".
  std::string_view verb(Row row);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::viewer
