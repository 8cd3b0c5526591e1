// Draws on another canvas, and writes the same as SVG 1.1 with text as text (font-family is what the window's
// fonts are called, with common ones behind).
#pragma once

#include <string>
#include <vector>

#include "viewer/canvas/canvas.h"

namespace ringside::viewer {

class SvgCanvas final : public Canvas {
 public:
  // `shown` measures text, and is drawn on as well.
  SvgCanvas(Canvas& shown, float width, float height);

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
  float line_height(Font font) const override;

  // The whole file.
  std::string finish();

 private:
  void points(std::span<const Point> points);

  Canvas& shown_;
  std::string body_;
  float width_, height_;
  size_t clips_ = 0, open_ = 0;
};

}  // namespace ringside::viewer
