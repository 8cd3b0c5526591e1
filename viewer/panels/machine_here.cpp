#include "viewer/panels/machine_here.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::viewer {

namespace {

std::vector<std::string> domains_of(ViewState& view) {
  std::vector<std::string> names;
  const Json& ready = view.live() != nullptr ? view.live()->ready() : Json();
  if (!ready.is_object() || !ready.contains("domains") || !ready["domains"].is_array()) return names;
  for (const Json& name : ready["domains"]) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

// Why there is nothing to be seen, in one line or two.
std::string reason_of(ViewState& view, std::string_view what) {
  const LiveMachine& live = *view.live();
  if (live.state() == LiveMachine::State::failed) return live.reason();
  if (live.state() == LiveMachine::State::running)
    return fmt::format("The machine runs. Pause it to see its {}.", what);
  if (view.cursor().row == kNoRow) return "Choose a crossing: the machine is brought to where it passed.";
  if (!view.is_live)
    return fmt::format("A session does not hold the {}. The run is done again up to the cursor to see them.",
                       what);
  return "The machine stands at another crossing than the cursor.";
}

}  // namespace

void draw_progress(Frame& frame, Rect area, double part, std::string_view text) {
  const Theme& theme = frame.theme;
  const float radius = theme.text_size * 0.25F;
  frame.canvas.fill(area, theme.raised, radius);
  const auto done = static_cast<float>(std::clamp(part, 0.0, 1.0));
  frame.canvas.fill({area.x, area.y, area.w * done, area.h}, mix(theme.raised, theme.accent, 0.6F), radius);
  frame.canvas.outline(area, theme.border, 1, radius);
  frame.canvas.text_in(area.inset(theme.text_size * 0.4F, 0), text, theme.text, theme.font(),
                       Canvas::Align::centre);
}

bool machine_is_here(Frame& frame, std::string_view what) {
  ViewState& view = frame.view;
  if (view.machine_is_here()) return true;
  if (view.live() == nullptr) {
    frame.say_empty(fmt::format("There is no machine whose {} could be shown.", what));
    return false;
  }
  const LiveMachine::State state = view.live()->state();
  const Theme& theme = frame.theme;
  const Rect whole = frame.area.inset(theme.gap());
  if (whole.w < theme.text_size * 8 || whole.h < theme.row_height() * 2) return false;
  const auto lines = frame.canvas.wrapped(reason_of(view, what), theme.font(), whole.w * 0.8F);
  const bool is_busy = state == LiveMachine::State::going || state == LiveMachine::State::starting;
  const float line = frame.canvas.line_height(theme.font()), button = theme.row_height() * 1.3F;
  const auto fit = static_cast<size_t>(std::max(0.0F, (whole.h - button - theme.gap()) / line));
  const size_t shown = is_busy ? 0 : std::min(lines.size(), fit);
  float y = whole.centre().y - (static_cast<float>(shown) * line + button + theme.gap()) / 2;
  for (size_t i = 0; i < shown; ++i, y += line) {
    frame.canvas.text_in({whole.x, y, whole.w, line}, lines[i],
                         state == LiveMachine::State::failed ? theme.bad : theme.dim, theme.font(),
                         Canvas::Align::centre);
  }
  y += theme.gap();
  const float width = std::min(whole.w, theme.text_size * 18);
  const Rect place{whole.centre().x - width / 2, y, width, button};
  if (is_busy) {
    const double part = view.live()->progress();
    draw_progress(frame, place, part,
                  state == LiveMachine::State::starting ? "The machine is made"
                                                        : fmt::format("On the way: {:.0f}%", part * 100));
    frame.animate();
  } else if (state == LiveMachine::State::running) {
    if (frame.button(place, "pause", "Pause")) view.live()->pause();
  } else if (view.cursor().row != kNoRow && !(view.is_live && state == LiveMachine::State::failed)) {
    if (frame.button(place, "here", view.is_live ? "Bring the machine here" : "Re-execute to here"))
      view.bring_machine_here();
  }
  return false;
}

std::string machine_domain(ViewState& view) {
  const std::vector<std::string> names = domains_of(view);
  const auto chosen = std::find(names.begin(), names.end(), view.selected_domain);
  if (chosen != names.end()) return *chosen;
  return names.empty() ? "" : names.front();
}

std::string machine_domain(Frame& frame, Rect& area) {
  const std::vector<std::string> names = domains_of(frame.view);
  const std::string chosen = machine_domain(frame.view);
  if (names.size() < 2) return chosen;
  float width = 0;
  for (const std::string& name : names)
    width += frame.canvas.text_width(name, frame.theme.font()) + frame.theme.text_size + 4;
  const auto number = std::find(names.begin(), names.end(), chosen) - names.begin();
  const int clicked =
      frame.tabs(area.take_left(std::min(width, area.w * 0.4F)), "domain", names, static_cast<int>(number));
  area.take_left(frame.theme.gap());
  if (clicked < 0) return chosen;
  frame.view.selected_domain = names[static_cast<size_t>(clicked)];
  return frame.view.selected_domain;
}

const Json* first_view(const Json* answer, std::string& error) {
  if (answer == nullptr || !answer->is_object()) return nullptr;
  if (answer->contains("error") && (*answer)["error"].is_string()) {
    error = (*answer)["error"].get<std::string>();
    return nullptr;
  }
  if (!answer->contains("views") || !(*answer)["views"].is_array() || (*answer)["views"].empty())
    return nullptr;
  const Json& view = (*answer)["views"][0];
  return view.is_object() ? &view : nullptr;
}

std::vector<std::string> view_lines(const Json& view) {
  std::vector<std::string> lines;
  if (!view.contains("lines") || !view["lines"].is_array()) return lines;
  for (const Json& line : view["lines"]) {
    if (line.is_string()) lines.push_back(line.get<std::string>());
  }
  return lines;
}

}  // namespace ringside::viewer
