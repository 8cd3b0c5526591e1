// The canvas of the window: an ImGui draw list.
#pragma once

#include "viewer/canvas/canvas.h"
#include "viewer/window/fonts.h"

namespace ringside::viewer {

class ImGuiCanvas final : public Canvas {
 public:
  ImGuiCanvas(ImDrawList& list, const Fonts& fonts) : list_(list), fonts_(fonts) {}

  void fill(Rect area, Color color, float radius) override;
  void outline(Rect area, Color color, float width, float radius) override;
  void line(Point from, Point to, Color color, float width) override;
  void path(std::span<const Point> points, Color color, float width, bool closed) override;
  void fill_convex(std::span<const Point> points, Color color) override;
  void fill_circle(Point centre, float radius, Color color) override;
  void outline_circle(Point centre, float radius, Color color, float width) override;
  void text(Point at, std::string_view text, Color color, Font font) override;
  void push_clip(Rect area) override;
  void pop_clip() override;
  float text_width(std::string_view text, Font font) const override;

 private:
  ImDrawList& list_;
  const Fonts& fonts_;
};

ImU32 to_imgui(Color color);

}  // namespace ringside::viewer
