// What lies over the panes: the help, the field for a time, menus, what is told beside the mouse.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>

#include "viewer/window/actions.h"
#include "viewer/window/app.h"
#include "viewer/window/imgui_canvas.h"

namespace ringside::viewer {

void App::draw_help(Canvas& canvas, Rect area) {
  canvas.fill(area, rgb(0x000000).with_alpha(140));
  // Letters become smaller rather than that something is cut off.
  Font font = theme_.font(), bold = theme_.bold();
  float row = theme_.row_height() * 0.95F;
  size_t lines = 0;
  std::string_view last_group;
  for (const Action& action : actions()) {
    if (action.group != last_group) lines += last_group.empty() ? 1 : 2;
    last_group = action.group;
    ++lines;
  }
  const Rect box = area.inset(area.w * 0.06F, area.h * 0.06F);
  const float per_column = static_cast<float>((lines + 1) / 2 + 2);
  const float room = box.h - theme_.row_height() * 3;
  if (row * per_column > room) {
    const float smaller = room / (row * per_column);
    font.size *= smaller;
    bold.size *= smaller;
    row *= smaller;
  }
  canvas.fill(box, theme_.panel, theme_.text_size * 0.5F);
  canvas.outline(box, theme_.accent, 1.5F, theme_.text_size * 0.5F);
  Rect inside = box.inset(theme_.text_size * 1.5F, theme_.text_size);
  canvas.text_in(inside.take_top(theme_.row_height() * 1.3F), "Keys", theme_.text, theme_.title());
  Rect column = inside;
  column.w = inside.w / 2 - theme_.text_size;
  const float keys_width = std::min(column.w * 0.42F, theme_.text_size * 15);
  float y = column.y;
  last_group = {};
  for (const Action& action : actions()) {
    if (action.group != last_group) {
      // A group is not begun at a column's end.
      if (y + row * 3 > column.bottom() && column.x == inside.x) {
        column.x += column.w + theme_.text_size * 2;
        y = column.y;
      } else if (!last_group.empty()) {
        y += row * 0.5F;
      }
      canvas.text_in({column.x, y, column.w, row}, action.group, theme_.accent, bold);
      y += row;
      last_group = action.group;
    }
    if (y + row > column.bottom() + 1 && column.x == inside.x) {
      column.x += column.w + theme_.text_size * 2;
      y = column.y;
    }
    Font mono{Face::mono, font.size * 0.92F};
    canvas.text_in({column.x, y, keys_width, row}, action.keys, theme_.text, mono);
    canvas.text_in({column.x + keys_width + 8, y, column.w - keys_width - 8, row}, action.what, theme_.text,
                   font);
    y += row;
  }
  AppFrame(canvas, theme_, view_, area, "help", interaction_).hit(box, "page");
  if (interaction_.pointer.pressed) help_ = false;
}

void App::draw_time_field(Canvas& canvas, Rect area) {
  const float width = std::min(area.w * 0.8F, theme_.text_size * 30), row = theme_.row_height() * 1.5F;
  const Rect box{area.centre().x - width / 2, area.h * 0.25F, width, row * 2.4F};
  canvas.fill(box, theme_.raised, theme_.text_size * 0.4F);
  canvas.outline(box, theme_.accent, 1.5F, theme_.text_size * 0.4F);
  Rect inside = box.inset(theme_.text_size, theme_.text_size * 0.4F);
  canvas.text_in(inside.take_top(row * 0.8F), "Go to a time, or to a crossing's number", theme_.text,
                 theme_.bold());
  AppFrame frame(canvas, theme_, view_, box, "time", interaction_);
  if (!frame.input(inside.take_top(row), "field", time_text_, "1.5ms, 0.25s, #1200")) return;
  is_asking_time_ = false;
  std::string text = time_text_;
  if (text.starts_with("#")) {
    std::erase(text, ',');
    const uint64_t number = std::strtoull(text.c_str() + 1, nullptr, 10);
    if (number == 0 || number > view_.table().size()) return view_.say("there is no crossing " + text);
    view_.go_to_row(static_cast<Row>(number - 1));
  } else if (const auto at = parse_tick(text)) {
    view_.go_to_time(*at);
  } else {
    return view_.say(at.error().message);
  }
  view_.show_cursor();
}

// Names that may stand where somebody types.
void App::draw_completions(Canvas& canvas, Rect area) {
  constexpr size_t kMost = 8;
  if (interaction_.active_field != "top:filter") return;
  const auto field = interaction_.areas.find("top:filter");
  std::vector<std::string> names = filter_completions(view_.table(), view_.filter_text);
  if (names.empty() || field == interaction_.areas.end()) return;
  if (names.size() > kMost) {
    const size_t more = names.size() - kMost;
    names.resize(kMost);
    names.push_back(fmt::format("and {} more", more));
  }
  const float row = theme_.row_height();
  Rect box{field->second.x, field->second.bottom() + 2, field->second.w * 0.6F,
           row * static_cast<float>(names.size())};
  box.h = std::min(box.h, area.bottom() - box.y);
  AppFrame(canvas, theme_, view_, area, "top", interaction_).hit(box, "completions");
  canvas.fill(box, theme_.raised);
  canvas.outline(box, theme_.border);
  for (const std::string& name : names)
    canvas.text_in(box.take_top(row).inset(theme_.text_size * 0.5F, 0), name, theme_.text, theme_.mono());
}

void App::draw_menu() {
  if (interaction_.menu_opens) {
    ImGui::OpenPopup("menu");
    interaction_.menu_opens = false;
    ImGui::SetNextWindowPos({interaction_.menu_at.x, interaction_.menu_at.y});
  }
  ImGui::PushStyleColor(ImGuiCol_PopupBg, to_imgui(theme_.raised));
  ImGui::PushStyleColor(ImGuiCol_Border, to_imgui(theme_.border));
  ImGui::PushStyleColor(ImGuiCol_Text, to_imgui(theme_.text));
  ImGui::PushStyleColor(ImGuiCol_TextDisabled, to_imgui(theme_.dim));
  ImGui::PushStyleColor(ImGuiCol_HeaderHovered, to_imgui(theme_.selection));
  menu_open_ = ImGui::BeginPopup("menu");
  if (menu_open_) {
    // Called after the menu, which a chosen entry may replace.
    std::function<void()> chosen;
    for (const Frame::MenuEntry& entry : interaction_.menu) {
      if (!entry.chosen) {
        ImGui::TextDisabled("%s", entry.text.c_str());
        continue;
      }
      if (ImGui::Selectable(entry.text.c_str())) chosen = entry.chosen;
      const ImVec2 from = ImGui::GetItemRectMin(), to = ImGui::GetItemRectMax();
      interaction_.areas["menu:" + entry.text] = {from.x, from.y, to.x - from.x, to.y - from.y};
    }
    ImGui::EndPopup();
    if (chosen) chosen();
  }
  ImGui::PopStyleColor(5);
}

void App::draw_tooltip(Canvas& canvas, Rect area) {
  if (interaction_.tooltip.empty() || interaction_.is_blocked) return;
  std::vector<std::string> lines;
  for (size_t at = 0; at <= interaction_.tooltip.size();) {
    const size_t end = std::min(interaction_.tooltip.find('\n', at), interaction_.tooltip.size());
    lines.push_back(canvas.fitted(std::string_view(interaction_.tooltip).substr(at, end - at), theme_.small(),
                                  area.w * 0.6F));
    at = end + 1;
  }
  const Font font = theme_.small();
  const float row = canvas.line_height(font), pad = theme_.text_size * 0.5F;
  float width = 0;
  for (const std::string& line : lines) width = std::max(width, canvas.text_width(line, font));
  Rect box{interaction_.pointer.at.x + 14, interaction_.pointer.at.y + 18, width + 2 * pad,
           row * static_cast<float>(lines.size()) + 2 * pad};
  if (box.right() > area.right()) box.x = std::max(0.0F, interaction_.pointer.at.x - 8 - box.w);
  if (box.bottom() > area.bottom()) box.y = std::max(0.0F, interaction_.pointer.at.y - 8 - box.h);
  canvas.fill(box, theme_.raised, 4);
  canvas.outline(box, theme_.border, 1, 4);
  float y = box.y + pad;
  for (const std::string& line : lines) {
    canvas.text({box.x + pad, y}, line, theme_.text, font);
    y += row;
  }
}

}  // namespace ringside::viewer
