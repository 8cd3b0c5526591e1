// XenStore: the tree as messages have shown it by the cursor, what has just changed lit, and the watches.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "viewer/panels/panel.h"
#include "viewer/panels/scrolled_rows.h"

namespace ringside::viewer {

class XenstorePanel final : public Panel {
 public:
  std::string_view id() const override { return "xenstore"; }
  std::string_view title() const override { return "XenStore"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  struct Line {
    const StoreNode* node;
    std::string path;
    unsigned depth;
    Row newest;  // its own change, or the last one folded away below it
    bool is_folded;
  };
  void add_lines(std::vector<Line>& lines, const StoreNode& parent, const std::string& path, unsigned depth,
                 Row cursor);
  void draw_tree(Frame& frame, Rect area, const StoreState& store);
  void draw_line(Frame& frame, Rect strip, const Line& line);
  void draw_watches(Frame& frame, Rect area, const StoreState& store);

  std::set<std::string> folded_;  // paths
  ScrolledRows tree_, watches_;
  Row shown_row_ = kNoRow;  // the cursor's, when its node was last brought into sight
};

}  // namespace ringside::viewer
