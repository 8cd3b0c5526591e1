// XenBus: of each device the frontend's and the backend's state machine side by side (xen/io/xenbus.h), the
// states that they are in, and the way that they have taken, as far as the cursor.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

class XenbusPanel final : public Panel {
 public:
  std::string_view id() const override { return "xenbus"; }
  std::string_view title() const override { return "XenBus"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  void draw_device(Frame& frame, Rect area, const XenbusState& device);

  std::string device_;  // chosen, where not all of them fit
};

}  // namespace ringside::viewer
