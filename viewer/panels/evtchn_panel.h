// Event channels: a row for each port of each domain, with lamps for pending and masked, and, where there is
// room, the channels as lines between the domains. What the cursor's crossing has changed is lit.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/panel.h"
#include "viewer/panels/scrolled_rows.h"

namespace ringside::viewer {

class EvtchnPanel final : public Panel {
 public:
  std::string_view id() const override { return "evtchn"; }
  std::string_view title() const override { return "Event channels"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  ScrolledRows rows_;
};

// The channels as lines: ports of the guests on the left, what is at their other ends on the right.
void draw_channel_map(Frame& frame, Rect area, const std::vector<DomainPorts>& domains);

// "dom0 port 3", "VIRQ 0": what is at a port's other end.
std::string far_end(const PortState& port);
// The last crossing that did anything to it.
Row last_row_of(const PortState& port);

}  // namespace ringside::viewer
