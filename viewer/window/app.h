// The window's contents: bars, panes with their panels, and what keys do to them.
#pragma once

#include <SDL.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "viewer/panels/live_bar.h"
#include "viewer/window/app_frame.h"
#include "viewer/window/layouts.h"
#include "viewer/window/panes.h"
#include "viewer/window/window.h"

namespace ringside::viewer {

class App {
 public:
  App(Window& window, ViewState& view, Settings settings);
  ~App();

  // An event of SDL's. False: it asks the window to close.
  bool give(const SDL_Event& event);
  // One frame; `show` false: not onto the screen. True: something moves, so that the next one should follow
  // at once.
  bool frame(double seconds, bool show = true);

  Result<> set_layout(const std::string& name);
  const std::string& layout() const { return layout_; }
  ViewState& view() { return view_; }
  LiveBar& live_bar() { return *live_bar_; }
  Window& window() { return window_; }
  Interaction& interaction() { return interaction_; }
  const Theme& theme() const { return theme_; }
  Settings settings();

  // --- For actions ---
  void press_layout(size_t number);
  void toggle_presentation();
  void toggle_light();
  void zoom_letters(float factor);
  void toggle_help() { help_ = !help_; }
  void choose_pane(int by);
  void focus(const std::string& field) { interaction_.focus_field = field; }
  void ask_time();
  // The picture as it stands, at the end of this frame; the name is made from the session's. Empty kind:
  // both.
  void export_picture(const std::string& png, const std::string& svg);
  void close_overlays();
  bool has_overlay() const { return help_ || is_asking_time_ || menu_open_; }

  // For scripts and tests: the state in words, and areas by name.
  std::vector<std::pair<std::string, std::string>> facts();
  const std::map<std::string, Rect>& areas() const { return interaction_.areas; }

 private:
  // --- app_bars.cpp ---
  void draw_top_bar(Canvas& canvas, Rect area);
  void draw_transport(Canvas& canvas, Rect area);
  void draw_scrubber(Frame& frame, Rect area);
  void draw_problem(Canvas& canvas, Rect area, const std::string& text);
  void draw_status(Canvas& canvas, Rect area);
  // --- app_overlays.cpp ---
  void draw_help(Canvas& canvas, Rect area);
  void draw_time_field(Canvas& canvas, Rect area);
  void draw_completions(Canvas& canvas, Rect area);
  void draw_menu();
  void draw_tooltip(Canvas& canvas, Rect area);

  void draw(Canvas& canvas, Rect area);
  void draw_pane(Canvas& canvas, const PlacedPane& placed);
  void drag_splits(Canvas& canvas, const std::vector<PlacedSplit>& splits);
  void pane_menu(AppFrame& frame, Pane& pane);
  void write_exports(class SvgCanvas* svg);
  Panel* find_panel(std::string_view id);
  void set_theme();
  void keep_panes();

  Window& window_;
  ViewState& view_;
  Settings settings_;
  Theme theme_;
  Interaction interaction_;
  std::vector<std::unique_ptr<Panel>> panels_;
  LiveBar* live_bar_;  // one of them
  std::string layout_;
  std::unique_ptr<Pane> root_;
  bool is_lent_ = false;  // the panes are a lesson's
  Pane* chosen_ = nullptr;
  bool help_ = false, is_presentation_ = false, is_asking_time_ = false, menu_open_ = false;
  std::string time_text_;
  std::string png_wanted_, svg_wanted_;
  std::vector<uint32_t> scrub_counts_;  // crossings per column of the scrubber
  Row scrub_rows_ = 0;
  float scrub_width_ = 0;
};

}  // namespace ringside::viewer
