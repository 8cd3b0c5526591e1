#include "viewer/window/app.h"

#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "viewer/canvas/svg_canvas.h"
#include "viewer/window/actions.h"
#include "viewer/window/imgui_canvas.h"
#include "viewer/window/png_file.h"

namespace ringside::viewer {

namespace {

constexpr float kGap = 5;

// "Shift+Right": as actions name it.
std::string key_name(const SDL_KeyboardEvent& key) {
  std::string name = SDL_GetKeyName(key.keysym.sym);
  if (name.size() == 1 && name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] - 'A' + 'a');
  std::string text;
  if ((key.keysym.mod & KMOD_CTRL) != 0) text += "Ctrl+";
  if ((key.keysym.mod & KMOD_ALT) != 0) text += "Alt+";
  if ((key.keysym.mod & KMOD_SHIFT) != 0) text += "Shift+";
  return text + name;
}

}  // namespace

App::App(Window& window, ViewState& view, Settings settings)
    : window_(window), view_(view), settings_(std::move(settings)), panels_(make_panels()) {
  auto bar = std::make_unique<LiveBar>();
  live_bar_ = bar.get();
  panels_.push_back(std::move(bar));
  set_theme();
}

App::~App() = default;

void App::set_theme() {
  const ThemeName name = is_presentation_     ? ThemeName::presentation
                         : settings_.is_light ? ThemeName::light
                                              : ThemeName::dark;
  theme_ = make_theme(name, window_.scale() * settings_.zoom);
}

// --- Layouts ---

Panel* App::find_panel(std::string_view id) {
  for (const auto& panel : panels_) {
    if (panel->id() == id) return panel.get();
  }
  return nullptr;
}

Result<> App::set_layout(const std::string& name) {
  const auto is_panel = [this](std::string_view id) { return find_panel(id) != nullptr; };
  const Layout* layout = find_layout(name);
  const bool is_panes = name.find('(') != std::string::npos;
  if (layout == nullptr && !is_panes) {
    std::string names;
    for (const Layout& known : layouts()) names += (names.empty() ? "" : ", ") + known.name;
    return fail(fmt::format("there is no layout '{}'; there are {}", name, names));
  }
  keep_panes();
  if (is_panes) {
    // A step of a lesson; nobody's to keep.
    auto panes = parse_panes(name, is_panel);
    if (!panes) return tl::unexpected(panes.error());
    root_ = std::move(*panes);
    layout_ = "lesson";
    is_lent_ = true;
  } else {
    const auto own = settings_.panes.find(name);
    auto panes = parse_panes(own != settings_.panes.end() ? own->second : layout->panes, is_panel);
    if (!panes) panes = parse_panes(layout->panes, is_panel);
    if (!panes) return tl::unexpected(panes.error());
    root_ = std::move(*panes);
    layout_ = name;
    is_lent_ = false;
  }
  chosen_ = nullptr;
  return {};
}

void App::keep_panes() {
  if (root_ && !layout_.empty() && !is_lent_) settings_.panes[layout_] = to_text(*root_);
}

void App::press_layout(size_t number) {
  if (number < layouts().size()) (void)set_layout(layouts()[number].name);
}

Settings App::settings() {
  keep_panes();
  // What nobody changed follows later versions of the program.
  for (const Layout& layout : layouts()) {
    const auto kept = settings_.panes.find(layout.name);
    if (kept == settings_.panes.end()) continue;
    const auto is_panel = [this](std::string_view id) { return find_panel(id) != nullptr; };
    if (const auto own = parse_panes(layout.panes, is_panel); own && to_text(**own) == kept->second)
      settings_.panes.erase(kept);
  }
  settings_.layout = layout_;
  settings_.width = window_.width();
  settings_.height = window_.height();
  return settings_;
}

// --- What keys do ---

void App::toggle_presentation() {
  is_presentation_ = !is_presentation_;
  set_theme();
}
void App::toggle_light() {
  settings_.is_light = !settings_.is_light;
  set_theme();
}
void App::zoom_letters(float factor) {
  settings_.zoom = factor == 0 ? 1 : std::clamp(settings_.zoom * factor, 0.5F, 4.0F);
  set_theme();
}
void App::ask_time() {
  is_asking_time_ = true;
  time_text_.clear();
  focus("time:field");
}
void App::close_overlays() {
  help_ = false;
  is_asking_time_ = false;
  menu_open_ = false;
  interaction_.menu.clear();
}
void App::choose_pane(int by) {
  std::vector<PlacedPane> leaves;
  std::vector<PlacedSplit> splits;
  place_panes(*root_, {0, 0, 1000, 1000}, kGap, leaves, splits);
  size_t at = 0;
  while (at < leaves.size() && leaves[at].pane != chosen_) ++at;
  const auto count = static_cast<int>(leaves.size());
  const int now = at == leaves.size() ? (by > 0 ? -1 : 0) : static_cast<int>(at);
  chosen_ = leaves[static_cast<size_t>(((now + by) % count + count) % count)].pane;
}

void App::export_picture(const std::string& png, const std::string& svg) {
  namespace fs = std::filesystem;
  png_wanted_ = png;
  svg_wanted_ = svg;
  if (!png.empty() || !svg.empty()) return;
  std::string stem = fs::path(view_.session().path()).stem().string();
  if (stem.empty()) stem = view_.session().header().scenario_name;
  std::error_code error;
  for (int number = 1;; ++number) {
    const std::string name =
        fmt::format("{}-{}{}", stem, layout_, number == 1 ? "" : fmt::format("-{}", number));
    if (fs::exists(name + ".png", error) || fs::exists(name + ".svg", error)) continue;
    png_wanted_ = name + ".png";
    svg_wanted_ = name + ".svg";
    return;
  }
}

bool App::give(const SDL_Event& event) {
  window_.give(event);
  Pointer& pointer = interaction_.pointer;
  switch (event.type) {
    case SDL_QUIT: return false;
    case SDL_MOUSEMOTION: {
      const Point at{static_cast<float>(event.motion.x), static_cast<float>(event.motion.y)};
      pointer.moved = pointer.moved + (at - pointer.at);
      pointer.at = at;
      break;
    }
    case SDL_MOUSEBUTTONDOWN:
      pointer.at = {static_cast<float>(event.button.x), static_cast<float>(event.button.y)};
      if (event.button.button == SDL_BUTTON_LEFT) {
        pointer.pressed = pointer.down = true;
        pointer.double_pressed = event.button.clicks == 2;
      }
      if (event.button.button == SDL_BUTTON_RIGHT) pointer.right_pressed = true;
      if (event.button.button == SDL_BUTTON_MIDDLE) pointer.middle_down = true;
      break;
    case SDL_MOUSEBUTTONUP:
      if (event.button.button == SDL_BUTTON_LEFT) {
        pointer.down = false;
        pointer.released = true;
      }
      if (event.button.button == SDL_BUTTON_MIDDLE) pointer.middle_down = false;
      break;
    case SDL_MOUSEWHEEL:
      pointer.wheel += event.wheel.preciseY;
      pointer.wheel_across += event.wheel.preciseX;
      break;
    case SDL_WINDOWEVENT:
      if (event.window.event == SDL_WINDOWEVENT_LEAVE) pointer.at = {-1, -1};
      break;
    case SDL_KEYDOWN: {
      pointer.shift = (event.key.keysym.mod & KMOD_SHIFT) != 0;
      pointer.ctrl = (event.key.keysym.mod & KMOD_CTRL) != 0;
      pointer.alt = (event.key.keysym.mod & KMOD_ALT) != 0;
      const std::string key = key_name(event.key);
      if (key == "Escape") {
        if (has_overlay()) close_overlays();
        break;
      }
      // Who types, types.
      if (ImGui::GetIO().WantTextInput || !interaction_.active_field.empty()) break;
      Panel* const chosen = chosen_ != nullptr ? find_panel(chosen_->panel) : nullptr;
      if (chosen != nullptr && chosen->on_key(key, view_)) break;
      if (const Action* action = find_action(key)) action->run(*this);
      break;
    }
    case SDL_KEYUP:
      pointer.shift = (event.key.keysym.mod & KMOD_SHIFT) != 0;
      pointer.ctrl = (event.key.keysym.mod & KMOD_CTRL) != 0;
      pointer.alt = (event.key.keysym.mod & KMOD_ALT) != 0;
      break;
    default: break;
  }
  return true;
}

// --- A frame ---

bool App::frame(double seconds, bool show) {
  const bool changed = view_.update(seconds);
  if (!view_.wanted_layout.empty()) {
    if (auto set = set_layout(std::exchange(view_.wanted_layout, {})); !set) view_.say(set.error().message);
  }
  if (!root_) (void)set_layout("overview");
  window_.begin_frame(seconds, theme_);
  interaction_.begin_frame();
  interaction_.is_blocked = has_overlay();
  view_.hovered = kNoRow;

  const Rect all{0, 0, static_cast<float>(window_.width()), static_cast<float>(window_.height())};
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize({all.w, all.h});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0, 0});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowMinSize, {1, 1});
  ImGui::Begin("ringside", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoBackground | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoNavInputs |
                   ImGuiWindowFlags_NoBringToFrontOnFocus);
  ImGuiCanvas canvas(*ImGui::GetWindowDrawList(), window_.fonts(), window_);
  std::optional<SvgCanvas> svg;
  if (!svg_wanted_.empty()) svg.emplace(canvas, all.w, all.h);
  draw(svg ? static_cast<Canvas&>(*svg) : canvas, all);
  ImGui::End();
  ImGui::PopStyleVar(3);
  draw_menu();
  window_.end_frame(theme_, false);
  write_exports(svg ? &*svg : nullptr);
  if (show) SDL_GL_SwapWindow(window_.sdl());

  Pointer& pointer = interaction_.pointer;
  pointer.pressed = pointer.released = pointer.double_pressed = pointer.right_pressed = false;
  pointer.moved = {};
  pointer.wheel = pointer.wheel_across = 0;
  return changed || interaction_.animates || view_.is_playing || !view_.session().is_read();
}

void App::write_exports(SvgCanvas* svg) {
  if (svg_wanted_.empty() && png_wanted_.empty()) return;
  std::string names, problem;
  if (svg != nullptr) {
    std::ofstream out(svg_wanted_);
    out << svg->finish();
    if (!out.flush()) problem = fmt::format("'{}' cannot be written", svg_wanted_);
    names = svg_wanted_;
  }
  if (!png_wanted_.empty()) {
    const auto written = write_png(png_wanted_, static_cast<uint32_t>(window_.drawable_width()),
                                   static_cast<uint32_t>(window_.drawable_height()), window_.read_pixels());
    if (!written) problem = written.error().message;
    names += (names.empty() ? "" : " and ") + png_wanted_;
  }
  view_.say(problem.empty() ? "written: " + names : problem);
  svg_wanted_.clear();
  png_wanted_.clear();
}

void App::draw(Canvas& canvas, Rect area) {
  canvas.fill(area, theme_.window);
  const float row = theme_.row_height();
  const Rect whole = area;
  draw_top_bar(canvas, area.take_top(row * 1.5F));
  if (const std::string& problem = view_.session().problem(); !problem.empty())
    draw_problem(canvas, area.take_top(row * 1.2F), problem);
  draw_status(canvas, area.take_bottom(row * 1.1F));
  draw_transport(canvas, area.take_bottom(row * 1.9F));
  if (view_.is_live) {
    const Rect strip = area.take_top(row * 1.6F);
    AppFrame frame(canvas, theme_, view_, strip, "live", interaction_);
    live_bar_->draw(frame);
  }

  std::vector<PlacedPane> leaves;
  std::vector<PlacedSplit> splits;
  place_panes(*root_, area.inset(kGap, 2), kGap, leaves, splits);
  drag_splits(canvas, splits);
  for (const PlacedPane& placed : leaves) draw_pane(canvas, placed);
  if (help_) draw_help(canvas, whole);
  if (is_asking_time_) draw_time_field(canvas, whole);
  draw_completions(canvas, whole);
  draw_tooltip(canvas, whole);
}

void App::draw_pane(Canvas& canvas, const PlacedPane& placed) {
  Rect area = placed.area;
  const float radius = theme_.text_size * 0.3F;
  canvas.fill(area, theme_.panel);
  canvas.outline(area, placed.pane == chosen_ ? theme_.accent : theme_.border, 1, radius);
  Panel* const panel = find_panel(placed.pane->panel);
  if (panel == nullptr) return;
  const Pointer& pointer = interaction_.pointer;
  if (pointer.pressed && placed.area.contains(pointer.at) && !interaction_.is_blocked) chosen_ = placed.pane;

  const Rect head = area.take_top(theme_.row_height() * 1.05F);
  AppFrame title(canvas, theme_, view_, head, fmt::format("pane/{}", panel->id()), interaction_);
  const Hit on = title.hit(head, "title");
  canvas.text_in(head.inset(theme_.text_size * 0.6F, 0), panel->title(),
                 on.hovered ? theme_.text : theme_.dim, theme_.bold());
  const float size = theme_.text_size * 0.3F;
  const Point at{head.right() - theme_.text_size, head.centre().y};
  const Point arrow[3] = {
      {at.x - size, at.y - size / 2}, {at.x + size, at.y - size / 2}, {at.x, at.y + size / 2}};
  canvas.fill_convex(arrow, theme_.dim);
  if (on.clicked || on.right_clicked) {
    pane_menu(title, *placed.pane);
    return;
  }
  const Rect body = area.inset(1, 1);
  AppFrame frame(canvas, theme_, view_, body, panel->id(), interaction_);
  const Clip clip(canvas, body);
  panel->draw(frame);
}

void App::drag_splits(Canvas& canvas, const std::vector<PlacedSplit>& splits) {
  size_t number = 0;
  for (const PlacedSplit& placed : splits) {
    AppFrame frame(canvas, theme_, view_, placed.handle, fmt::format("split/{}", number++), interaction_);
    const Hit on = frame.hit(placed.handle, "handle");
    if (on.hovered || on.held) canvas.fill(placed.handle, theme_.accent, 2);
    if (!on.held) continue;
    const Point at = interaction_.pointer.at;
    const float part = placed.split->is_stacked ? (at.y - placed.area.y) / std::max(placed.area.h, 1.0F)
                                                : (at.x - placed.area.x) / std::max(placed.area.w, 1.0F);
    placed.split->part = std::clamp(part, 0.08F, 0.92F);
  }
}

void App::pane_menu(AppFrame& frame, Pane& pane) {
  std::vector<Frame::MenuEntry> entries;
  entries.push_back({"Show", nullptr});
  for (const auto& panel : panels_) {
    if (panel->id() == "live") continue;
    entries.push_back(
        {std::string(panel->title()), [&pane, id = std::string(panel->id())] { pane.panel = id; }});
  }
  entries.push_back({"Pane", nullptr});
  entries.push_back({"Split beside", [&pane] { split_pane(pane, false, pane.panel); }});
  entries.push_back({"Split below", [&pane] { split_pane(pane, true, pane.panel); }});
  entries.push_back({"Close", [this, &pane] {
                       chosen_ = nullptr;
                       close_pane(root_, &pane);
                     }});
  entries.push_back({"Layout as it was", [this] {
                       settings_.panes.erase(layout_);
                       root_.reset();
                       const std::string name = std::exchange(layout_, {});
                       (void)set_layout(name);
                     }});
  frame.open_menu(std::move(entries));
}

std::vector<std::pair<std::string, std::string>> App::facts() {
  std::vector<std::pair<std::string, std::string>> all;
  const auto number = [](uint64_t value) { return fmt::format("{}", value); };
  all.emplace_back("rows", number(view_.table().size()));
  all.emplace_back("read", view_.session().is_read() ? "yes" : "no");
  all.emplace_back("cursor.row", view_.cursor().row == kNoRow ? "none" : number(view_.cursor().row));
  all.emplace_back("cursor.ps", number(view_.cursor().at.ps));
  if (view_.cursor().row != kNoRow) {
    all.emplace_back("cursor.wire", view_.table().wire_of(view_.cursor().row).name);
    all.emplace_back("cursor.sequence", number(view_.table().sequence(view_.cursor().row)));
  }
  all.emplace_back("wire", view_.selected_wire() ? view_.table().wires()[*view_.selected_wire()].name : "");
  all.emplace_back("filter", view_.filter_text);
  all.emplace_back("filter.error", view_.filter_error());
  all.emplace_back("filter.found", view_.is_filtered() ? number(view_.found().size()) : "");
  all.emplace_back("filter.done", view_.filter_done() ? "yes" : "no");
  all.emplace_back("range.begin", fmt::format("{:.0f}", view_.range_begin));
  all.emplace_back("range.end", fmt::format("{:.0f}", view_.range_end));
  all.emplace_back("layout", layout_);
  all.emplace_back("panes", root_ ? to_text(*root_) : "");
  all.emplace_back("help", help_ ? "yes" : "no");
  all.emplace_back("presentation", is_presentation_ ? "yes" : "no");
  all.emplace_back("playing", view_.is_playing ? "yes" : "no");
  all.emplace_back("problem", view_.session().problem());
  all.emplace_back("status", view_.status);
  // A live machine's bar tells of it; a session's machine has none.
  if (const LiveMachine* live = view_.live(); live != nullptr && !view_.is_live) {
    all.emplace_back("live.state", to_string(live->state()));
    all.emplace_back("live.sequence", number(live->sequence()));
    all.emplace_back("live.reason", live->reason());
  }
  for (const auto& panel : panels_) {
    for (auto& [name, value] : panel->facts(view_))
      all.emplace_back(fmt::format("{}.{}", panel->id(), name), value);
  }
  return all;
}

}  // namespace ringside::viewer
