#include "viewer/window/app_frame.h"

#include <fmt/format.h>
#include <imgui.h>
#include <imgui_stdlib.h>

#include "viewer/window/imgui_canvas.h"

namespace ringside::viewer {

void Interaction::begin_frame() {
  areas_before.swap(areas);
  areas.clear();
  tooltip.clear();
  animates = false;
  active_field.clear();
  if (!pointer.down) held.clear();
}

AppFrame::AppFrame(Canvas& given_canvas, const Theme& given_theme, ViewState& given_view, Rect given_area,
                   std::string_view panel, Interaction& interaction)
    : Frame(given_canvas, given_theme, given_view, given_area), panel_(panel), interaction_(interaction) {
  // Who was pressed keeps the mouse wherever it goes.
  const bool is_held_here = interaction.held.starts_with(panel_ + ":");
  const bool is_here = interaction.held.empty() ? given_area.contains(interaction.pointer.at) : is_held_here;
  if (is_here && !interaction.is_blocked) pointer_ = interaction.pointer;
}

Hit AppFrame::hit(Rect given, std::string_view name) {
  // What is outside the panel cannot be seen, nor be clicked.
  const float left = std::max(given.x, area.x), top = std::max(given.y, area.y);
  const Rect seen{left, top, std::min(given.right(), area.right()) - left,
                  std::min(given.bottom(), area.bottom()) - top};
  Hit result;
  if (seen.is_empty()) return result;
  const std::string key = fmt::format("{}:{}", panel_, name);
  interaction_.areas[key] = seen;
  const bool is_under = seen.contains(pointer_.at);
  result.hovered = is_under && (interaction_.held.empty() || interaction_.held == key);
  if (is_under && pointer_.pressed) {
    interaction_.held = key;
    result.clicked = true;
    result.double_clicked = pointer_.double_pressed;
  }
  result.right_clicked = is_under && pointer_.right_pressed;
  result.held = interaction_.held == key && pointer_.down;
  return result;
}

bool AppFrame::input(Rect given, std::string_view name, std::string& text, std::string_view hint) {
  const std::string key = fmt::format("{}:{}", panel_, name);
  interaction_.areas[key] = given;
  canvas.fill(given, theme.window, theme.text_size * 0.2F);
  canvas.outline(given, theme.border, 1, theme.text_size * 0.2F);
  const float pad = (given.h - theme.text_size * 1.2F) / 2;
  ImGui::SetCursorScreenPos({given.x, given.y});
  ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, {theme.text_size * 0.4F, std::max(0.0F, pad)});
  ImGui::PushStyleColor(ImGuiCol_FrameBg, 0);
  ImGui::PushStyleColor(ImGuiCol_Text, to_imgui(theme.text));
  ImGui::PushStyleColor(ImGuiCol_TextDisabled, to_imgui(theme.dim));
  ImGui::PushStyleColor(ImGuiCol_TextSelectedBg, to_imgui(theme.selection));
  ImGui::PushStyleColor(ImGuiCol_NavHighlight, to_imgui(theme.accent));
  ImGui::SetNextItemWidth(given.w);
  if (interaction_.focus_field == key) {
    ImGui::SetKeyboardFocusHere();
    interaction_.focus_field.clear();
  }
  const std::string before = text;
  const bool entered = ImGui::InputTextWithHint(("##" + key).c_str(), std::string(hint).c_str(), &text,
                                                ImGuiInputTextFlags_EnterReturnsTrue);
  // Escape leaves the field; ImGui would take back what has been typed as well.
  if (ImGui::IsItemDeactivated() && ImGui::IsKeyPressed(ImGui::GetKeyIndex(ImGuiKey_Escape))) text = before;
  if (ImGui::IsItemActive()) {
    interaction_.active_field = key;
    canvas.outline(given, theme.accent, 1.5F, theme.text_size * 0.2F);
  }
  ImGui::PopStyleColor(5);
  ImGui::PopStyleVar();
  return entered;
}

void AppFrame::open_menu(std::vector<MenuEntry> entries) {
  interaction_.menu = std::move(entries);
  interaction_.menu_at = interaction_.pointer.at;
  interaction_.menu_opens = true;
}

}  // namespace ringside::viewer
