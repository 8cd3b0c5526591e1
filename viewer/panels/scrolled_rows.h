// Rows of one height that scroll, each drawn by who knows what stands in it. Only whole rows are shown, so
// that nothing is ever cut through the middle of its letters.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

class ScrolledRows {
 public:
  using DrawRow = std::function<void(size_t row, Rect area)>;
  // The bar's hit is "name/bar".
  void draw(Frame& frame, Rect area, std::string_view name, size_t rows, float height,
            const DrawRow& draw_row);
  // Brings the row into sight at the next draw.
  void show(size_t row) { wanted_ = row; }
  size_t in_sight() const { return in_sight_; }

 private:
  double top_ = 0;
  size_t in_sight_ = 1;
  std::optional<size_t> wanted_;
};

}  // namespace ringside::viewer
