// A table with a head, columns and as many rows as there are: only those in sight are asked for. It scrolls
// by the wheel, its bar, and by keys.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "viewer/panels/scrolled_rows.h"

namespace ringside::viewer {

class TableView {
 public:
  struct Column {
    std::string title;
    float width = 8;  // in letters; 0: shares what is left
    bool is_mono = false;
    Canvas::Align align = Canvas::Align::left;
  };
  struct Cell {
    std::string text;
    std::optional<Color> color;
  };
  struct Source {
    size_t rows = 0;
    std::function<Cell(size_t row, size_t column)> cell;
    std::function<std::optional<Color>(size_t row)> background;  // may be empty
    std::optional<size_t> selected;
  };
  // What happened to a row; `clicked` and so on are none where nothing was.
  struct Result {
    std::optional<size_t> clicked, double_clicked, hovered, right_clicked;
  };
  // `name` for hits: rows are "name/12".
  Result draw(Frame& frame, Rect area, std::string_view name, const std::vector<Column>& columns,
              const Source& source);
  // Scrolls so that the row is in sight at the next draw.
  void show(size_t row) { rows_.show(row); }
  size_t rows_in_sight() const { return rows_.in_sight(); }

 private:
  ScrolledRows rows_;
};

}  // namespace ringside::viewer
