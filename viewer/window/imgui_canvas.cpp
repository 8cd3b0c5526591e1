#include "viewer/window/imgui_canvas.h"

#include <algorithm>
#include <cfloat>

namespace ringside::viewer {

namespace {

ImVec2 to_imgui(Point point) { return {point.x, point.y}; }
ImVec2 upper_left(Rect area) { return {area.x, area.y}; }
ImVec2 lower_right(Rect area) { return {area.right(), area.bottom()}; }
static_assert(sizeof(Point) == sizeof(ImVec2));
// Inter and JetBrains Mono are drawn a fifth larger than their nominal size: their letters are small in their
// box.
constexpr float kLetterScale = 1.2F;

}  // namespace

ImU32 to_imgui(Color color) { return IM_COL32(color.r, color.g, color.b, color.a); }

// A software renderer takes 5 ns for each pixel that it blends, and next to nothing to clear one.
void ImGuiCanvas::fill(Rect area, Color color, float radius) {
  constexpr float kLarge = 20'000;  // pixels
  if (area.is_empty()) return;
  if (color.a == 255 && radius == 0 && area.w * area.h > kLarge) {
    const ImVec2 from = list_.GetClipRectMin(), to = list_.GetClipRectMax();
    const float left = std::max(area.x, from.x), top = std::max(area.y, from.y);
    const Rect seen{left, top, std::min(area.right(), to.x) - left, std::min(area.bottom(), to.y) - top};
    if (seen.is_empty()) return;
    clearer_.wanted.push_back({&clearer_, seen, color});
    list_.AddCallback(
        [](const ImDrawList*, const ImDrawCmd* command) {
          const auto& wanted = *static_cast<const AreaClearer::Wanted*>(command->UserCallbackData);
          wanted.by->clear(wanted.area, wanted.color);
        },
        &clearer_.wanted.back());
    return;
  }
  list_.AddRectFilled(upper_left(area), lower_right(area), viewer::to_imgui(color), radius);
}

void ImGuiCanvas::outline(Rect area, Color color, float width, float radius) {
  if (!area.is_empty())
    list_.AddRect(upper_left(area), lower_right(area), viewer::to_imgui(color), radius, ImDrawFlags_None,
                  width);
}

void ImGuiCanvas::line(Point from, Point to, Color color, float width) {
  list_.AddLine(to_imgui(from), to_imgui(to), viewer::to_imgui(color), width);
}

void ImGuiCanvas::path(std::span<const Point> points, Color color, float width, bool closed) {
  if (points.size() < 2) return;
  list_.AddPolyline(reinterpret_cast<const ImVec2*>(points.data()), static_cast<int>(points.size()),
                    viewer::to_imgui(color), closed ? ImDrawFlags_Closed : ImDrawFlags_None, width);
}

void ImGuiCanvas::fill_convex(std::span<const Point> points, Color color) {
  if (points.size() < 3) return;
  list_.AddConvexPolyFilled(reinterpret_cast<const ImVec2*>(points.data()), static_cast<int>(points.size()),
                            viewer::to_imgui(color));
}

void ImGuiCanvas::fill_circle(Point centre, float radius, Color color) {
  if (radius > 0) list_.AddCircleFilled(to_imgui(centre), radius, viewer::to_imgui(color));
}

void ImGuiCanvas::outline_circle(Point centre, float radius, Color color, float width) {
  if (radius > 0) list_.AddCircle(to_imgui(centre), radius, viewer::to_imgui(color), 0, width);
}

void ImGuiCanvas::text(Point at, std::string_view text, Color color, Font font) {
  if (text.empty()) return;
  list_.AddText(fonts_.find(font), font.size * kLetterScale, to_imgui(at), viewer::to_imgui(color),
                text.data(), text.data() + text.size());
}

void ImGuiCanvas::push_clip(Rect area) {
  // ImGui's own, so that a text field is clipped as well.
  ImGui::PushClipRect(upper_left(area), lower_right(area), true);
}

void ImGuiCanvas::pop_clip() { ImGui::PopClipRect(); }

float ImGuiCanvas::text_width(std::string_view text, Font font) const {
  if (text.empty()) return 0;
  return fonts_.find(font)
      ->CalcTextSizeA(font.size * kLetterScale, FLT_MAX, 0, text.data(), text.data() + text.size())
      .x;
}

}  // namespace ringside::viewer
