// The window's panes: a tree of splits with a panel in each leaf. As text: rows(0.45 timeline cols(0.6 list
// details)): a part of the area for the first, the rest for the second.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"
#include "viewer/canvas/geometry.h"

namespace ringside::viewer {

struct Pane {
  std::string panel;        // of a leaf; empty: a split
  bool is_stacked = false;  // first above second, or beside it
  float part = 0.5F;
  std::unique_ptr<Pane> first, second;

  bool is_leaf() const { return first == nullptr; }
};

// A text with an error (a panel that is not known, a bracket) is refused.
Result<std::unique_ptr<Pane>> parse_panes(std::string_view text,
                                          const std::function<bool(std::string_view)>& is_panel);
std::string to_text(const Pane& pane);

struct PlacedPane {
  Pane* pane;
  Rect area;
};
struct PlacedSplit {
  Pane* split;
  Rect area;    // of the whole split
  Rect handle;  // the gap between the two, which the mouse drags
};
void place_panes(Pane& root, Rect area, float gap, std::vector<PlacedPane>& leaves,
                 std::vector<PlacedSplit>& splits);
// The leaf goes; its sibling takes the place. The last one stays.
void close_pane(std::unique_ptr<Pane>& root, const Pane* leaf);
void split_pane(Pane& leaf, bool is_stacked, const std::string& panel);

}  // namespace ringside::viewer
