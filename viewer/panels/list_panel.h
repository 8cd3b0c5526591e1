// Every crossing, or those that the filter found, a line each.
#pragma once

#include "viewer/panels/table_view.h"

namespace ringside::viewer {

class ListPanel final : public Panel {
 public:
  std::string_view id() const override { return "list"; }
  std::string_view title() const override { return "Crossings"; }
  void draw(Frame& frame) override;
  bool on_key(std::string_view key, ViewState& view) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  void open_row_menu(Frame& frame, Row row);

  TableView table_;
  Cursor shown_;
  size_t rows_ = 0;
};

}  // namespace ringside::viewer
