// Grants: who gave which page to whom, for what, and since when it is mapped. All references as small squares
// above, and a table of those that were used.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/panel.h"
#include "viewer/panels/table_view.h"

namespace ringside::viewer {

class GrantsPanel final : public Panel {
 public:
  std::string_view id() const override { return "grants"; }
  std::string_view title() const override { return "Grants"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  static const DomainGrants* shown_domain(ViewState& view, const std::vector<DomainGrants>& all);
  void draw_head(Frame& frame, Rect area, const std::vector<DomainGrants>& all, const DomainGrants& grants);
  // Takes what it needs off the area.
  void draw_map(Frame& frame, Rect& area, const DomainGrants& grants);
  void draw_table(Frame& frame, Rect area, const DomainGrants& grants);

  bool mapped_only_ = false;
  TableView table_;
  Row shown_row_ = kNoRow;  // the cursor's, when it last brought its reference into sight
};

}  // namespace ringside::viewer
