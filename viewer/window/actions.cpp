#include "viewer/window/actions.h"

#include "viewer/panels/live_bar.h"
#include "viewer/window/app.h"

namespace ringside::viewer {

namespace {

void live(App& app, void (*with)(LiveBar&, ViewState&)) {
  if (!LiveBar::is_wanted(app.view())) return app.view().say("no machine runs: open a scenario to run one");
  with(app.live_bar(), app.view());
}
template <size_t number>
void layout(App& app) {
  app.press_layout(number);
}
void pan(App& app, double part) {
  const double by = (app.view().range_end - app.view().range_begin) * part;
  app.view().show_range(app.view().range_begin + by, app.view().range_end + by);
}
void zoom(App& app, double factor) {
  ViewState& view = app.view();
  const auto at = static_cast<double>(view.cursor().at.ps);
  const bool in_sight = at >= view.range_begin && at <= view.range_end;
  view.zoom(factor, in_sight ? at : (view.range_begin + view.range_end) / 2);
}
void mark(App& app) {
  ViewState& view = app.view();
  if (view.mark_a && view.mark_b) view.mark_a.reset(), view.mark_b.reset();
  (view.mark_a ? view.mark_b : view.mark_a) = view.cursor().at;
}

const std::vector<Action> kActions = {
    {"Right Down", "to the next crossing", "Cursor", [](App& app) { app.view().step(1); }},
    {"Left Up", "to the one before", "Cursor", [](App& app) { app.view().step(-1); }},
    {"Shift+Right Shift+Down", "next crossing of the chosen wire", "Cursor",
     [](App& app) { app.view().step_on_wire(1); }},
    {"Shift+Left Shift+Up", "previous one of the chosen wire", "Cursor",
     [](App& app) { app.view().step_on_wire(-1); }},
    {"n", "next crossing that the filter finds", "Cursor", [](App& app) { app.view().step_found(1); }},
    {"Shift+n", "previous one", "Cursor", [](App& app) { app.view().step_found(-1); }},
    {"e", "next fault, notice or violation", "Cursor", [](App& app) { app.view().step_highlight(1); }},
    {"Shift+e", "previous one", "Cursor", [](App& app) { app.view().step_highlight(-1); }},
    {"Home", "before the first crossing", "Cursor",
     [](App& app) { app.view().go_to_row(kNoRow), app.view().show_cursor(); }},
    {"End", "to the end", "Cursor",
     [](App& app) { app.view().go_to_time(app.view().table().end()), app.view().show_cursor(); }},
    {"g", "to a time, or a crossing's number", "Cursor", [](App& app) { app.ask_time(); }},
    {"Space", "play, or stop playing", "Cursor",
     [](App& app) { app.view().is_playing = !app.view().is_playing; }},
    {".", "play twice as fast", "Cursor", [](App& app) { app.view().play_speed *= 2; }},
    {",", "half as fast", "Cursor", [](App& app) { app.view().play_speed /= 2; }},

    {"w + =", "zoom in", "Time", [](App& app) { zoom(app, 0.6); }},
    {"s -", "zoom out", "Time", [](App& app) { zoom(app, 1 / 0.6); }},
    {"a", "earlier", "Time", [](App& app) { pan(app, -0.25); }},
    {"d", "later", "Time", [](App& app) { pan(app, 0.25); }},
    {"f", "the whole session", "Time", [](App& app) { app.view().show_range(0, 1e30); }},
    {"c", "the cursor into sight", "Time", [](App& app) { app.view().show_cursor(); }},
    {"m", "set a mark; the second measures", "Time", mark},
    {"Shift+m", "no marks", "Time", [](App& app) { app.view().mark_a.reset(), app.view().mark_b.reset(); }},

    {"/ Ctrl+f", "write a filter", "Look", [](App& app) { app.focus("top:filter"); }},
    {"Tab", "choose the next pane", "Look", [](App& app) { app.choose_pane(1); }},
    {"Shift+Tab", "the one before", "Look", [](App& app) { app.choose_pane(-1); }},
    {"p", "presentation: large, black on white", "Look", [](App& app) { app.toggle_presentation(); }},
    {"l", "light or dark", "Look", [](App& app) { app.toggle_light(); }},
    {"Ctrl+= Ctrl++", "larger letters", "Look", [](App& app) { app.zoom_letters(1.1F); }},
    {"Ctrl+-", "smaller letters", "Look", [](App& app) { app.zoom_letters(1 / 1.1F); }},
    {"Ctrl+0", "letters as they were", "Look", [](App& app) { app.zoom_letters(0); }},
    {"F11", "the whole screen", "Look", [](App& app) { app.window().toggle_fullscreen(); }},
    {"x", "export as PNG and SVG", "Look", [](App& app) { app.export_picture({}, {}); }},
    {"? Shift+/ F1", "this page", "Look", [](App& app) { app.toggle_help(); }},

    {"PageDown", "the lesson's next step", "Look",
     [](App& app) { app.view().go_to_note(app.view().lesson().step + 1); }},
    {"PageUp", "the step before", "Look",
     [](App& app) { app.view().go_to_note(app.view().lesson().step - 1); }},

    {"1", "overview", "Layouts", layout<0>},
    {"2", "rings", "Layouts", layout<1>},
    {"3", "list", "Layouts", layout<2>},
    {"4", "events", "Layouts", layout<3>},
    {"5", "grants", "Layouts", layout<4>},
    {"6", "XenStore and XenBus", "Layouts", layout<5>},
    {"7", "9P", "Layouts", layout<6>},
    {"8", "CPU, memory, console", "Layouts", layout<7>},
    {"9", "lesson", "Layouts", layout<8>},

    {"r", "run, or pause", "Machine",
     [](App& app) { live(app, [](LiveBar& bar, ViewState& view) { bar.run_or_pause(view); }); }},
    {"j", "step to the chosen wire's next crossing", "Machine",
     [](App& app) { live(app, [](LiveBar&, ViewState& view) { LiveBar::step(view); }); }},
    {"k", "step back to its last one", "Machine",
     [](App& app) { live(app, [](LiveBar&, ViewState& view) { LiveBar::back(view); }); }},
    {"i", "inject a fault into the chosen wire", "Machine",
     [](App& app) { live(app, [](LiveBar& bar, ViewState& view) { bar.ask_fault(view); }); }},
    {"h", "bring the machine to the cursor", "Machine", [](App& app) { app.view().bring_machine_here(); }},
    {"Ctrl+s", "save the live session", "Machine",
     [](App& app) { live(app, [](LiveBar&, ViewState& view) { LiveBar::save(view); }); }},
    {"q Ctrl+q", "close the window", "Machine",
     [](App&) {
       SDL_Event event{};
       event.type = SDL_QUIT;
       SDL_PushEvent(&event);
     }},
};

bool has_key(std::string_view keys, std::string_view key) {
  while (!keys.empty()) {
    const size_t end = std::min(keys.find(' '), keys.size());
    if (keys.substr(0, end) == key) return true;
    keys.remove_prefix(std::min(end + 1, keys.size()));
  }
  return false;
}

}  // namespace

const std::vector<Action>& actions() { return kActions; }

const Action* find_action(std::string_view key) {
  for (const Action& action : kActions) {
    if (has_key(action.keys, key)) return &action;
  }
  return nullptr;
}

}  // namespace ringside::viewer
