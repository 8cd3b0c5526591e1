// The canvas of the window: an ImGui draw list.
#pragma once

#include <deque>

#include "viewer/canvas/canvas.h"
#include "viewer/window/fonts.h"

namespace ringside::viewer {

// Clears parts of the picture, at their turn among what is drawn. It lives until the frame has been rendered.
class AreaClearer {
 public:
  virtual ~AreaClearer() = default;
  virtual void clear(Rect area, Color color) = 0;

  struct Wanted {
    AreaClearer* by;
    Rect area;
    Color color;
  };
  std::deque<Wanted> wanted;  // of this frame; a callback has their addresses
};

class ImGuiCanvas final : public Canvas {
 public:
  ImGuiCanvas(ImDrawList& list, const Fonts& fonts, AreaClearer& clearer)
      : list_(list), fonts_(fonts), clearer_(clearer) {}

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
  AreaClearer& clearer_;
};

ImU32 to_imgui(Color color);

}  // namespace ringside::viewer
