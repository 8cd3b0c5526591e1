// What the App keeps of the mouse, of named areas and menus over one frame; and the Frame that panels see.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "viewer/panels/panel.h"

namespace ringside::viewer {

// One per window.
struct Interaction {
  Pointer pointer;
  bool is_blocked = false;  // a menu or the help is open: panels see no mouse
  std::string held;         // the area that was pressed, as long as the button is down
  std::map<std::string, Rect> areas, areas_before;  // "panel:name", of this frame and the last
  std::string tooltip;
  bool animates = false;
  std::vector<Frame::MenuEntry> menu;
  Point menu_at;
  bool menu_opens = false;
  std::string focus_field;   // this text field gets the keyboard
  std::string active_field;  // that has it

  void begin_frame();
};

class AppFrame final : public Frame {
 public:
  AppFrame(Canvas& canvas, const Theme& theme, ViewState& view, Rect area, std::string_view panel,
           Interaction& interaction);

  const Pointer& pointer() const override { return pointer_; }
  Hit hit(Rect area, std::string_view name) override;
  bool input(Rect area, std::string_view name, std::string& text, std::string_view hint) override;
  void tooltip(std::string_view text) override { interaction_.tooltip = text; }
  void open_menu(std::vector<MenuEntry> entries) override;
  void animate() override { interaction_.animates = true; }

 private:
  std::string panel_;
  Interaction& interaction_;
  Pointer pointer_;
};

}  // namespace ringside::viewer
