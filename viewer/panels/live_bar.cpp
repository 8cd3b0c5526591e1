#include "viewer/panels/live_bar.h"

#include <fmt/format.h>

#include <filesystem>

#include "viewer/panels/machine_here.h"

namespace ringside::viewer {

namespace {

using State = LiveMachine::State;

struct Speed {
  double speed;
  const char* text;
};
constexpr Speed kSpeeds[] = {{0, "as fast as it goes"}, {1, "1 s/s"},     {0.1, "100 ms/s"},
                             {1e-2, "10 ms/s"},         {1e-3, "1 ms/s"}, {1e-4, "100 us/s"},
                             {1e-5, "10 us/s"},         {1e-6, "1 us/s"}};

const char* text_of(double speed) {
  for (const Speed& known : kSpeeds) {
    if (known.speed == speed) return known.speed == 0 ? "full speed" : known.text;
  }
  return "";
}

std::string chosen_wire(const ViewState& view) {
  const auto wire = view.selected_wire();
  return wire && *wire < view.table().wires().size() ? view.table().wires()[*wire].name : "";
}

// Of the chosen wire, or of the crossing at the cursor.
std::string wire_for_fault(const ViewState& view) {
  std::string wire = chosen_wire(view);
  const Row row = view.cursor().row;
  if (wire.empty() && row != kNoRow && row < view.table().size()) wire = view.table().wire_of(row).name;
  return wire;
}

// One that is not there yet.
std::string free_name(const std::string& stem) {
  std::error_code error;
  for (int number = 1;; ++number) {
    std::string name = number == 1 ? stem + ".pcapng" : fmt::format("{}-{}.pcapng", stem, number);
    if (!std::filesystem::exists(name, error)) return name;
  }
}

}  // namespace

void LiveBar::run_or_pause(ViewState& view) {
  LiveMachine& live = *view.live();
  if (live.state() == State::paused) return live.run(speed_);
  if (live.state() == State::ended) return view.say("the machine has ended; back goes back");
  live.pause();
}

void LiveBar::step(ViewState& view) {
  const std::string wire = chosen_wire(view);
  view.live()->step(wire.empty() ? "*" : wire);
}

void LiveBar::back(ViewState& view) {
  const std::string wire = chosen_wire(view);
  view.live()->back(wire.empty() ? "*" : wire);
}

void LiveBar::save(ViewState& view) {
  std::string stem = view.session().header().scenario_name;
  if (stem.empty() && view.live()->ready().is_object()) stem = view.live()->ready().value("scenario", "");
  if (stem.empty()) stem = "session";
  view.live()->save(free_name(stem));
}

void LiveBar::ask_fault(ViewState& view) {
  fault_wire_ = wire_for_fault(view);
  if (fault_wire_.empty()) return view.say("choose a wire first: a fault strikes its next crossing");
  view.live()->ask_fault_actions(fault_wire_);
}

void LiveBar::draw(Frame& frame) {
  ViewState& view = frame.view;
  if (!is_wanted(view)) return frame.say_empty("A session is looked at, and no machine runs.");
  const Theme& theme = frame.theme;
  const LiveMachine& live = *view.live();
  const State state = live.state();
  frame.canvas.fill(frame.area, theme.panel);
  Rect area = frame.area;
  area = area.take_top(theme.row_height() * 1.6F).inset(theme.text_size * 0.5F, theme.text_size * 0.2F);
  const auto button = [&](std::string_view name, std::string_view text, bool is_on = false) {
    const float width = frame.canvas.text_width(text, theme.font()) + theme.text_size * 1.2F;
    if (width > area.w) return false;
    const bool pressed = frame.button(area.take_left(width), name, text, is_on);
    area.take_left(4);
    return pressed;
  };
  const bool is_busy = state == State::running || state == State::going || state == State::starting;
  if (button("run", is_busy ? "Pause" : "Run", is_busy)) run_or_pause(view);
  if (button("step", "Step")) step(view);
  if (button("back", "Step back")) back(view);
  if (button("speed", text_of(speed_))) open_speeds(frame);
  if (button("fault", "Fault ...")) ask_fault(view);
  if (button("save", "Save")) save(view);
  if (!fault_wire_.empty()) {
    if (live.fault_actions(fault_wire_) != nullptr) {
      open_faults(frame);
    } else {
      frame.animate();
    }
  }
  area.take_left(theme.gap());
  draw_state(frame, area);
}

void LiveBar::draw_state(Frame& frame, Rect area) {
  const Theme& theme = frame.theme;
  const LiveMachine& live = *frame.view.live();
  const State state = live.state();
  if (area.w < theme.text_size * 4) return;
  if (state == State::going || state == State::starting) {
    draw_progress(frame, area.take_left(std::min(area.w, theme.text_size * 14)), live.progress(),
                  to_string(state));
    return frame.animate();
  }
  if (state == State::running) frame.animate();
  std::string text(to_string(state));
  if (state != State::failed && state != State::none) text += " at " + time_text(Tick{live.place().at_ps});
  if (state != State::running && !live.reason().empty() && live.reason() != to_string(state))
    text += ": " + live.reason();
  const Color color = state == State::failed    ? theme.bad
                      : state == State::running ? theme.good
                      : state == State::ended   ? theme.notice
                                                : theme.dim;
  frame.canvas.text_in(area, text, color, theme.font());
  if (frame.hit(area, "state").hovered && frame.canvas.text_width(text, theme.font()) > area.w)
    frame.tooltip(text);
}

void LiveBar::open_speeds(Frame& frame) {
  std::vector<Frame::MenuEntry> entries;
  entries.push_back({"Virtual time per second", {}});
  ViewState& view = frame.view;
  for (const Speed& speed : kSpeeds) {
    entries.push_back({speed.text, [this, &view, value = speed.speed] {
                         speed_ = value;
                         // A running machine goes on at its new speed.
                         if (view.live()->state() != State::running) return;
                         view.live()->pause();
                         view.live()->run(value);
                       }});
  }
  frame.open_menu(std::move(entries));
}

// "ring/xvda/response@1 fail(-5)": its next crossing from now on (docs/faults.md).
void LiveBar::open_faults(Frame& frame) {
  const std::string wire = std::exchange(fault_wire_, {});
  ViewState& view = frame.view;
  std::vector<Frame::MenuEntry> entries;
  const auto& actions = *view.live()->fault_actions(wire);
  entries.push_back({actions.empty() ? fmt::format("{} is only observed: nothing can be done to it", wire)
                                     : fmt::format("The next crossing of {}", wire),
                     {}});
  for (const std::string& action : actions) {
    entries.push_back(
        {action, [&view, spec = fmt::format("{}@1 {}", wire, action)] { view.live()->fault(spec); }});
  }
  frame.open_menu(std::move(entries));
}

std::vector<std::pair<std::string, std::string>> LiveBar::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  if (!is_wanted(view)) return facts;
  const LiveMachine& live = *view.live();
  facts.emplace_back("state", to_string(live.state()));
  facts.emplace_back("reason", live.reason());
  facts.emplace_back("sequence", fmt::format("{}", live.sequence()));
  facts.emplace_back("at_ps", fmt::format("{}", live.place().at_ps));
  facts.emplace_back("instructions", fmt::format("{}", live.place().instructions));
  facts.emplace_back("speed", text_of(speed_));
  return facts;
}

}  // namespace ringside::viewer
