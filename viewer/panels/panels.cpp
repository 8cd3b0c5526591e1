// The panels that there are.
#include "viewer/panels/console_panel.h"
#include "viewer/panels/cpu_panel.h"
#include "viewer/panels/details_panel.h"
#include "viewer/panels/evtchn_panel.h"
#include "viewer/panels/grants_panel.h"
#include "viewer/panels/list_panel.h"
#include "viewer/panels/memory_panel.h"
#include "viewer/panels/ninep_panel.h"
#include "viewer/panels/notes_panel.h"
#include "viewer/panels/rings_panel.h"
#include "viewer/panels/timeline_panel.h"
#include "viewer/panels/xenbus_panel.h"
#include "viewer/panels/xenstore_panel.h"

namespace ringside::viewer {

std::vector<std::unique_ptr<Panel>> make_panels() {
  std::vector<std::unique_ptr<Panel>> panels;
  panels.push_back(std::make_unique<TimelinePanel>());
  panels.push_back(std::make_unique<ListPanel>());
  panels.push_back(std::make_unique<DetailsPanel>());
  panels.push_back(std::make_unique<RingsPanel>());
  panels.push_back(std::make_unique<EvtchnPanel>());
  panels.push_back(std::make_unique<GrantsPanel>());
  panels.push_back(std::make_unique<XenstorePanel>());
  panels.push_back(std::make_unique<XenbusPanel>());
  panels.push_back(std::make_unique<NinepPanel>());
  panels.push_back(std::make_unique<CpuPanel>());
  panels.push_back(std::make_unique<MemoryPanel>());
  panels.push_back(std::make_unique<ConsolePanel>());
  panels.push_back(std::make_unique<NotesPanel>());
  return panels;
}

}  // namespace ringside::viewer
