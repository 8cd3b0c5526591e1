// 9P: a share's fids as paths, the tags that are not answered, and how long each type of message has taken.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/panel.h"
#include "viewer/panels/scrolled_rows.h"

namespace ringside::viewer {

class NinepPanel final : public Panel {
 public:
  std::string_view id() const override { return "9p"; }
  std::string_view title() const override { return "9P"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  static const NinePState* shown_share(const ViewState& view, const std::vector<NinePState>& shares);
  void draw_fids(Frame& frame, Rect area, const NinePState& share);
  void draw_tags(Frame& frame, Rect area, const NinePState& share);
  void draw_latencies(Frame& frame, Rect area, const NinePState& share);

  ScrolledRows fids_, tags_, latencies_;
};

}  // namespace ringside::viewer
