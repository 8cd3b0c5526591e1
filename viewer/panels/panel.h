// A panel: a part of the window that shows one thing. It is drawn anew each frame, through a Canvas, and
// learns what the mouse does there from the same call ("immediate mode"). What it remembers is what only it
// is interested in (how far it is scrolled); everything else is in the ViewState.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "viewer/canvas/canvas.h"
#include "viewer/canvas/theme.h"
#include "viewer/panels/view_state.h"

namespace ringside::viewer {

// The mouse in this frame.
struct Pointer {
  Point at{-1, -1};
  bool down = false;     // the left button is held
  bool pressed = false;  // it went down in this frame
  bool released = false;
  bool double_pressed = false;
  bool right_pressed = false;
  bool middle_down = false;
  Point moved;  // since the last frame
  float wheel = 0, wheel_across = 0;
  bool shift = false, ctrl = false, alt = false;
};

// What the mouse does to an area.
struct Hit {
  bool hovered = false, clicked = false, double_clicked = false, right_clicked = false;
  bool held = false;  // pressed here, and not let go since
};

// What a panel gets to draw one frame.
class Frame {
 public:
  Frame(Canvas& given_canvas, const Theme& given_theme, ViewState& given_view, Rect given_area)
      : canvas(given_canvas), theme(given_theme), view(given_view), area(given_area) {}
  virtual ~Frame() = default;

  Canvas& canvas;
  const Theme& theme;
  ViewState& view;
  Rect area;

  // The mouse, where it is over this panel; elsewhere (at is {-1,-1}) nothing is hovered.
  virtual const Pointer& pointer() const = 0;
  // Areas have names, unique within the panel ("slot/3"): tests and scripts click them by "rings:slot/3".
  virtual Hit hit(Rect area, std::string_view name) = 0;
  // One line of text that can be edited. True when Enter was pressed.
  virtual bool input(Rect area, std::string_view name, std::string& text, std::string_view hint) = 0;
  // Shown beside the mouse at the end of the frame; several lines are parted by \n.
  virtual void tooltip(std::string_view text) = 0;
  // Entries of a menu at the mouse, opened by this call; what is chosen is called in a later frame.
  struct MenuEntry {
    std::string text;
    std::function<void()> chosen;  // null: a heading
  };
  virtual void open_menu(std::vector<MenuEntry> entries) = 0;
  // Something moves: draw the next frame without waiting for an event.
  virtual void animate() = 0;

  // --- Made of these ---
  bool button(Rect area, std::string_view name, std::string_view text, bool is_on = false);
  // Buttons in a row from the left, as wide as their texts; gives the chosen one's number, or -1.
  int tabs(Rect area, std::string_view name, const std::vector<std::string>& texts, int chosen);
  // Says in the middle of the area that there is nothing, and why.
  void say_empty(std::string_view text);
};

class Panel {
 public:
  virtual ~Panel() = default;
  virtual std::string_view id() const = 0;     // "rings": in layouts and scripts
  virtual std::string_view title() const = 0;  // "Rings"
  virtual void draw(Frame& frame) = 0;
  // A key while the panel is the chosen one ("Up", "PageDown", "a"; SDL's names). False: not its own.
  virtual bool on_key(std::string_view key, ViewState& view) {
    (void)key;
    (void)view;
    return false;
  }
  // For tests and scripts: "name=value" lines of what it shows.
  virtual std::vector<std::pair<std::string, std::string>> facts(ViewState& view) {
    (void)view;
    return {};
  }
};

// All of them, in the order of the window's menu.
std::vector<std::unique_ptr<Panel>> make_panels();

// --- Words that several panels need ---

// "1.234567 ms" with as many digits as tell `resolution_ps` apart.
std::string time_text(double ps, double resolution_ps);
std::string time_text(Tick at);          // to the nanosecond
std::string duration_text(Tick length);  // three digits that count: "12.3 us"
// "#1,234"
std::string row_name(Row row);

}  // namespace ringside::viewer
