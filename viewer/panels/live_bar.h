// The bar of a live machine: run, pause, step, back, speed, faults, save.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

class LiveBar final : public Panel {
 public:
  std::string_view id() const override { return "live"; }
  std::string_view title() const override { return "Machine"; }
  // A strip of one line; what the area has more stays empty.
  void draw(Frame& frame) override;
  // Whether there is anything to be drawn.
  static bool is_wanted(ViewState& view) { return view.is_live && view.live() != nullptr; }
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

  // What keys do as well.
  void run_or_pause(ViewState& view);
  static void step(ViewState& view);
  static void back(ViewState& view);
  static void save(ViewState& view);
  // For the chosen wire; opened as soon as the machine has said what may be done there.
  void ask_fault(ViewState& view);

 private:
  void draw_state(Frame& frame, Rect area);
  void open_speeds(Frame& frame);
  void open_faults(Frame& frame);

  double speed_ = 0;        // virtual seconds per second; 0: as fast as it goes
  std::string fault_wire_;  // whose menu is wanted
};

}  // namespace ringside::viewer
