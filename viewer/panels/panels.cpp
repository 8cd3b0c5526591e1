// The panels that there are.
#include "viewer/panels/details_panel.h"
#include "viewer/panels/evtchn_panel.h"
#include "viewer/panels/list_panel.h"
#include "viewer/panels/rings_panel.h"
#include "viewer/panels/timeline_panel.h"
#include "viewer/panels/xenbus_panel.h"

namespace ringside::viewer {

std::vector<std::unique_ptr<Panel>> make_panels() {
  std::vector<std::unique_ptr<Panel>> panels;
  panels.push_back(std::make_unique<TimelinePanel>());
  panels.push_back(std::make_unique<ListPanel>());
  panels.push_back(std::make_unique<DetailsPanel>());
  panels.push_back(std::make_unique<RingsPanel>());
  panels.push_back(std::make_unique<EvtchnPanel>());
  panels.push_back(std::make_unique<XenbusPanel>());
  return panels;
}

}  // namespace ringside::viewer
