// What a console has printed by the cursor, and a line that is typed into it where the machine is live.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/panel.h"
#include "viewer/panels/scrolled_rows.h"

namespace ringside::viewer {

class ConsolePanel final : public Panel {
 public:
  std::string_view id() const override { return "console"; }
  std::string_view title() const override { return "Console"; }
  void draw(Frame& frame) override;
  std::vector<std::pair<std::string, std::string>> facts(ViewState& view) override;

 private:
  const std::string* shown_console(ViewState& view) const;
  void type(Frame& frame, const std::string& console);
  void break_lines(Frame& frame, float width);

  std::string chosen_, typed_;
  ScrolledRows rows_;
  // What the lines were made of.
  std::string text_;
  float width_ = 0;
  std::vector<std::string> lines_;
};

// What a terminal would show of it, without its colours and moves, which are for a terminal.
std::string plain_console_text(std::string_view printed);

}  // namespace ringside::viewer
