// The processor at the cursor: registers, the code round the instruction pointer, the stack's return
// addresses.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "viewer/panels/panel.h"
#include "viewer/panels/scrolled_rows.h"

namespace ringside::viewer {

class CpuPanel final : public Panel {
 public:
  std::string_view id() const override { return "cpu"; }
  std::string_view title() const override { return "CPU"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  using Facts = std::vector<std::pair<std::string, std::string>>;
  static Facts registers_of(ViewState& view, const std::string& domain, std::string& error);
  void draw_registers(Frame& frame, Rect area, const Facts& registers);
  void draw_code(Frame& frame, Rect area, const std::string& domain, const std::string& rip);
  void draw_stack(Frame& frame, Rect area, const std::string& domain);

  ScrolledRows registers_rows_, code_rows_, stack_rows_;
  Facts before_;  // at the place before, to mark what has changed
  Facts shown_;
  // What was brought into sight, and in how much room.
  std::string shown_rip_;
  float code_height_ = 0;
};

}  // namespace ringside::viewer
